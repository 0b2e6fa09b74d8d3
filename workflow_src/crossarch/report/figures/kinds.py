"""The kinds of figures: a registry, and how a figure of any kind becomes files.

A kind is a class in a module of its own, registered under its `drawing.name` in figures.yaml: it works
out the tidy table of a figure, draws that table, and has the values of its caption's template. Which
runs a figure shows is said beside its schema, in `crossarch.config`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd
import pandera.pandas as pa
from matplotlib.figure import Figure as Page

from crossarch.collect.tidy import read_tidy
from crossarch.config import Configuration, FigurePoint, figure_points
from crossarch.errors import ConfigError
from crossarch.files import write_text
from crossarch.printing.style import canvas, save, watermark
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.report.cells import measured_cells
from crossarch.report.facts import line, text

K = TypeVar("K", bound="type[FigureKind[Any]]")
D = TypeVar("D")


class FigureKind(ABC, Generic[D]):
    """A figure of one kind; `digits` is the format of floats in its CSV, if they are not rounded."""

    digits: str | None = None

    def __init__(self, configuration: Configuration, name: str) -> None:
        """Raises ConfigError if there is no such figure."""
        self.configuration, self.name = configuration, name
        self.figure = configuration.figure(name)
        self.drawing: D = self.figure.drawing  # type: ignore[assignment]  # the one that it registers for

    @property
    @abstractmethod
    def schema(self) -> pa.DataFrameSchema:
        """What the table has to be when it is read back."""

    @abstractmethod
    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        """What the figure is drawn from, one tidy row a point.

        `runs` is the table of `collect_runs`, empty for a kind that shows none; `files` are the records
        that the figure needs besides.
        """

    @abstractmethod
    def draw(self, table: pd.DataFrame, page: Page) -> None:
        """Draw the table on an empty page."""

    def is_empty(self, cells: pd.DataFrame) -> bool:
        """Whether there is nothing to draw of the `measured_cells` of a figure of runs."""
        return not cells["n"].any()

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        """The values of `templates/caption_<kind>.txt` besides `figure` itself."""
        return {}

    def points(self) -> list[FigurePoint]:
        """The points of the figure; ConfigError if no data set that it is about is selected."""
        if found := figure_points(self.configuration, self.name):
            return found
        chosen = ", ".join(self.configuration.selection.datasets)
        file = f"{self.configuration.directory}/config.yaml"
        raise ConfigError(f"{file}: datasets: found {chosen}, but {self.name} is not of them")


KINDS: dict[str, type[FigureKind[Any]]] = {}


def register(name: str) -> Callable[[K], K]:
    """Make a kind of figure known under its `drawing.name` in figures.yaml."""

    def known(kind: K) -> K:
        KINDS[name] = kind
        return kind

    return known


def render_figure(
    configuration: Configuration,
    name: str,
    runs: pd.DataFrame,
    directory: Path,
    files: Sequence[Path] = (),
) -> list[Path]:
    """Write `<name>.csv`, `.md`, `.pdf`, `.svg` and `.png` to `directory`; returns these files.

    `runs` and `files` are as in `FigureKind.table`. Raises ConfigError if there is no such figure, and
    if no data set that it can be measured on is selected.
    """
    figure = _of_kind(configuration, name)
    csv = directory / f"{name}.csv"
    table = figure.table(runs, files)
    write_text(csv, table.to_csv(index=False, lineterminator="\n", float_format=figure.digits))
    return [csv, *draw_csv(configuration, name, csv)]


def draw_csv(configuration: Configuration, name: str, csv: Path) -> list[Path]:
    """Draw figure `name` beside its CSV and from it alone, with its caption; returns the files.

    The configuration has only the words and the looks: titles, labels, colours.
    """
    kind = _of_kind(configuration, name)
    table = read_tidy(csv, kind.schema)
    made_up = "device" in table and any_synthetic(table["device"])
    values = {"figure": kind.figure, **kind.words(table)}
    caption = line(f"caption_{kind.figure.drawing.name}.txt", **values)
    words = text("figure.md", name=name, figure=kind.figure, caption=caption, made_up=made_up)
    write_text(csv.with_suffix(".md"), words)
    with canvas(kind.figure.columns) as page:
        kind.draw(table, page)
        if made_up:
            watermark(page, NOTICE)
        return [csv.with_suffix(".md"), *save(page, csv.with_suffix(""))]


def shows_nothing(configuration: Configuration, name: str, runs: pd.DataFrame) -> bool:
    """Whether a figure is made of runs, and there is nothing to draw of these (as `collect_runs`)."""
    planned = [point.run for point in figure_points(configuration, name)]
    cells = measured_cells(configuration, planned, runs) if planned else None
    return cells is not None and _of_kind(configuration, name).is_empty(cells)


def _of_kind(configuration: Configuration, name: str) -> FigureKind[Any]:
    return KINDS[configuration.figure(name).drawing.name](configuration, name)
