"""The benchmark's figure: how near to the arithmetic limit, and how far from the plain trainer."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from crossarch.printing.style import COLOURS, GREY, canvas, save

NORMS = {"batch": COLOURS["blue"], "instance": COLOURS["orange"]}


def draw(arithmetic: list[dict[str, Any]], reference: list[dict[str, Any]], stem: Path) -> None:
    """Write `<stem>.{pdf,svg,png}`: bars a network and norm, from the rows of two sections."""
    with canvas(columns=2, height=2.3) as figure:
        left, right = figure.subplots(1, 2)
        ten = [row for row in arithmetic if row["batch"] == 10]
        bars(left, ten, "share %")
        left.axvline(100, color=GREY, linewidth=0.8, linestyle="--")
        left.set(xlabel="% of a matrix product's GFLOP/s", title="A step of 10 images, 1 thread")
        bars(right, reference, "times faster")
        right.axvline(1, color=GREY, linewidth=0.8, linestyle="--")
        right.set(xlabel="times faster than the plain trainer", title="An epoch at IPC 1, all cores")
        save(figure, stem)


def bars(axes: Axes, rows: list[dict[str, Any]], key: str) -> None:
    """A horizontal bar a row, named after its network, coloured by its norm."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    for index, (norm, colour) in enumerate(NORMS.items()):
        chosen = {row["network"]: row[key] for row in rows if row["norm"] == norm}
        places = [place + 0.4 * index for place in range(len(networks))]
        drawn = axes.barh(
            places, [chosen[name] for name in networks], 0.38, color=colour, label=f"{norm} norm"
        )
        axes.bar_label(drawn, fmt="%.4g", padding=2, fontsize=6)
    axes.set_yticks([place + 0.2 for place in range(len(networks))], networks)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right")
