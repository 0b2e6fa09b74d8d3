"""Accuracies over IPC, fractions or hyper-parameters: Figures 1, 3, 4 and 7."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page
from matplotlib.ticker import FixedLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from crossarch.collect.tidy import DECIMALS, checked
from crossarch.config import Configuration, figure_panels, trained_as
from crossarch.config.schema import Accuracies, Line, Panel
from crossarch.printing.style import COLOURS, legend_below, look_of, plain, say_nothing
from crossarch.report.cells import COUNT, columns, measured_cells, number_columns, run_columns
from crossarch.report.facts import facts
from crossarch.report.figures.kinds import FigureKind, register

POINTS = pa.DataFrameSchema(
    {
        **columns("panel line", str),
        **columns("x", float, nullable=True),
        **columns("dataset source", str),
        **columns("ipc", int, COUNT),
        **columns("arch recipe protocol", str),
        **columns("accuracy", str, pa.Check.isin(["best", "last"])),
        **number_columns(),
        **run_columns(),
    },
    unique=["dataset", "panel", "line", "x"],
    strict=True,
    coerce=True,
)
_ROW_HEIGHT, _LEGEND_ROW, _MARGIN = 2.3, 0.14, 0.15  # inches
_TURNED = 0.4  # inches of a row for the names of networks that are turned
_LEGEND_COLUMNS = {1: 2, 2: 5}
_APART, _ASIDE = 0.9, 6.0  # points between lines, and at most from a line to its x
_APART_OF_DOTS, _ASIDE_OF_DOTS = 0.3, 0.3  # the same where networks are the places, one apart
_MARKER, _BESIDE = 3.0, 40.0  # points, from the middle of a marker to its edge; beside an axis
_ROOM = 0.06  # of an axis, at its ends
_TICK = 16  # characters of a network's name below its column; the legend has all of them
_LEAST_SPAN = 5.0  # points of accuracy along an axis: what differs by less than seeds do looks so


@register("accuracies")
class AccuracyFigure(FigureKind[Accuracies]):
    """Lines over an x axis, in a panel for each source or hyper-parameter, a row for each data set."""

    schema = POINTS

    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        """All points, one row each, in drawing order, in percent: see `measured_cells`.

        `x` is missing for a reference, a level across the panel.
        """
        points = self.points()
        places = pd.DataFrame({column: [getattr(one, column) for one in points] for column in _PLACE})
        runs_of = [trained_as(self.configuration, one.run) for one in points]
        cells = measured_cells(self.configuration, runs_of, runs)
        frame = pd.concat([places, cells], axis="columns")
        return checked(frame[list(POINTS.columns)].round(DECIMALS), POINTS, "points")

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        """A row of panels for each data set; a panel in which nothing was measured is left out.

        A point that was not measured leaves a gap in its line. Points of several seeds have error bars
        of one sample standard deviation. Where one x was measured, a panel has a column for
        each network instead.
        """
        own = list(self.configuration.network_files)
        shown = _shown_panels(self.configuration, self.drawing, table)
        height = _ROW_HEIGHT * max(1, len(shown))
        page.set_figheight(height)
        if not shown:
            say_nothing(page.subplots())
            return
        most = max(map(len, shown.values()))
        grid = page.subplots(len(shown), most, sharey="row", squeeze=False)
        for row, (dataset, panels) in zip(grid, shown.items(), strict=True):
            for axes, panel in zip(row, panels, strict=False):
                points = table[(table["dataset"] == dataset) & (table["panel"] == panel.title)]
                _draw_panel(axes, panel, points, self.configuration, 72 * page.get_figwidth() / most)
            for axes in row[len(panels) :]:
                axes.set_axis_off()
            low, high = row[0].get_ylim()
            row[0].set_ylim(widened(low, high, _LEAST_SPAN))
            title = plain(self.configuration.dataset(dataset).title)
            row[0].set_ylabel(f"Test accuracy (%)\n{title}")
            if any(label.get_rotation() for axes in row for label in axes.get_xticklabels()):
                height += _TURNED
        every = [panel for panels in shown.values() for panel in panels]
        handles = _handles(page, every, set(table.loc[table["n"] > 0, "line"]), own)
        lines = legend_below(page, handles, _LEGEND_COLUMNS[self.figure.columns], apart=1.4)
        page.set_figheight(height + _LEGEND_ROW * lines + _MARGIN)

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        datasets = [
            {
                **facts(self.configuration, points),
                "of": len(points),
                "dashes": _dashes(self.configuration, self.drawing, str(dataset)),
                "left_out": list(_left_out(points)),
            }
            for dataset, points in table.groupby("dataset", sort=False)
        ]
        return {"datasets": datasets}


_PLACE = ["panel", "line", "x"]


def _shown_panels(
    configuration: Configuration, drawing: Accuracies, table: pd.DataFrame
) -> dict[str, list[Panel]]:
    """For each data set the panels in which something was measured; no data set without any."""
    measured = table[table["n"] > 0]
    return {
        str(dataset): [
            panel
            for panel in figure_panels(configuration, drawing, str(dataset))
            if panel.title in set(points["panel"])
        ]
        for dataset, points in measured.groupby("dataset", sort=False)
    }


def widened(low: float, high: float, span: float) -> tuple[float, float]:
    """The interval from `low` to `high`, about its middle at least `span` wide."""
    more = max(0.0, span - (high - low)) / 2
    return low - more, high + more


def _draw_panel(
    axes: Axes, panel: Panel, points: pd.DataFrame, configuration: Configuration, share: float
) -> None:
    """Draw a panel; `share` is how much of the page's width it has, in points."""
    own = list(configuration.network_files)
    axes.set_title(plain(panel.title), loc="left")
    where = points.loc[(points["n"] > 0) & points["x"].notna(), "x"].unique()
    of_line = {line.label: points[points["line"] == line.label] for line in panel.lines}
    measured = [(line, of_line[line.label]) for line in panel.lines if of_line[line.label]["n"].any()]
    if len(where) == 1 and len({line.arch for line, _ in measured}) > 1:
        axes.set_xlabel(f"{plain(panel.x.title)}: {where[0]:g}")
        there = [(line, at[at["x"] == where[0]]) for line, at in measured]
        _draw_dots(axes, there, configuration)
    else:
        places = sorted(points["x"].dropna().unique())
        axes.set_xlabel(plain(panel.x.title))
        axes.set_xscale(panel.x.scale)
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(places, [f"{place:g}" for place in places])
        asides = set_aside(len(measured), _APART, _ASIDE)
        _leave_room(axes, panel, places, max(asides, default=0.0) + _MARKER, share - _BESIDE)
        for (line, at), aside in zip(measured, asides, strict=True):
            _draw_line(axes, _look(line, own), at, aside)
    for line in panel.references:
        level = points.loc[points["line"] == line.label, "mean"].dropna()
        if not level.empty:
            axes.axhline(level.iloc[0], **_look(line, own, marker=False))


def _draw_dots(
    axes: Axes, measured: Sequence[tuple[Line, pd.DataFrame]], configuration: Configuration
) -> None:
    """A column for each network, in which a line goes from each of its recipes to the next."""
    own = list(configuration.network_files)
    archs = list(dict.fromkeys(line.arch for line, _ in measured))
    for column, arch in enumerate(archs):
        of_arch = [(line, points.iloc[0]) for line, points in measured if line.arch == arch]
        asides = set_aside(len(of_arch), _APART_OF_DOTS, _ASIDE_OF_DOTS)
        places = [column + aside for aside in asides]
        colour = COLOURS[look_of(arch, own).colour]
        means = [point["mean"] for _, point in of_arch]
        axes.plot(places, means, color=colour, linewidth=0.8, alpha=0.5)
        for place, (line, point) in zip(places, of_arch, strict=True):
            look = _look(line, own) | {"linestyle": "none"}
            axes.errorbar(place, point["mean"], yerr=point["std"], capsize=2, elinewidth=0.8, **look)
    titles = [configuration.arch_title(arch) for arch in archs]
    short = [title if len(title) <= _TICK else f"{title[: _TICK - 1]}…" for title in titles]
    axes.set_xticks(range(len(archs)), list(map(plain, short)))
    if len(archs) > 3:
        for label in axes.get_xticklabels():
            label.set(rotation=30, horizontalalignment="right")
    room = max(0.5, _ROOM * len(archs))
    axes.set_xlim(-room, len(archs) - 1 + room)


def set_aside(lines: int, apart: float, most: float) -> list[float]:
    """How far lines are drawn beside their x, so that equal accuracies do not hide each other.

    `apart` from the next, or less to stay within `most` of x, all in one unit.
    """
    step = min(apart, 2 * most / max(1, lines - 1))
    return [step * (number - (lines - 1) / 2) for number in range(lines)]


def _leave_room(axes: Axes, panel: Panel, places: list[float], needed: float, width: float) -> None:
    """An x axis over all places, `width` points long, with `needed` points left at both ends."""
    between = width - 2 * needed
    room = max(_ROOM, needed / between) if between > 0 else 1.0
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


def _handles(
    page: Page, panels: Iterable[Panel], measured: Collection[str], own: Sequence[str]
) -> dict[str, Artist]:
    """What the legend has, by its label: each line of the panels of which something was measured."""
    handles: dict[str, Artist] = {}
    for panel in panels:
        for line in (*panel.lines, *panel.references):
            if line.label in measured and line.label not in handles:
                look = _look(line, own, marker=line not in panel.references)
                (handles[line.label],) = page.axes[0].plot([], [], **look)
    return handles


def _dashes(configuration: Configuration, drawing: Accuracies, dataset: str) -> dict[str, list[str]]:
    """For each kind of line the titles of the recipes that are drawn so."""
    titles: dict[str, dict[str, None]] = {}
    for panel in figure_panels(configuration, drawing, dataset):
        for line in panel.lines:
            if line.recipe:
                titles.setdefault(line.dash, {})[configuration.recipe_book.title(line.recipe)] = None
    return {dash: list(recipes) for dash, recipes in titles.items()}


def _left_out(points: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """For each panel the lines that were not measured (none: none was), and at which x."""
    for panel, group in points.groupby("panel", sort=False):
        if not group["n"].any():
            yield {"panel": panel, "places": [], "lines": []}
            continue
        missing: dict[tuple[str, ...], list[str]] = {}
        for x, rows in group.fillna({"x": -1}).groupby("x", sort=False):
            lines = tuple(f"“{line}”" for line in rows.loc[rows["n"] == 0, "line"])
            named = ("every line",) if len(lines) == len(rows) else lines
            missing.setdefault(named, []).append("any x" if x == -1 else f"{x:g}")
        missing.pop((), None)
        yield from ({"panel": panel, "places": x, "lines": lines} for lines, x in missing.items())
