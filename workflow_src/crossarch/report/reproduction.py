"""The page about the published runs: what reproduces as far as seeds allow, what does not, the cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crossarch.collect.interval import LEVEL
from crossarch.config import Configuration, RunId, run_recipe
from crossarch.errors import DataError
from crossarch.files import write_text
from crossarch.printing.synthetic import any_synthetic
from crossarch.report.cells import of_own_network
from crossarch.report.facts import text
from crossarch.report.figures import shows_nothing
from crossarch.report.scorecard import ALL, OPEN, each_once, scorecard_cells, scorecard_summary

PAPER_SEEDS = 3
"""Repetitions behind each number of the paper (Appendix B.2)."""


def render_reproduction(configuration: Configuration, runs: pd.DataFrame, file: Path) -> Path:
    """Write the page, Markdown, to `file`; returns it. `runs` is the table of `collect_runs`.

    Raises DataError where no run measures a number of the paper, and for synthetic runs.
    """
    if any_synthetic(runs["device"]):
        raise DataError(f"{file}: found synthetic runs, expected runs that were trained")
    cells = scorecard_cells(configuration, runs)
    if not cells["n"].any():
        raise DataError(f"{file}: found no run of a number in the paper's tables, expected at least one")
    summary = scorecard_summary(configuration, cells)
    judged = judged_cells(configuration, cells)
    hours = (runs["seconds_training"] + runs["seconds_evaluation"]) / 3600
    write_text(
        file,
        text(
            "reproduction.md",
            whole=summary[summary["name"] == ALL].to_dict("records")[0],
            datasets=[configuration.dataset(name).title for name in sorted(set(judged["dataset"]))],
            claim_rows=_claims(configuration, runs, summary),
            judged=judged.assign(
                source=judged["source"].map(lambda name: configuration.source(name).title),
                dataset=judged["dataset"].map(lambda name: configuration.dataset(name).title),
                arch=judged["arch"].map(configuration.arch_title),
            ),
            paper_seeds=PAPER_SEEDS,
            headline=not shows_nothing(configuration, "headline", runs),
            findings=list(configuration.findings.values()),
            runs=runs,
            hours=hours,
            shorter=_shorter(configuration, runs),
            cost=_cost(configuration, runs.assign(hours=hours)),
        ),
    )
    return file


def judged_cells(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """The measured cells of the scorecard, each run's once, the farthest from the paper first.

    Columns besides: tolerance (points), and verdict: `reproduces` where the difference is no larger,
    `differs` where it is, `one seed` where the tolerance is not known.
    """
    measured = each_once(configuration, cells[cells["n"] > 0])
    tolerance = seed_tolerance(configuration, measured)
    near = np.where(measured["difference"].abs() <= tolerance, "reproduces", "differs")
    judged = measured.assign(tolerance=tolerance, verdict=np.where(tolerance.isna(), "one seed", near))
    return judged.sort_values("difference", key=lambda column: -column.abs(), kind="stable")


def seed_tolerance(configuration: Configuration, cells: pd.DataFrame) -> "pd.Series[float]":
    """How far from the paper's a number may be if seeds are all that differs, a row a cell, in points.

    `cells` are measured cells of the scorecard, each once; the result has their index:
    t * deviation * sqrt(1 / n + 1 / PAPER_SEEDS). The deviation between seeds is pooled over all cells
    of the same IPC that have several, those of the sets' own networks by themselves: these vary less, as
    does what is trained on more images. Student's t is that of 95% for its degrees of freedom. Two means
    of the same distribution are farther apart in 5% of cases. NaN where there is nothing to pool.
    """
    alike = [of_own_network(configuration, cells), cells["ipc"]]
    freedom = (cells["n"] - 1).where(cells["std"].notna(), 0).groupby(alike).transform("sum")
    squares = (cells["std"] ** 2 * (cells["n"] - 1)).groupby(alike).transform("sum")
    deviation = np.sqrt(squares / freedom.where(freedom > 0))
    reach = pd.Series(stats.t.ppf((1 + LEVEL) / 2, freedom), cells.index)
    tolerance: pd.Series[float] = reach * deviation * np.sqrt(1 / cells["n"] + 1 / PAPER_SEEDS)
    return tolerance


def _claims(
    configuration: Configuration, runs: pd.DataFrame, summary: pd.DataFrame
) -> list[tuple[Any, Any, str]]:
    """The measured claims by the selected accuracy and by the last one, and the verdict of both."""
    selection = configuration.selection.model_copy(update={"accuracy": "last"})
    last = replace(configuration, selection=selection)
    by_last = scorecard_summary(last, scorecard_cells(last, runs)).set_index("name")
    claims = summary[(summary["kind"] == "claim") & (summary["n"] > 0)]
    rows = []
    for row in claims.to_dict("records"):
        other = by_last.loc[row["name"]].to_dict()
        rows.append((row, other, row["verdict"] if row["verdict"] == other["verdict"] else OPEN))
    return rows


def _shorter(configuration: Configuration, runs: pd.DataFrame) -> int:
    """How many runs have another number of epochs than their recipes."""
    full = [
        run_recipe(configuration, RunId.model_validate(run)).epochs
        for run in runs[list(RunId.model_fields)].to_dict("records")
    ]
    return int((runs["epochs"] != full).sum())


def _cost(configuration: Configuration, runs: pd.DataFrame) -> list[Any]:
    """The median hours of a run and how many runs there are, by network, IPC and recipe."""
    groups = runs.groupby(["arch", "ipc", "recipe"], sort=False)["hours"]
    costs = groups.agg(["median", "count"]).reset_index()
    return costs.assign(arch=costs["arch"].map(configuration.arch_title)).to_dict("records")
