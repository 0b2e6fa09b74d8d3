"""The cells of a table of the paper, worked out from the runs: one tidy row a cell.

Everything that the printed editions say about the runs stands in these rows (and so in the CSV that
lies beside them), in columns that a reader of the CSV can use without this code.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import DECIMALS, checked, read_text_columns, read_tidy
from crossarch.config import (
    Configuration,
    RunId,
    applies,
    grid,
    recipe_factors,
    run_recipe,
    table_datasets,
    table_recipes,
    trained_as,
)
from crossarch.config.schema import BASELINE, Table
from crossarch.errors import ConfigError, DataError
from crossarch.printing.numbers import LIST_SEPARATOR
from crossarch.report.seeds import (
    CELL_KEY,
    NUMBERS,
    SET,
    TOLD,
    is_best,
    of_own_network,
    over_seeds,
    own_baselines,
)

_TRAINED_KEY = ["trained_as" if name == "recipe" else name for name in CELL_KEY]
_CELL = ["dataset", "source", "ipc", "recipe", "arch"]

_PERCENT = pa.Check.in_range(0, 100)
_COMPARISON = {
    "paper": pa.Column(float, _PERCENT, nullable=True),
    "paper_std": pa.Column(float, pa.Check.ge(0), nullable=True),
    "difference": pa.Column(float, nullable=True),
}
CELLS = pa.DataFrameSchema(
    {
        "dataset": pa.Column(str),
        "source": pa.Column(str),
        "ipc": pa.Column(int, pa.Check.ge(1)),
        "recipe": pa.Column(str),
        "arch": pa.Column(str),
        "protocol": pa.Column(str),
        "accuracy": pa.Column(str, pa.Check.isin(["best", "last"])),
        "applicable": pa.Column(bool),
        **NUMBERS,
        "gap": pa.Column(float, nullable=True),
        "best": pa.Column(bool),
        **_COMPARISON,
        **TOLD,
    },
    unique=_CELL,
    strict=True,
    coerce=True,
)
_FACTORS = {"factors": pa.Column(str, nullable=True)}
SETTINGS = pa.DataFrameSchema(
    {"recipe": pa.Column(str), "protocol": pa.Column(str), **_FACTORS},
    unique=["recipe"],
    strict=True,
    coerce=True,
)

_PAPER_KEY = ["table", "dataset", "distillation", "ipc", "method", "arch"]
_PAPER = pa.DataFrameSchema(
    {
        **{name: pa.Column(str) for name in _PAPER_KEY},
        "ipc": pa.Column(int, pa.Check.ge(1)),
        "accuracy": pa.Column(float, _PERCENT),
        "std": pa.Column(float, pa.Check.ge(0), nullable=True, required=False),
    },
    unique=_PAPER_KEY,
    strict=False,  # the gaps that the paper prints stand there too, and are not used
    coerce=True,
)


def table_cells(configuration: Configuration, table: Table, runs: pd.DataFrame) -> pd.DataFrame:
    """All cells of `table`, one row each, once for each selected data set; in the paper's order.

    `runs` is the table of `collect_runs`. Of it count the runs of the selection's protocol and
    seeds on the data sets of `table_datasets`; one that no table is about has no number of the paper.
    Columns, in percent:

    - dataset, source, ipc, recipe, arch: the cell; protocol, accuracy (`best` or `last`): the kind;
    - applicable: whether the cell exists (no DropPath or distillation on the source's own network);
    - n, mean, std: seeds measured, their mean and sample standard deviation (none below two seeds);
    - gap: mean minus the mean of the baseline of the source's own network (Table 2's brackets), in the
      layout `main`;
    - best: the highest mean, as printed, of at least two recipes measured on that network;
    - paper, paper_std, difference: the paper's number, and mean minus it;
    - seeds, recipe_epochs (what the configuration asks for), epochs, evaluate_every, whitening,
      device: what the runs say of themselves, several values joined by `;`;
    - factors, where the table has some: those that the recipe has, joined by `;`.

    Raises ConfigError if no selected data set is the table's, DataError if the paper's file is
    broken or has no line of the table.
    """
    selection = configuration.selection
    datasets = _datasets(configuration, table)
    chosen = runs[runs["seed"].isin(selection.seeds)]
    grid = _grid(configuration, table, datasets)
    measured = over_seeds(chosen, f"accuracy_{selection.accuracy}")
    served = measured.rename(columns={"recipe": "trained_as"}).assign(applicable=True)
    cells = (
        grid.merge(served, on=[*_TRAINED_KEY, "applicable"], how="left")
        .merge(own_baselines(configuration, measured), on=SET, how="left")
        .merge(paper_numbers(configuration, table), on=_CELL[1:], how="left")
    )
    besides = cells["dataset"].map(configuration.is_besides)  # the paper is not about it
    cells[["paper", "paper_std"]] = cells[["paper", "paper_std"]].mask(besides)
    own = of_own_network(configuration, cells)
    cells = cells.assign(
        n=cells["n"].fillna(0),
        gap=(cells["mean"] - cells["reference"]).mask(
            (own & (cells["recipe"] == BASELINE)) | (table.layout != "main")
        ),
        difference=cells["mean"] - cells["paper"],
        best=is_best(cells),
    )
    if table.factors:
        cells = cells.assign(factors=cells["recipe"].map(_factors(configuration, table)))
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
    return cells.drop(columns=list(_COMPARISON))


def read_cells(path: Path) -> pd.DataFrame:
    """Read the CSV of either edition back; DataError with one line if it is not one."""
    return read_tidy(path, _schema(read_text_columns(path).columns))


def _schema(columns: Iterable[str]) -> pa.DataFrameSchema:
    """What a table of cells with (most of) these columns has to be."""
    found = set(columns)
    if found <= set(SETTINGS.columns):
        return SETTINGS
    schema = CELLS.add_columns(_FACTORS) if "factors" in found else CELLS
    return schema if found & set(_COMPARISON) else schema.remove_columns(list(_COMPARISON))


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


def _grid(configuration: Configuration, table: Table, datasets: Sequence[str]) -> pd.DataFrame:
    """Every cell of the table with what the configuration knows of it."""
    selection = configuration.selection

    def row(run: RunId) -> dict[str, object]:
        return {
            **{name: getattr(run, name) for name in CELL_KEY},
            "accuracy": selection.accuracy,
            "trained_as": trained_as(configuration, run).recipe,
            "applicable": applies(configuration, run),
            "recipe_epochs": run_recipe(configuration, run).epochs,
        }

    runs = itertools.chain.from_iterable(grid(configuration, table, dataset) for dataset in datasets)
    return pd.DataFrame([row(run) for run in runs])


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
    columns = [*_CELL[1:], "paper", "paper_std"]
    file = configuration.paper_file(table)
    if file is None:
        empty = pd.DataFrame(columns=columns)
        return empty.astype({"ipc": int, "paper": float, "paper_std": float})
    names = (name for name, other in configuration.tables.items() if other == table)
    name = next(names, table.title)
    frame = read_paper(file)
    frame = frame[(frame["table"] == name) & (frame["dataset"] == table.dataset)]
    if frame.empty:
        raise DataError(f"{file}: table: found no line of {name} with dataset {table.dataset}")
    if "std" not in frame:
        frame = frame.assign(std=math.nan)
    ours = {"distillation": "source", "method": "recipe", "accuracy": "paper", "std": "paper_std"}
    return frame.rename(columns=ours)[columns]
