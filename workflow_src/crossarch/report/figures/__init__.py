"""Figures: a tidy CSV first, then PDF, SVG and PNG drawn from that CSV alone, and a caption.

`points` works out the CSV of a figure that shows runs, `schedules` and `diagram` that of the others;
`accuracy`, `schedules` and `diagram` draw; `style` holds everything that is a matter of looks.
"""

from crossarch.report.figures.distillation import draw_distillation
from crossarch.report.figures.render import FORMATS, render_figure

__all__ = ["FORMATS", "draw_distillation", "render_figure"]
