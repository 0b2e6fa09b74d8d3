"""The printed shape of a table, the same for Markdown and LaTeX: what stands in which place.

A row has labels (distilled set and recipe, or which factors a recipe has) and a cell for each network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from crossarch.config import Configuration, network_widths
from crossarch.config.schema import Table
from crossarch.printing.numbers import LIST_SEPARATOR, printed, printed_signed
from crossarch.printing.words import listed
from crossarch.report.measured import trained_on_told
from crossarch.report.note import note, settings_note

NOT_RUN = "—"
NOT_APPLICABLE = "-"
HAS, LACKS = "✓", "×"
PARTS = ("ours", "paper", "diff.")  # of a cell in the comparison edition


@dataclass(frozen=True)
class Heading:
    """The head of a column of labels; in a grouped one, a label stands only where it changes."""

    title: str
    align: Literal["left", "right", "center"]
    grouped: bool = False


METHOD = Heading("Method", "left")
SET_AND_METHOD = (Heading("DD", "left", True), Heading("IPC", "right", True), METHOD)


@dataclass(frozen=True)
class PrintedCell:
    """One cell as text: numbers in percent with one decimal, None where there is none."""

    applicable: bool
    best: bool
    ours: str | None  # `50.7` or `50.7 ± 0.1`
    gap: str | None  # `+6.4`
    paper: str | None
    difference: str | None


@dataclass(frozen=True)
class PrintedRow:
    """One row: a label under each heading, and a cell for each network."""

    labels: tuple[str, ...]
    cells: tuple[PrintedCell, ...]


@dataclass(frozen=True)
class Block:
    """One printed table: all cells that were measured on the same data set."""

    title: str
    caption: str
    headings: tuple[Heading, ...]
    archs: tuple[str, ...]
    rows: tuple[PrintedRow, ...]
    note: str
    comparison: bool = False
    gaps: bool = False

    def changed(self, place: int) -> int | None:
        """The first grouped column whose label in row `place` is another than in the row before."""
        grouped = sum(heading.grouped for heading in self.headings)
        before = self.rows[place - 1].labels if place else ()
        labels = self.rows[place].labels
        return next((i for i in range(grouped) if labels[: i + 1] != before[: i + 1]), None)


def blocks(configuration: Configuration, name: str, cells: pd.DataFrame) -> list[Block]:
    """The printed tables for the cells of table `name`, one for each data set.

    The edition follows from the columns: with `paper` it is the comparison, else the ordinary one.
    """
    table = configuration.tables[name]
    if table.layout == "settings":
        return [_settings(configuration, table, cells)]
    return [
        _block(configuration, table, dataset, group)
        for dataset in cells["dataset"].unique()
        if not (group := cells[cells["dataset"] == dataset]).empty
    ]


def _settings(configuration: Configuration, table: Table, recipes: pd.DataFrame) -> Block:
    """Which factors each recipe has, and no cells."""
    titles = (_recipe_title(configuration, recipe) for recipe in recipes["recipe"])
    ticks = (_ticks(table, factors) for factors in recipes["factors"])
    return Block(
        title=table.title,
        caption=table.caption,
        headings=(METHOD, *_factors(table)),
        archs=(),
        rows=tuple(PrintedRow((title, *has), ()) for title, has in zip(titles, ticks, strict=True)),
        note=settings_note(recipes),
    )


def _block(configuration: Configuration, table: Table, dataset: str, cells: pd.DataFrame) -> Block:
    comparison = "paper" in cells
    title = _about(configuration, table, table.title, dataset)
    caption = (
        "Test accuracies (%): ours, the paper's, and the difference in points. Bold is the best of "
        "ours for each network."
    )
    return Block(
        title=f"{title}: ours and the paper's" if comparison else title,
        caption=caption if comparison else _caption(configuration, table, cells),
        headings=tuple(_factors(table)) or SET_AND_METHOD,
        archs=tuple(_arch_title(configuration, arch, cells) for arch in cells["arch"].unique()),
        rows=tuple(
            PrintedRow(
                labels=_labels(configuration, table, group.iloc[0]),
                cells=tuple(_cell(cell) for _, cell in group.iterrows()),
            )
            for _, group in cells.groupby(["source", "ipc", "recipe"], sort=False)
        ),
        note=note(configuration, cells),
        comparison=comparison,
        gaps=table.layout == "main",
    )


def _labels(configuration: Configuration, table: Table, cell: pd.Series) -> tuple[str, ...]:
    """The labels of the row that `cell` stands in."""
    if table.factors:
        return _ticks(table, cell["factors"])
    source = configuration.source(str(cell["source"])).title
    return source, str(cell["ipc"]), _recipe_title(configuration, str(cell["recipe"]))


def _factors(table: Table) -> Sequence[Heading]:
    return [Heading(factor, "center") for factor in table.factors]


def _ticks(table: Table, factors: object) -> tuple[str, ...]:
    """A mark for each factor of `table`; `factors` are those that a recipe has, missing if none."""
    has = factors.split(LIST_SEPARATOR) if isinstance(factors, str) else []
    return tuple(HAS if factor in has else LACKS for factor in table.factors)


def _arch_title(configuration: Configuration, arch: str, cells: pd.DataFrame) -> str:
    """The network's name; the CNN's depth is that for the data set, where all sources agree."""
    if arch != "cnn":
        return configuration.arch_title(arch)
    pairs = cells[["source", "dataset"]].drop_duplicates().itertuples(index=False)
    depths = {len(network_widths(configuration, source, dataset)) for source, dataset in pairs}
    return f"{depths.pop()}-layer CNN" if len(depths) == 1 else "CNN"


def _about(configuration: Configuration, table: Table, text: str, dataset: str) -> str:
    """A text of the table, naming the data set that it was measured on."""
    assert table.dataset is not None  # a table that is measured has one
    measured_on = configuration.dataset(dataset).title
    return text.replace(configuration.dataset(table.dataset).title, measured_on)


def _caption(configuration: Configuration, table: Table, cells: pd.DataFrame) -> str:
    """The table's caption; of a data set that no table is about, what its cells say."""
    dataset = str(cells["dataset"].iloc[0])
    if not configuration.is_besides(dataset):
        return table.caption
    read = (
        "Gaps in brackets are those to the baseline of the sets' own network; the best method of each "
        "network is bold."
        if table.layout == "main"
        else "Mean ± standard deviation over random seeds."
    )
    return (
        f"Test accuracies (%) on {configuration.dataset(dataset).title} of models trained on "
        f"{trained_on_told(configuration, cells)}. IPC: images per class. Recipes: "
        f"{listed(cells['recipe'].unique())}. {read}"
    )


def _recipe_title(configuration: Configuration, recipe: str) -> str:
    return configuration.recipe_book.title(recipe)


def _cell(cell: pd.Series) -> PrintedCell:
    """A row of tidy cells as text."""

    def number(name: str, signed: bool = False) -> str | None:
        value = cell.get(name)
        if value is None or pd.isna(value):
            return None
        return printed_signed(value) if signed else printed(value)

    def with_spread(mean: str, std: str) -> str | None:
        value, spread = number(mean), number(std)
        return f"{value} ± {spread}" if value and spread else value

    return PrintedCell(
        applicable=bool(cell["applicable"]),
        best=bool(cell["best"]),
        ours=with_spread("mean", "std"),
        gap=number("gap", signed=True),
        paper=with_spread("paper", "paper_std"),
        difference=number("difference", signed=True),
    )
