"""Which numbers reproduce: whether ours is as near the paper's as seeds alone would leave it."""

import numpy as np
import pandas as pd
from scipy import stats

from crossarch.collect.interval import LEVEL
from crossarch.config import Configuration
from crossarch.report.seeds import of_own_network

PAPER_SEEDS = 3
"""Repetitions behind each number of the paper (Appendix B.2)."""


def seed_margins(configuration: Configuration, cells: pd.DataFrame) -> "pd.Series[float]":
    """How far from the paper's a number may lie if seeds are all that differs, a row a cell, in points.

    `cells` are measured cells of the scorecard, each once; the margins have their index:
    t * deviation * sqrt(1 / n + 1 / PAPER_SEEDS). The deviation between seeds is pooled over all cells
    of the same IPC that have several, those of the sets' own networks by themselves: these vary less, as
    does what is trained on more images. Student's t is that of 95% for its degrees of freedom. Two means
    of the same distribution lie farther apart in 5% of cases. NaN where there is nothing to pool.
    """
    alike = [of_own_network(configuration, cells), cells["ipc"]]
    freedom = (cells["n"] - 1).where(cells["std"].notna(), 0).groupby(alike).transform("sum")
    squares = (cells["std"] ** 2 * (cells["n"] - 1)).groupby(alike).transform("sum")
    deviation = np.sqrt(squares / freedom.where(freedom > 0))
    reach = pd.Series(stats.t.ppf((1 + LEVEL) / 2, freedom), cells.index)
    margin: pd.Series[float] = reach * deviation * np.sqrt(1 / cells["n"] + 1 / PAPER_SEEDS)
    return margin


def reproduces(difference: "pd.Series[float]", margin: "pd.Series[float]") -> "pd.Series[bool]":
    """Where a difference is known and no larger than its margin, both in points."""
    return difference.abs() <= margin
