"""What runs come to: means over seeds, gaps to the network of the set, the best recipe; a row a cell."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.runs import KEY
from crossarch.config import Configuration, RunId, applies, run_recipe, trained_as
from crossarch.config.schema import BASELINE
from crossarch.printing.numbers import joined_values, printed

SET = ["dataset", "source", "ipc", "protocol"]
"""The columns that say what networks and recipes are compared on."""
CELL_KEY = [name for name in KEY if name != "seed"]
"""The columns that say which cell a run belongs to."""
_OF_RUNS = ["epochs", "evaluate_every", "whitening", "device"]
PERCENT, POSITIVE, COUNT = pa.Check.in_range(0, 100), pa.Check.ge(0), pa.Check.ge(1)


def columns(names: str, kind: Any, *checks: pa.Check, nullable: bool = False) -> dict[str, pa.Column]:
    """Columns of a schema that are all of one kind."""
    return {name: pa.Column(kind, list(checks), nullable=nullable) for name in names.split()}


def number_columns() -> dict[str, pa.Column]:
    """n, mean and std (percent) over the seeds of a cell."""
    return {
        **columns("n", int, POSITIVE),
        **columns("mean", float, PERCENT, nullable=True),
        **columns("std", float, POSITIVE, nullable=True),
    }


def run_columns() -> dict[str, pa.Column]:
    """What the runs of a cell were made with, several values joined by `;`, and its recipe's epochs."""
    return {
        **columns("seeds", str, nullable=True),
        **columns("recipe_epochs", int, COUNT),
        **columns("epochs evaluate_every whitening device", str, nullable=True),
    }


def measured_cells(
    configuration: Configuration, planned: Iterable[RunId], runs: pd.DataFrame
) -> pd.DataFrame:
    """A row for each cell of `planned` (runs of any seed), in that order, measured or not.

    `runs` is the table of `collect_runs`; those of the selection's seeds count. A cell that another
    recipe's runs serve (`trained_as`) has theirs. Columns, in percent:

    - those of CELL_KEY, trained_as; applicable: whether the cell exists (no DropPath or distillation on
      the source's own network); recipe_epochs: what the recipe has; accuracy: `best` or `last`;
    - those of `over_seeds`, with n = 0 where nothing was measured;
    - gap: mean minus the mean of the baseline of the source's own network, none for that cell itself;
    - best: see `is_best`.
    """
    selection = configuration.selection
    chosen = runs[runs["seed"].isin(selection.seeds)]
    measured = over_seeds(chosen, f"accuracy_{selection.accuracy}")
    served = measured.rename(columns={"recipe": "trained_as"}).assign(applicable=True)
    key = ["trained_as" if name == "recipe" else name for name in CELL_KEY]
    cells = (
        pd.DataFrame([_planned(configuration, run) for run in planned])
        .merge(served, on=[*key, "applicable"], how="left")
        .merge(own_baselines(configuration, measured), on=SET, how="left")
    )
    reference = of_own_network(configuration, cells) & (cells["recipe"] == BASELINE)
    return cells.assign(
        n=cells["n"].fillna(0).astype(int),
        accuracy=selection.accuracy,
        gap=(cells["mean"] - cells["reference"]).mask(reference),
        best=is_best(cells),
    )


def _planned(configuration: Configuration, run: RunId) -> dict[str, object]:
    return {
        **{name: getattr(run, name) for name in CELL_KEY},
        "trained_as": trained_as(configuration, run).recipe,
        "applicable": applies(configuration, run),
        "recipe_epochs": run_recipe(configuration, run).epochs,
    }


def over_seeds(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row for each cell that has runs, sorted by its key.

    `runs` is the table of `collect_runs` or a part of it; `column` the accuracies, in percent. Columns:
    those of CELL_KEY; n; mean and sample standard deviation std (percent, no std below two seeds);
    seeds, epochs, evaluate_every, whitening, device: the values of the runs, joined by `;`.
    """
    cells = runs.groupby(CELL_KEY)
    numbers = cells[column].agg(n="count", mean="mean", std="std")
    joined = cells[["seed", *_OF_RUNS]].agg(joined_values).rename(columns={"seed": "seeds"})
    found: pd.DataFrame = numbers.join(joined).reset_index()
    return found


def of_own_network(configuration: Configuration, cells: pd.DataFrame) -> "pd.Series[bool]":
    """True for each cell (columns `arch` and `source`) of the network that its set was distilled with.

    False where the source is not configured.
    """
    archs = {name: source.arch for name, source in configuration.sources.items()}
    return cells["arch"] == cells["source"].map(archs)


def own_baselines(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """`reference`: the mean (percent) of the baseline of the network that each set was distilled with.

    `cells` is what `over_seeds` returns. The other columns are those of SET; a set without such a cell,
    or of a source that is not configured, has no row.
    """
    own = of_own_network(configuration, cells)
    baselines = cells[own & (cells["recipe"] == BASELINE)]
    return baselines[[*SET, "mean"]].rename(columns={"mean": "reference"})


def is_best(cells: pd.DataFrame) -> "pd.Series[bool]":
    """True for each cell whose mean prints highest of all recipes for its set and network.

    `cells` has the columns of CELL_KEY and `mean` (percent, missing where nothing was measured). At
    least two recipes must have been measured; what prints alike is best alike.
    """
    shown = cells["mean"].map(lambda mean: float(printed(mean)), na_action="ignore")
    groups = shown.groupby([cells[name] for name in [*SET, "arch"]])
    return (shown == groups.transform("max")) & (groups.transform("count") >= 2)
