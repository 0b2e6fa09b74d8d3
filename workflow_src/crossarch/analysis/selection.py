"""What choosing the best test is worth: accuracy of the best test minus that of the last, run by run.

Tables print the best of the tests on the way, as the paper's code does: a choice made on the test set.
"""

from itertools import product

import pandas as pd

from crossarch.analysis.cells import ALL, bullets, frame, interval, qualified, told, told_by
from crossarch.analysis.findings import Findings, Rows
from crossarch.printing.numbers import printed

TITLE = "What selecting on the test set is worth"
AXIS = "Best test minus last test (points)"
COLUMNS = ("recipe", "arch", "n", "tests", "mean", "low", "high", "largest", "last_was_best")


def find_selection(runs: pd.DataFrame) -> Findings:
    """Gains in points by recipe and network, and over `all` of either, from the table of `collect_runs`.

    Columns: recipe, arch, n (runs), tests (of a run, on average), mean, low and high (95% interval of
    the mean over runs, missing below three), largest, last_was_best (runs whose last test was the best).
    Runs with a single test, which leave nothing to choose, are left out.
    Drawn are a recipe's means of each network, and its mean over all networks with the interval.
    """
    runs = runs[_tests(runs) > 1]
    table = _table(runs)
    points = table[table["arch"] != ALL]
    means = table[table["arch"] == ALL].rename(columns={"recipe": "row"})
    rows = Rows(AXIS, points.assign(row=points["recipe"], value=points["mean"]), means)
    return Findings(TITLE, table, _in_words(runs), rows)


def _table(runs: pd.DataFrame) -> pd.DataFrame:
    gains = runs.assign(
        recipe=qualified(runs),
        gain=runs["accuracy_best"] - runs["accuracy_last"],
        tests=_tests(runs),
    )
    rows = []
    recipes, archs = ([ALL, *gains[name].unique()] for name in ("recipe", "arch"))
    for recipe, arch in product(recipes, archs):
        chosen = gains[gains["recipe"].eq(recipe) | (recipe == ALL)]
        chosen = chosen[chosen["arch"].eq(arch) | (arch == ALL)]
        if chosen.empty:
            continue
        low, high = interval(chosen["gain"])
        rows.append(
            {
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
        )
    return frame(rows, COLUMNS)


def _in_words(runs: pd.DataFrame) -> str:
    """What the runs say, in a few sentences; nothing where there is none."""
    if runs.empty:
        return ""
    gains, tests = runs["accuracy_best"] - runs["accuracy_last"], _tests(runs)
    few, many = int(tests.min()), int(tests.max())
    number = f"{few}" if few == many else f"{few} to {many}"
    by_recipe = bullets(told_by(qualified(runs), gains, "runs"))
    return (
        f"The best test lies {told(gains, 'runs')} above the last one, at most {printed(gains.max())}; "
        f"in {int((gains == 0).sum())} of them the last was the best. A run had {number} tests; the "
        f"more there are to choose from, the more the choice is worth. By recipe:{by_recipe}"
    )


def _tests(runs: pd.DataFrame) -> "pd.Series[int]":
    """How often each run was tested: its last epoch always is."""
    return -(-runs["epochs"] // runs["evaluate_every"])
