"""Figures: a tidy CSV first, then PDF, SVG and PNG drawn from that CSV alone, and a caption.

A kind is registered when its module is imported.
"""

from crossarch.report.figures import accuracies, curvature, diagram, gains, schedule, transfer
from crossarch.report.figures.distillation import draw_distillation
from crossarch.report.figures.kinds import KINDS, draw_csv, render_figure, shows_nothing

__all__ = ["KINDS", "draw_csv", "draw_distillation", "render_figure", "shows_nothing"]
__all__ += ["accuracies", "curvature", "diagram", "gains", "schedule", "transfer"]
