"""Figures: a tidy CSV first, then PDF, SVG and PNG drawn from that CSV alone, and a caption.

`points` and `curvature_table` work out the CSV of a figure that shows runs, `schedules` and `diagram`
that of the others; `accuracy`, `curvature`, `schedules` and `diagram` draw; `caption` finds the words.
"""

from crossarch.report.figures.distillation import draw_distillation
from crossarch.report.figures.render import FORMATS, render_figure

__all__ = ["FORMATS", "draw_distillation", "render_figure"]
