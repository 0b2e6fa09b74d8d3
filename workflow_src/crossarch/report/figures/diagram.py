"""The two kinds of DropPath and the two shortcuts, drawn: Figure 2.

The shapes are the rows of `diagram.csv`, which is the figure's CSV, too: a box or cell from (x, y) to
(x2, y2), an arrow or line between them, a circle or text at (x, y), in the coordinates of its panel.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from crossarch.collect.tidy import read_tidy
from crossarch.config.schema import Diagram as DiagramSettings
from crossarch.printing.style import COLOURS, GREY
from crossarch.report.cells import columns
from crossarch.report.figures.kinds import FigureKind, register

_HEIGHT = 2.65  # inches
_ACROSS, _UP, _RADIUS = 10.0, 14.6, 0.62  # of a panel, of a circle
_CORNERS = "round,pad=0,rounding_size=0.25"
_SHAPES = ("box", "cell", "circle", "arrow", "line", "text")
# What a shape is: part of the network, DropPath, a shortcut, one that is there at times only, or an
# entry of a feature map that is read or passed over.
_ROLES = ("network", "droppath", "shortcut", "virtual", "read", "unread", "note", "title")
_FILLS = {
    **{"network": "#eeeeee", "droppath": "#fbe3c9", "shortcut": "#d6e8f5", "virtual": "#ffffff"},
    **{"read": COLOURS["sky"], "unread": "#ffffff"},
}
_EDGES = {"droppath": COLOURS["vermillion"], "shortcut": COLOURS["blue"], "virtual": COLOURS["blue"]}
SHAPES = pa.DataFrameSchema(
    {
        **columns("panel", str),
        **columns("shape", str, pa.Check.isin(_SHAPES)),
        **columns("role", str, pa.Check.isin(_ROLES)),
        **columns("x y x2 y2", float),
        **columns("text", str, nullable=True),
    },
    strict=True,
    coerce=True,
)


@register("diagram")
class DiagramFigure(FigureKind[DiagramSettings]):
    """A drawing that depends on no run."""

    schema = SHAPES

    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        return read_tidy(Path(__file__).with_suffix(".csv"), SHAPES)

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        page.set_figheight(_HEIGHT)
        panels = table.groupby("panel", sort=False)
        for axes, (_, shapes) in zip(page.subplots(1, len(panels)), panels, strict=True):
            axes.set(xlim=(0, _ACROSS), ylim=(0, _UP), aspect="equal")
            axes.axis("off")
            for shape in shapes.fillna({"text": ""}).itertuples():
                _draw(axes, shape)


def _draw(axes: Axes, one: Any) -> None:
    edge = _EDGES.get(one.role, "black")
    line: dict[str, Any] = {"linestyle": (0, (3, 2)) if one.role == "virtual" else "solid"}
    corner, size = (one.x, one.y), (one.x2 - one.x, one.y2 - one.y)
    look: dict[str, Any]
    text: dict[str, Any] = {"s": one.text, "ha": "center", "va": "center", "zorder": 4}
    match one.shape:
        case "box":
            look = {
                "boxstyle": "round,pad=0,rounding_size=0.25",
                "fc": _FILLS[one.role],
                "ec": edge,
                "lw": 0.8,
                "zorder": 3,
            }
            axes.add_patch(FancyBboxPatch(corner, size[0], size[1], **look, **line))
            axes.text((one.x + one.x2) / 2, (one.y + one.y2) / 2, fontsize=6, **text)
        case "cell":
            axes.add_patch(Rectangle(corner, *size, fc=_FILLS[one.role], ec=GREY, lw=0.4))
        case "circle":
            axes.add_patch(Circle(corner, _RADIUS, fc="white", ec=edge, lw=0.8, zorder=3))
            axes.text(*corner, fontsize=9, **text)
        case "arrow":
            look = {"arrowstyle": "-|>", "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0}
            look |= {"color": edge, "lw": 0.9, "zorder": 2}
            axes.add_patch(FancyArrowPatch(corner, (one.x2, one.y2), **look, **line))
        case "line":
            look = {"color": edge, "lw": 0.9, "solid_capstyle": "projecting", "zorder": 2}
            axes.plot([one.x, one.x2], [one.y, one.y2], **look, **line)
        case "text" if one.role == "title":
            axes.text(*corner, fontsize=7.5, fontweight="bold", **{**text, "va": "top"})
        case "text":
            axes.text(*corner, fontsize=6.5, **text)
