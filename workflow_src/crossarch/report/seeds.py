"""The seeds of a cell or point taken together: mean and spread, and what its runs say of themselves."""

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from crossarch.config import Configuration
from crossarch.config.schema import BASELINE
from crossarch.printing.numbers import joined_values, printed

PERCENT = pa.Check.in_range(0, 100)
NUMBERS = {
    "n": pa.Column(int, pa.Check.ge(0)),
    "mean": pa.Column(float, PERCENT, nullable=True),
    "std": pa.Column(float, pa.Check.ge(0), nullable=True),
}
_OF_RUNS = ("epochs", "evaluate_every", "whitening", "device")
TOLD = {
    "seeds": pa.Column(str, nullable=True),
    "recipe_epochs": pa.Column(int, pa.Check.ge(1)),  # what the configuration asks for
    **{name: pa.Column(str, nullable=True) for name in _OF_RUNS},
}


def over_seeds(runs: pd.DataFrame, by: Sequence[str], accuracy: str) -> pd.DataFrame:
    """A row for each group of `runs` (the table of `collect_runs`) that is alike in the columns `by`.

    Columns: those of `by`; n, mean, std: how many seeds, the mean and sample standard deviation (none
    below two seeds) of the `accuracy` (`best` or `last`), in percent; seeds, epochs, evaluate_every,
    whitening, device: what the runs say of themselves, several values joined by `;`.
    """
    groups = runs.groupby(list(by))
    numbers = groups[f"accuracy_{accuracy}"].agg(n="count", mean="mean", std="std")
    told = groups[["seed", *_OF_RUNS]].agg(joined_values).rename(columns={"seed": "seeds"})
    content: pd.DataFrame = numbers.join(told).reset_index()
    return content


def references(
    configuration: Configuration, runs: pd.DataFrame, by: Sequence[str], accuracy: str
) -> pd.DataFrame:
    """What gaps are measured from: the columns `by` (of them source) and `reference`, in percent.

    That is the mean baseline accuracy of the network that the source's sets were distilled with.
    Runs of sources that the configuration does not have are no reference.
    """
    own = runs["source"].map({name: source.arch for name, source in configuration.sources.items()})
    baselines = runs[(runs["recipe"] == BASELINE) & (runs["arch"] == own)]
    return over_seeds(baselines, by, accuracy).rename(columns={"mean": "reference"})[[*by, "reference"]]


def best_as_printed(cells: pd.DataFrame, by: Sequence[str]) -> "pd.Series[bool]":
    """True where no cell alike in the columns `by` prints a higher mean; two must have been measured."""
    shown = cells["mean"].map(lambda mean: float(printed(mean)), na_action="ignore")
    groups = shown.groupby([cells[name] for name in by])
    return (shown == groups.transform("max")) & (groups.transform("count") >= 2)
