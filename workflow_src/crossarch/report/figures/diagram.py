"""The two kinds of DropPath and the two shortcuts, drawn: Figure 2.

Each panel is described as shapes in its own coordinates (0 to 10 across, 0 to 14.6 up); the shapes are
the rows of the CSV, and the drawing reads only these.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from crossarch.collect.tidy import read_tidy, write_tidy
from crossarch.config.schema import Figure
from crossarch.printing.style import COLOURS, GREY, canvas, save

_HEIGHT = 2.65  # inches
_ACROSS, _UP = 10.0, 14.6
_SHAPES = ("box", "cell", "circle", "arrow", "line", "text")
# What a shape is: part of the network, DropPath, a shortcut, one that is there at times only, or an
# entry of a feature map that is read or passed over.
_ROLES = ("network", "droppath", "shortcut", "virtual", "read", "unread", "note", "title")
_FILLS = {
    "network": "#eeeeee",
    "droppath": "#fbe3c9",
    "shortcut": "#d6e8f5",
    "virtual": "#ffffff",
    "read": COLOURS["sky"],
    "unread": "#ffffff",
}
_EDGES = {"droppath": COLOURS["vermillion"], "shortcut": COLOURS["blue"], "virtual": COLOURS["blue"]}
_RADIUS = 0.62

SHAPES = pa.DataFrameSchema(
    {
        "panel": pa.Column(str),
        "shape": pa.Column(str, pa.Check.isin(_SHAPES)),
        "role": pa.Column(str, pa.Check.isin(_ROLES)),
        **{name: pa.Column(float) for name in ("x", "y", "x2", "y2")},
        "text": pa.Column(str, nullable=True),
    },
    strict=True,
    coerce=True,
)


@dataclass(frozen=True)
class Shape:
    """One shape: a box or cell from (x, y) to (x2, y2), an arrow or line between them, or at (x, y)."""

    panel: str
    shape: str
    role: str
    x: float
    y: float
    x2: float
    y2: float
    text: str | None = None


def write_diagram(csv: Path) -> None:
    """Write the shapes of all four panels."""
    shapes = [*_residual(), *_single_branch(), *_original_shortcut(), *_improved_shortcut()]
    write_tidy(pd.DataFrame(map(asdict, shapes)), csv)


def draw_diagram(figure: Figure, csv: Path) -> list[Path]:
    """Draw the shapes of the CSV; gives the files."""
    shapes = read_tidy(csv, SHAPES)
    panels = list(shapes["panel"].unique())
    with canvas(figure.columns, _HEIGHT) as page:
        for axes, panel in zip(page.subplots(1, len(panels)), panels, strict=True):
            axes.set_xlim(0, _ACROSS)
            axes.set_ylim(0, _UP)
            axes.set_aspect("equal")
            axes.axis("off")
            for row in shapes[shapes["panel"] == panel].itertuples():
                _draw(axes, Shape(panel, row.shape, row.role, row.x, row.y, row.x2, row.y2, row.text))
        return save(page, csv.with_suffix(""))


class _Panel:
    """Shapes of one panel by their names, so that what follows reads like the network."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self, shape: str, role: str, x: float, y: float, x2: float, y2: float, text: str | None = None
    ) -> Shape:
        return Shape(self.name, shape, role, x, y, x2, y2, text)

    def box(self, role: str, x: float, y: float, text: str, width: float = 5.0) -> Shape:
        """A layer, centred at (x, y)."""
        half, up = width / 2, 1.0 if "\n" in text else 0.62
        return self("box", role, x - half, y - up, x + half, y + up, text)

    def arrow(self, x: float, y: float, x2: float, y2: float, role: str = "network") -> Shape:
        """An arrow from (x, y) to (x2, y2)."""
        return self("arrow", role, x, y, x2, y2)

    def line(self, x: float, y: float, x2: float, y2: float, role: str = "network") -> Shape:
        """A line from (x, y) to (x2, y2)."""
        return self("line", role, x, y, x2, y2)

    def circle(self, role: str, x: float, y: float, text: str) -> Shape:
        """An operation at (x, y)."""
        return self("circle", role, x, y, x, y, text)

    def text(self, role: str, x: float, y: float, text: str) -> Shape:
        """Words, centred at (x, y)."""
        return self("text", role, x, y, x, y, text)

    def detour(self, side: float, start: float, end: float, role: str) -> Iterator[Shape]:
        """A path from the trunk at height `start` round by `side` to the trunk at `end`."""
        yield self.line(_TRUNK, start, side, start, role)
        yield self.line(side, start, side, end, role)
        yield self.arrow(side, end, _TRUNK + _RADIUS, end, role)


_TRUNK, _SIDE = 3.4, 8.2
_IN, _SUM = 13.0, 2.9


def _trunk(panel: _Panel, second: str, droppath: str, after: str) -> Iterator[Shape]:
    """Two layers with DropPath behind them, and the sum that a detour leads to."""
    yield panel.text("title", _ACROSS / 2, _UP, panel.name)
    yield panel.text("note", _TRUNK, _IN, "x")
    yield panel.arrow(_TRUNK, 12.6, _TRUNK, 11.1)
    yield panel.box("network", _TRUNK, 10.4, "conv, norm, ReLU")
    yield panel.arrow(_TRUNK, 9.78, _TRUNK, 8.62)
    yield panel.box("network", _TRUNK, 8.0, second)
    yield panel.arrow(_TRUNK, 7.38, _TRUNK, 6.02)
    yield panel.box("droppath", _TRUNK, 5.4, droppath)
    yield panel.arrow(_TRUNK, 4.78, _TRUNK, _SUM + _RADIUS)
    yield panel.circle("network", _TRUNK, _SUM, "+")
    yield panel.arrow(_TRUNK, _SUM - _RADIUS, _TRUNK, 1.3)
    yield panel.text("note", _TRUNK, 0.8, after)


def _residual() -> Iterator[Shape]:
    panel = _Panel("(a) Residual block")
    yield from _trunk(panel, "conv, norm", "DropPath: × m / p", "ReLU, next layer")
    yield from panel.detour(_SIDE, 11.8, _SUM, "shortcut")
    yield panel.box("shortcut", _SIDE, 7.4, "shortcut,\nalways on", 3.4)


def _single_branch() -> Iterator[Shape]:
    panel = _Panel("(b) Single-branch block")
    yield from _trunk(panel, "conv, norm, ReLU", "DropPath: × m", "next layer")
    yield from panel.detour(_SIDE, 11.8, _SUM, "virtual")
    yield panel.box("virtual", _SIDE, 8.2, "virtual\nshortcut", 3.4)
    yield panel.box("droppath", _SIDE, 5.4, "× (1 − m)", 3.4)


def _original_shortcut() -> Iterator[Shape]:
    panel = _Panel("(c) Original shortcut")
    yield panel.text("title", _ACROSS / 2, _UP, panel.name)
    yield from _grid(panel, read=lambda column, row: column % 2 == 0 and row % 2 == 0)
    yield panel.arrow(5.0, 8.3, 5.0, 6.9)
    yield panel.box("shortcut", 5.0, 6.2, "1 × 1 conv, stride 2", 6.6)
    yield panel.arrow(5.0, 5.58, 5.0, 4.42)
    yield panel.box("shortcut", 5.0, 3.8, "norm", 6.6)
    yield panel.arrow(5.0, 3.18, 5.0, 1.9)
    yield panel.text("note", 5.0, 1.3, "one entry of four is read")


def _improved_shortcut() -> Iterator[Shape]:
    panel = _Panel("(d) Improved shortcut")
    yield panel.text("title", _ACROSS / 2, _UP, panel.name)
    yield from _grid(panel, read=lambda column, row: True)
    yield panel.arrow(5.0, 8.3, 5.0, 7.62)
    yield panel.box("shortcut", 5.0, 7.0, "2 × 2 max-pool", 6.6)
    yield panel.arrow(5.0, 6.38, 5.0, 5.62)
    yield panel.box("shortcut", 5.0, 5.0, "1 × 1 conv, stride 1", 6.6)
    yield panel.arrow(5.0, 4.38, 5.0, 3.62)
    yield panel.box("shortcut", 5.0, 3.0, "norm", 6.6)
    yield panel.arrow(5.0, 2.38, 5.0, 1.7)
    yield panel.text("note", 5.0, 1.1, "every entry is read")


def _grid(panel: _Panel, read: Callable[[int, int], bool]) -> Iterator[Shape]:
    """A feature map of 4 x 4 entries, the read ones filled; 2 x 2 areas have a thick edge."""
    left, top, side = 3.0, 12.6, 1.0
    for row in range(4):
        for column in range(4):
            role = "read" if read(column, row) else "unread"
            x, y = left + column * side, top - row * side
            yield panel("cell", role, x, y - side, x + side, y)
    for step in (0, 2, 4):
        yield panel.line(left + step * side, top, left + step * side, top - 4 * side)
        yield panel.line(left, top - step * side, left + 4 * side, top - step * side)


def _draw(axes: Axes, one: Shape) -> None:
    edge = _EDGES.get(one.role, "black")
    dash = (0, (3, 2)) if one.role == "virtual" else "solid"
    match one.shape:
        case "box":
            size = (one.x2 - one.x, one.y2 - one.y)
            axes.add_patch(
                FancyBboxPatch(
                    *((one.x, one.y), *size),
                    boxstyle="round,pad=0,rounding_size=0.25",
                    facecolor=_FILLS[one.role],
                    edgecolor=edge,
                    linestyle=dash,
                    linewidth=0.8,
                    zorder=3,
                )
            )
            middle = ((one.x + one.x2) / 2, (one.y + one.y2) / 2)
            axes.text(*middle, one.text or "", ha="center", va="center", fontsize=6, zorder=4)
        case "cell":
            size = (one.x2 - one.x, one.y2 - one.y)
            fill = _FILLS[one.role]
            axes.add_patch(Rectangle((one.x, one.y), *size, fc=fill, ec=GREY, lw=0.4))
        case "circle":
            axes.add_patch(
                Circle(
                    (one.x, one.y), _RADIUS, facecolor="white", edgecolor=edge, linewidth=0.8, zorder=3
                )
            )
            axes.text(one.x, one.y, one.text or "", ha="center", va="center", fontsize=9, zorder=4)
        case "arrow":
            axes.add_patch(
                FancyArrowPatch(
                    *((one.x, one.y), (one.x2, one.y2)),
                    arrowstyle="-|>",
                    mutation_scale=6,
                    shrinkA=0,
                    shrinkB=0,
                    color=edge,
                    linestyle=dash,
                    linewidth=0.9,
                    zorder=2,
                )
            )
        case "line":
            ends = [one.x, one.x2], [one.y, one.y2]
            axes.plot(*ends, color=edge, ls=dash, lw=0.9, solid_capstyle="projecting", zorder=2)
        case "text":
            bold = one.role == "title"
            axes.text(
                *(one.x, one.y, one.text or ""),
                ha="center",
                va="top" if bold else "center",
                fontsize=7.5 if bold else 6.5,
                fontweight="bold" if bold else "normal",
                zorder=4,
            )
