"""What tables, figures and the page say alike of the seeds of a cell, one row a cell."""

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.runs import KEY
from crossarch.config import Configuration
from crossarch.config.schema import BASELINE
from crossarch.printing.numbers import joined_values, printed

SET = ["dataset", "source", "ipc", "protocol"]
"""The columns that tell what networks and recipes are compared on."""
CELL_KEY = [name for name in KEY if name != "seed"]
"""The columns that tell which cell a run belongs to."""
_OF_RUNS = ["epochs", "evaluate_every", "whitening", "device"]
NUMBERS = {
    "n": pa.Column(int, pa.Check.ge(0)),
    "mean": pa.Column(float, pa.Check.in_range(0, 100), nullable=True),
    "std": pa.Column(float, pa.Check.ge(0), nullable=True),
}
TOLD = {
    "seeds": pa.Column(str, nullable=True),
    "recipe_epochs": pa.Column(int, pa.Check.ge(1)),
    **{name: pa.Column(str, nullable=True) for name in _OF_RUNS},
}
"""What the runs of a cell say of themselves, beside the epochs that its recipe asks for."""


def over_seeds(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """A row for each cell that has runs, sorted by its key.

    `runs` is the table of `collect_runs` or a part of it; `column` the accuracies, in percent. Columns:

    - those of CELL_KEY;
    - n: the runs; mean, std: their mean and sample standard deviation, in percent (no std below two);
    - seeds, epochs, evaluate_every, whitening, device: the values of the runs, joined by `;`.
    """
    cells = runs.groupby(CELL_KEY)
    numbers = cells[column].agg(n="count", mean="mean", std="std")
    told = cells[["seed", *_OF_RUNS]].agg(joined_values).rename(columns={"seed": "seeds"})
    found: pd.DataFrame = numbers.join(told).reset_index()
    return found


def of_own_network(configuration: Configuration, cells: pd.DataFrame) -> "pd.Series[bool]":
    """True for each cell (columns `arch` and `source`) of the network that its set was distilled with.

    False where the source is not configured.
    """
    archs = {name: source.arch for name, source in configuration.sources.items()}
    return cells["arch"] == cells["source"].map(archs)


def own_baselines(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """`reference`: the mean (percent) of the baseline of the network that each set was distilled with.

    `cells` is what `over_seeds` gives. The other columns are those of SET; a set without such a cell,
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
