"""The printed shape of a table, the same for Markdown and LaTeX: what stands in which place.

Table 2's shape: a row for each distilled set and recipe, a column for each network.
"""

from dataclasses import dataclass

import pandas as pd

from crossarch.config import Configuration
from crossarch.report.note import note
from crossarch.report.numbers import printed, printed_signed

ARCH_TITLES = {
    "cnn": "3-layer CNN",
    "resnet18": "ResNet18",
    "alexnet": "AlexNet",
    "vgg11": "VGG11",
    "resnet50": "ResNet50",
}
HEADINGS = ("DD", "IPC", "Method")
NOT_RUN = "—"
NOT_APPLICABLE = "-"
PARTS = ("ours", "paper", "diff.")  # of a cell in the comparison edition


@dataclass(frozen=True)
class Cell:
    """One cell as text: numbers in percent with one decimal, None where there is none."""

    applicable: bool
    best: bool
    ours: str | None  # `50.7` or `50.7 ± 0.1`
    gap: str | None  # `+6.4`
    paper: str | None
    difference: str | None


@dataclass(frozen=True)
class Row:
    """One row: titles of the source and the recipe, and a cell for each network."""

    source: str
    ipc: str
    recipe: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """One printed table: all cells that were measured on the same data set."""

    title: str
    caption: str
    comparison: bool
    archs: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str


def blocks(configuration: Configuration, name: str, cells: pd.DataFrame) -> list[Block]:
    """The printed tables for the cells of table `name`, one for each data set.

    The edition follows from the columns: with `paper` it is the comparison, else the ordinary one.
    """
    return [
        _block(configuration, name, dataset, group)
        for dataset in cells["dataset"].unique()
        if not (group := cells[cells["dataset"] == dataset]).empty
    ]


def _block(configuration: Configuration, name: str, dataset: str, cells: pd.DataFrame) -> Block:
    table = configuration.tables[name]
    comparison = "paper" in cells
    title = _title(configuration, table.title, dataset)
    caption = (
        "Test accuracies (%): ours, the paper's, and the difference in points. Bold is the best of "
        "ours for each network."
    )
    return Block(
        title=f"{title}: ours and the paper's" if comparison else title,
        caption=caption if comparison else table.caption,
        comparison=comparison,
        archs=tuple(ARCH_TITLES[arch] for arch in cells["arch"].unique()),
        rows=tuple(
            Row(
                source=configuration.source(str(source)).title,
                ipc=str(ipc),
                recipe=_recipe_title(configuration, str(recipe)),
                cells=tuple(_cell(cell) for _, cell in group.iterrows()),
            )
            for (source, ipc, recipe), group in cells.groupby(["source", "ipc", "recipe"], sort=False)
        ),
        note=note(configuration, cells),
    )


def _title(configuration: Configuration, title: str, dataset: str) -> str:
    """The table's title, naming what it was really measured on."""
    measured_on = configuration.dataset(dataset).title
    original = configuration.dataset(configuration.distilled_from(dataset)).title
    if measured_on == original or original not in title:
        return title
    return title.replace(original, measured_on)


def _recipe_title(configuration: Configuration, recipe: str) -> str:
    return str(configuration.recipe_book.recipes[recipe].get("title", recipe))


def _cell(cell: pd.Series) -> Cell:
    """A row of tidy cells as text."""

    def number(name: str, signed: bool = False) -> str | None:
        value = cell.get(name)
        if value is None or pd.isna(value):
            return None
        return printed_signed(value) if signed else printed(value)

    ours, std = number("mean"), number("std")
    return Cell(
        applicable=bool(cell["applicable"]),
        best=bool(cell["best"]),
        ours=f"{ours} ± {std}" if ours and std else ours,
        gap=number("gap", signed=True),
        paper=number("paper"),
        difference=number("difference", signed=True),
    )
