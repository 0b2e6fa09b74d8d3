"""What the tables of all analyses have in common: cells, means over seeds, intervals over cells."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from crossarch.collect.interval import mean_interval
from crossarch.config import RunId, RunSettings
from crossarch.printing.numbers import printed_range, printed_signed

N = TypeVar("N", float, "pd.Series[float]")

CELL = ["dataset", "source", "ipc", "arch", "recipe"]
ALL = "all"  # in a column that the row is not about
LEAST = 3  # values that an interval is given for


def qualified(runs: pd.DataFrame) -> "pd.Series[str]":
    """The recipe of each run as its path has it: `full`, `full@released`."""
    return runs["recipe"].where(runs["protocol"] == "paper", runs["recipe"] + "@" + runs["protocol"])


def cell_of(run: RunId) -> dict[str, Any]:
    """The columns of `CELL` and the seed of a run; the recipe is qualified by its protocol."""
    return {**{name: getattr(run, name) for name in (*CELL, "seed")}, "recipe": run.qualified_recipe}


def taught_by(student: RunSettings) -> str:
    """`cnn/wo_dp_kd`: network and recipe (with its protocol) of a student's teacher."""
    assert student.teacher  # analyses of teachers are about runs that have one
    return f"{student.teacher.arch}/{student.teacher.qualified_recipe}"


def standard_error(percent: N, images: N) -> N:
    """What the number of test images leaves of a share of them (both in percent).

    The mean of several seeds' is that of their mean at most: all of them see the same images.
    """
    error: N = (percent * (100 - percent) / images) ** 0.5
    return error


def difference_error(first: N, second: N, images: N) -> N:
    """The standard error of the difference of two shares, as if they were of independent tests."""
    error: N = (standard_error(first, images) ** 2 + standard_error(second, images) ** 2) ** 0.5
    return error


def means_over_seeds(tests: pd.DataFrame, by: Iterable[str], columns: Sequence[str]) -> pd.DataFrame:
    """A row for each cell and what else rows are told apart `by`, with `columns`; none without tests.

    `tests` has the columns of `cell_of` and all others but n, the number of seeds. What is neither of
    the cell nor in `by` is a mean over them. The order is that of first appearance.
    """
    if tests.empty:
        return frame([], columns)
    keys = [*CELL, *by]
    cells = tests.groupby(keys, sort=False)
    means = cells[[name for name in columns if name not in {*keys, "n"}]].mean()
    means["n"] = cells["seed"].nunique()
    return means.reset_index()[list(columns)]


def set_names(cells: pd.DataFrame) -> "pd.Series[str]":
    """`frepo IPC 1`: the set of each cell; behind its data set where `cells` are of several."""
    names = cells["source"] + " IPC " + cells["ipc"].astype(str)
    return cells["dataset"] + " " + names if cells["dataset"].nunique() > 1 else names


def set_and_recipe(cells: pd.DataFrame) -> "pd.Series[str]":
    """`frepo IPC 1, wo_dp`: the set and the recipe of each cell."""
    return set_names(cells) + ", " + cells["recipe"]


def interval(values: "pd.Series[float]") -> tuple[float, float]:
    """The 95% t interval of the mean of `values`, each a draw of its own; NaN below three.

    That of two would reach 13 standard errors far and hide every other one in a figure.
    """
    if len(values) < LEAST:
        return np.nan, np.nan
    return mean_interval(values, pd.Series(range(len(values)), values.index))


def change(values: "pd.Series[float]", what: str) -> str:
    """`+0.3 points on average over 4 runs (-0.1 to +0.6)`, or `+0.3 points in one run`."""
    return change_of(values.mean(), len(values), *interval(values), what)


def change_of(mean: float, count: int, low: float, high: float, what: str) -> str:
    """As `change`, of a mean over `count` values and its interval, NaN for none."""
    points = f"{printed_signed(mean)} points"
    if count < 2:
        return f"{points} in one {what.removesuffix('s')}"
    average = f"{points} on average over {count} {what}"
    return average if np.isnan(low) else f"{average} ({printed_range(low, high)})"


def changes(keys: "pd.Series[str]", values: "pd.Series[float]", what: str) -> list[str]:
    """The `change` of the values of each key, in order: `` `cnn` +0.3 points ... ``."""
    return [f"`{key}` {change(group, what)}" for key, group in values.groupby(keys)]


def frame(rows: Iterable[Mapping[str, Any]], columns: Iterable[str]) -> pd.DataFrame:
    """A table of rows, with these columns also where there is no row."""
    return pd.DataFrame(list(rows), columns=list(columns))
