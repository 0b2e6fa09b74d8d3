"""What choosing the best test is worth: accuracy of the best test minus that of the last, run by run.

Tables print the best of the tests on the way, as the paper's code does: a choice made on the test set.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from crossarch.analysis.base import Analysis, Measured, Record
from crossarch.analysis.cells import ALL, change_of, frame, interval, qualified


class Selection(Analysis[Record]):
    """Gains in points by recipe and network, and over `all` of either.

    Columns: recipe, arch, n (runs), tests (of a run, on average), mean, low and high (95% interval of
    the mean over runs, missing below three), largest, last_was_best (runs whose last test was the best).
    Runs with a single test, which leave nothing to choose, are left out. Drawn are a recipe's means of
    each network, and its mean over all networks with the interval.
    """

    title = "What selecting on the test set is worth"
    axis = "Best test minus last test (points)"
    columns = ("recipe", "arch", "n", "tests", "mean", "low", "high", "largest", "last_was_best")

    def summarise(self, found: Measured[Record]) -> pd.DataFrame:
        """One row for each recipe and network, and for all of either."""
        return frame(_rows(_gains(found.runs)), self.columns)

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """The means of each recipe."""
        return table.assign(row=table["recipe"], value=table["mean"])

    def words(self, found: Measured[Record], table: pd.DataFrame) -> dict[str, Any]:
        """The gain over all networks: of all recipes, and of each."""
        rows = table[table["arch"] == ALL].to_dict("records")
        for row in rows:
            row["gain"] = change_of(row["mean"], row["n"], row["low"], row["high"], "runs")
        return {"overall": rows[0], "by_recipe": rows[1:]}


def _gains(runs: pd.DataFrame) -> pd.DataFrame:
    """Recipe, network, gain and number of tests of each run; its last epoch is always tested."""
    tests = -(-runs["epochs"] // runs["evaluate_every"])
    gain = runs["accuracy_best"] - runs["accuracy_last"]
    gains = pd.DataFrame({"recipe": qualified(runs), "arch": runs["arch"], "gain": gain, "tests": tests})
    return gains[tests > 1]


def _rows(gains: pd.DataFrame) -> Iterator[dict[str, Any]]:
    recipes, archs = ([ALL, *gains[name].unique()] for name in ("recipe", "arch"))
    for recipe, arch in product(recipes, archs):
        chosen = gains[gains["recipe"].eq(recipe) | (recipe == ALL)]
        chosen = chosen[chosen["arch"].eq(arch) | (arch == ALL)]
        if chosen.empty:
            continue
        low, high = interval(chosen["gain"])
        yield {
            "recipe": recipe,
            "arch": arch,
            "n": len(chosen),
            "tests": chosen["tests"].mean(),
            "mean": chosen["gain"].mean(),
            "low": low,
            "high": high,
            "largest": chosen["gain"].max(),
            "last_was_best": int((chosen["gain"] == 0).sum()),
        }
