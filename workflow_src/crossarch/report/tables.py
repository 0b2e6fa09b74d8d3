"""The cells of a table of the paper, worked out from the runs: one tidy row a cell."""

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import DECIMALS, checked, read_text_columns, read_tidy
from crossarch.config import Configuration, grid, recipe_factors, table_datasets, table_recipes
from crossarch.config.schema import Table
from crossarch.errors import ConfigError, DataError
from crossarch.printing.numbers import LIST_SEPARATOR
from crossarch.report.cells import (
    COUNT,
    PERCENT,
    POSITIVE,
    columns,
    measured_cells,
    number_columns,
    run_columns,
)

_CELL = ["dataset", "source", "ipc", "recipe", "arch"]
_COMPARISON = ["paper", "paper_std", "difference"]
CELLS = pa.DataFrameSchema(
    {
        **columns("dataset source", str),
        **columns("ipc", int, COUNT),
        **columns("recipe arch protocol", str),
        **columns("accuracy", str, pa.Check.isin(["best", "last"])),
        **columns("applicable", bool),
        **number_columns(),
        **columns("gap", float, nullable=True),
        **columns("best", bool),
        **columns("paper", float, PERCENT, nullable=True),
        **columns("paper_std", float, POSITIVE, nullable=True),
        **columns("difference", float, nullable=True),
        **run_columns(),
    },
    unique=_CELL,
    strict=True,
    coerce=True,
)
_FACTORS = columns("factors", str, nullable=True)
SETTINGS = pa.DataFrameSchema(
    {**columns("recipe protocol", str), **_FACTORS}, unique=["recipe"], strict=True, coerce=True
)

_PAPER_KEY = ["table", "dataset", "distillation", "ipc", "method", "arch"]
_PAPER = pa.DataFrameSchema(
    {
        **columns("table dataset distillation", str),
        **columns("ipc", int, COUNT),
        **columns("method arch", str),
        **columns("accuracy", float, PERCENT),
        "std": pa.Column(float, POSITIVE, nullable=True, required=False),
    },
    unique=_PAPER_KEY,
    strict=False,  # the gaps that the paper prints are in these files, too, and not used
    coerce=True,
)


def table_cells(configuration: Configuration, table: Table, runs: pd.DataFrame) -> pd.DataFrame:
    """All cells of `table`, one row each, once for each selected data set; in the paper's order.

    `runs` is the table of `collect_runs`; those of the selection's protocol and seeds count. A data set
    that no table is about has no number of the paper. Columns, in percent: those of `measured_cells`
    (gap, Table 2's brackets, in the layout `main` only), paper and paper_std, difference (mean minus
    paper), and factors where the table has some: those of the recipe, joined by `;`.

    Raises ConfigError if no selected data set is the table's, DataError if the paper's file is
    broken or has no line of the table.
    """
    datasets = _datasets(configuration, table)
    planned = (grid(configuration, table, dataset) for dataset in datasets)
    cells = measured_cells(configuration, itertools.chain.from_iterable(planned), runs)
    cells = cells.merge(paper_numbers(configuration, table), on=_CELL[1:], how="left")
    outside = cells["dataset"].map(configuration.is_outside_paper)  # the paper is not about it
    cells[["paper", "paper_std"]] = cells[["paper", "paper_std"]].mask(outside)
    cells["difference"] = cells["mean"] - cells["paper"]
    if table.layout != "main":
        cells["gap"] = math.nan
    if table.factors:
        cells["factors"] = cells["recipe"].map(_factors(configuration, table))
    schema = _schema(cells.columns)
    # As the CSV has them, so that an edition made from the CSV is the same to the last byte.
    return checked(cells[list(schema.columns)].round(DECIMALS), schema, "cells")


def settings_table(configuration: Configuration, table: Table) -> pd.DataFrame:
    """The recipes of a table without runs, with the selected protocol and the factors that they have."""
    factors = _factors(configuration, table)
    frame = pd.DataFrame({"recipe": list(factors), "factors": list(factors.values())})
    frame = frame.assign(protocol=configuration.selection.protocol)
    return checked(frame[list(SETTINGS.columns)], SETTINGS, "settings")


def without_paper(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of the ordinary edition: ours alone."""
    return cells.drop(columns=_COMPARISON)


def read_cells(path: Path) -> pd.DataFrame:
    """Read the CSV of either edition back; DataError with one line if it is not one."""
    return read_tidy(path, _schema(read_text_columns(path).columns))


def _schema(names: Iterable[str]) -> pa.DataFrameSchema:
    """What a table of cells with (most of) these columns has to be."""
    found = set(names)
    if found <= set(SETTINGS.columns):
        return SETTINGS
    schema = CELLS.add_columns(_FACTORS) if "factors" in found else CELLS
    return schema if found & set(_COMPARISON) else schema.remove_columns(_COMPARISON)


def _factors(configuration: Configuration, table: Table) -> dict[str, str | None]:
    """The factors that each recipe of `table` has, as one text."""
    recipes = table_recipes(configuration, table)
    factors = {recipe: recipe_factors(configuration, table, recipe) for recipe in recipes}
    return {recipe: LIST_SEPARATOR.join(has) or None for recipe, has in factors.items()}


def _datasets(configuration: Configuration, table: Table) -> list[str]:
    """The selected data sets that a table can be measured on."""
    datasets = table_datasets(configuration, table)
    if not datasets:
        raise ConfigError(
            f"{configuration.directory}/config.yaml: datasets: found "
            f"{', '.join(configuration.selection.datasets)}, "
            f"allowed for the table {table.title!r}: {table.dataset}"
        )
    return datasets


def read_paper(file: Path) -> pd.DataFrame:
    """Numbers that the paper prints, under its own names; DataError where the file is broken."""
    return checked(read_text_columns(file), _PAPER, str(file))


def paper_accuracies(configuration: Configuration) -> dict[tuple[object, ...], float]:
    """The paper's accuracies by data set, source, IPC, recipe and network; Table 2 before Table 7."""
    files = dict.fromkeys(map(configuration.paper_file, configuration.tables.values()))
    numbers: dict[tuple[object, ...], float] = {}
    for file in filter(None, files):
        frame = read_paper(file)[["dataset", "distillation", "ipc", "method", "arch", "accuracy"]]
        for *key, accuracy in frame.itertuples(index=False, name=None):
            numbers.setdefault(tuple(key), float(accuracy))
    return numbers


def paper_numbers(configuration: Configuration, table: Table) -> pd.DataFrame:
    """source, ipc, recipe, arch, paper, paper_std (percent) of the cells that the paper prints.

    Empty for a table that names no file of them; DataError where the file is broken or has none.
    """
    names = [*_CELL[1:], "paper", "paper_std"]
    file = configuration.paper_file(table)
    if file is None:
        return pd.DataFrame(columns=names).astype({"ipc": int, "paper": float, "paper_std": float})
    known = (name for name, other in configuration.tables.items() if other == table)
    name = next(known, table.title)
    frame = read_paper(file)
    frame = frame[(frame["table"] == name) & (frame["dataset"] == table.dataset)]
    if frame.empty:
        raise DataError(f"{file}: table: found no line of {name} with dataset {table.dataset}")
    if "std" not in frame:
        frame = frame.assign(std=math.nan)
    ours = {"distillation": "source", "method": "recipe", "accuracy": "paper", "std": "paper_std"}
    return frame.rename(columns=ours)[names]
