"""Accuracies over IPC, fractions or hyper-parameters: Figures 1, 3, 4 and 7."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from crossarch.config import Configuration, figure_panels
from crossarch.config.schema import Accuracies, Figure, Line, Panel
from crossarch.printing.style import (
    COLOURS,
    canvas,
    legend_below,
    look_of,
    plain,
    save,
    say_nothing,
    watermark,
)
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.report.figures.points import read_points

_ROW_HEIGHT, _LEGEND_ROW, _MARGIN = 2.3, 0.14, 0.15  # inches
_LEGEND_COLUMNS = {1: 2, 2: 5}
_APART = 0.9  # points between lines, to the side, so that equal accuracies do not hide each other
_APART_AT_ONE_PLACE = 14.0  # where no line has anywhere to go to
_ASIDE = 6.0  # points, at most, from a line to its x
_ASIDE_AT_ONE_PLACE = 0.25  # of a panel's share of the page
_MARKER, _BESIDE = 3.0, 40.0  # points, from the middle of a marker to its edge; beside an axis
_ROOM = 0.06  # of an axis, at its ends
_LEAST_SPAN = 5.0  # points of accuracy along an axis: what differs by less than seeds do looks so


def draw_accuracies(configuration: Configuration, figure: Figure, csv: Path) -> list[Path]:
    """Draw the figure from its CSV: a row of panels for each data set; gives the files.

    A point that was not measured leaves a gap in its line. Points of several seeds have error bars
    of one sample standard deviation.
    """
    drawing = figure.drawing
    assert isinstance(drawing, Accuracies)
    points = read_points(csv)
    own = list(configuration.network_files)
    datasets = list(points["dataset"].unique())
    panels = {name: figure_panels(configuration, drawing, name) for name in datasets}
    every = [panel for row in panels.values() for panel in row]
    with canvas(figure.columns, _ROW_HEIGHT * len(datasets)) as page:
        columns = max(map(len, panels.values()))
        grid = page.subplots(len(datasets), columns, sharey="row", squeeze=False)
        for row, dataset in zip(grid, datasets, strict=True):
            of_dataset = points[points["dataset"] == dataset]
            for axes, panel in zip(row, panels[dataset], strict=False):
                of_panel = of_dataset[of_dataset["panel"] == panel.title]
                _draw_panel(axes, panel, of_panel, own, 72 * page.get_figwidth() / columns)
            for axes in row[len(panels[dataset]) :]:
                axes.set_axis_off()
            if of_dataset["n"].any():
                low, high = row[0].get_ylim()
                row[0].set_ylim(widened(low, high, _LEAST_SPAN))
            title = configuration.dataset(dataset).title
            row[0].set_ylabel(f"Test accuracy (%)\n{plain(title)}")
        most = _LEGEND_COLUMNS[figure.columns]
        lines = legend_below(page, _handles(page, every, own), most, apart=1.4)
        page.set_figheight(_ROW_HEIGHT * len(datasets) + _LEGEND_ROW * lines + _MARGIN)
        if any_synthetic(points["device"]):
            watermark(page, NOTICE)
        return save(page, csv.with_suffix(""))


def widened(low: float, high: float, span: float) -> tuple[float, float]:
    """The interval from `low` to `high`, about its middle at least `span` wide."""
    more = max(0.0, span - (high - low)) / 2
    return low - more, high + more


def _all_lines(panel: Panel) -> tuple[Line, ...]:
    return (*panel.lines, *panel.references)


def _draw_panel(
    axes: Axes, panel: Panel, points: pd.DataFrame, own: Sequence[str], share: float
) -> None:
    """Draw a panel; `share` is how much of the page's width it has, in points."""
    axes.set_title(plain(panel.title), loc="left")
    axes.set_xlabel(plain(panel.x.title))
    axes.set_xscale(panel.x.scale)
    places = sorted(points["x"].dropna().unique())
    axes.xaxis.set_major_locator(FixedLocator(places))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [f"{place:g}" for place in places])
    of_line = {line.label: points[points["line"] == line.label] for line in panel.lines}
    measured = [line for line in panel.lines if of_line[line.label]["n"].any()]
    several = len(places) > 1
    asides = set_aside(
        len(measured),
        _APART if several else _APART_AT_ONE_PLACE,
        most=_ASIDE if several else _ASIDE_AT_ONE_PLACE * share,
    )
    _leave_room(axes, panel, places, room_for(max(asides, default=0.0) + _MARKER, share - _BESIDE))
    for line, aside in zip(measured, asides, strict=True):
        _draw_line(axes, _look(line, own), of_line[line.label], aside)
    for line in panel.references:
        level = points.loc[points["line"] == line.label, "mean"].dropna()
        if not level.empty:
            axes.axhline(level.iloc[0], **_look(line, own, marker=False))
    if not points["n"].any():
        say_nothing(axes)
        axes.yaxis.set_tick_params(labelleft=False)


def set_aside(lines: int, apart: float, most: float) -> list[float]:
    """How far lines are drawn beside their x: `apart` from the next, or less to stay within `most`."""
    step = min(apart, 2 * most / max(1, lines - 1))
    return [step * (number - (lines - 1) / 2) for number in range(lines)]


def room_for(needed: float, width: float) -> float:
    """What to leave at both ends of an axis, as a part of what lies between its first and last place.

    Enough for `needed` points, where the axis is `width` points long.
    """
    between = width - 2 * needed
    return max(_ROOM, needed / between) if between > 0 else 1.0


def _leave_room(axes: Axes, panel: Panel, places: list[float], room: float) -> None:
    """An x axis over all places, also those at which nothing was measured."""
    first, last = places[0], places[-1]
    if panel.x.scale == "log":
        room = (last / first) ** room if last > first else 2.0
        axes.set_xlim(first / room, last * room)
    else:
        room = room * (last - first) or 1.0
        axes.set_xlim(first - room, last + room)


def _draw_line(axes: Axes, look: dict[str, Any], points: pd.DataFrame, aside: float) -> None:
    """Measured points with their error bars, joined where neighbours were measured."""
    where = axes.transData + ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
    x, mean, std = points["x"], points["mean"], points["std"]
    for edge in (mean - std.fillna(0.0), mean + std.fillna(0.0)):
        axes.update_datalim(list(zip(x, edge, strict=True)))
    axes.errorbar(x, mean, yerr=std, capsize=2, elinewidth=0.8, transform=where, **look)
    shade = {"color": look["color"], "alpha": 0.12, "linewidth": 0, "transform": where}
    axes.fill_between(x, mean - std, mean + std, **shade)
    axes.autoscale_view(scalex=False)


def _look(line: Line, own: Sequence[str], marker: bool = True) -> dict[str, Any]:
    """Colour, dash and marker of a line; baselines have hollow markers. `own` is as in `look_of`."""
    of_arch = look_of(line.arch, own)
    colour = COLOURS[line.colour or of_arch.colour]
    look: dict[str, Any] = {"color": colour, "linestyle": line.dash}
    if marker:
        face = "white" if line.dash == "dashed" else colour
        look |= {"marker": of_arch.marker, "markerfacecolor": face}
    return look


def _handles(page: Canvas, panels: Sequence[Panel], own: Sequence[str]) -> dict[str, Artist]:
    """What stands in the legend, by its label: each line of the figure, whether measured or not."""
    handles: dict[str, Artist] = {}
    axes = page.axes[0]
    for panel in panels:
        for line in _all_lines(panel):
            if line.label not in handles:
                look = _look(line, own, marker=line not in panel.references)
                (handles[line.label],) = axes.plot([], [], **look)
    return handles
