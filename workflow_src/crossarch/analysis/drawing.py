"""How the figures of analyses look: a row a group, a marker a network, a line at nothing."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from crossarch.analysis.findings import Rows
from crossarch.config import Configuration
from crossarch.printing.style import (
    COLOURS,
    GREY,
    canvas,
    legend_below,
    look_of,
    plain,
    save,
    say_nothing,
    watermark,
)
from crossarch.printing.synthetic import NOTICE

_ROW, _MARGIN, _LEGEND, _LEGEND_ROW = 0.3, 0.7, 0.3, 0.14  # inches
_ASIDE = 0.3  # of a row, from the markers to the mean with its interval


def draw_rows(configuration: Configuration, rows: Rows, stem: Path, synthetic: bool) -> list[Path]:
    """Write `<stem>.{pdf,svg,png}`; says so on its face where there is nothing; gives the files."""
    labels = rows.labels
    height = _ROW * max(len(labels), 2) + _MARGIN + _LEGEND
    with canvas(columns=2, height=height) as page:
        axes = page.subplots()
        axes.set_xlabel(rows.axis)
        axes.set_yticks(range(len(labels)), [plain(label) for label in labels])
        axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.axvline(0.0, color=GREY, linewidth=0.6)
        if not labels:
            say_nothing(axes)
            axes.xaxis.set_tick_params(labelbottom=False)
        places = {label: place for place, label in enumerate(labels)}
        _networks(configuration, axes, rows.points, places)
        _means(axes, rows.means, places)
        if labels:
            handles, names = axes.get_legend_handles_labels()
            lines = legend_below(page, dict(zip(names, handles, strict=True)), most=6)
            page.set_figheight(height + _LEGEND_ROW * max(0, lines - 1))
        if synthetic:
            watermark(page, NOTICE)
        return save(page, stem)


def _networks(
    configuration: Configuration, axes: Axes, points: pd.DataFrame, places: dict[str, int]
) -> None:
    """A hollow marker a point, in the look of its network."""
    own = list(configuration.network_files)
    for arch, lines in points.groupby("arch", sort=False):
        name = str(arch)
        look = look_of(name, own)
        axes.plot(
            *(lines["value"], lines["row"].map(places)),
            linestyle="",
            marker=look.marker,
            color=COLOURS[look.colour],
            markerfacecolor="none",
            label=configuration.arch_title(name),
        )


def _means(axes: Axes, means: pd.DataFrame, places: dict[str, int]) -> None:
    """A bar from low to high where there is an interval, and a tick at the mean."""
    for line in means.to_dict("records"):
        y = places[line["row"]] + _ASIDE
        axes.plot([line["low"], line["high"]], [y, y], color=GREY, linewidth=2.4, alpha=0.5)
        axes.plot(line["mean"], y, marker="|", color=GREY, markersize=7)
