"""How sure a mean over cells is: bootstrapped intervals."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

RESAMPLES = 10_000
SEED = 0


def bootstrap_interval(values: pd.Series, units: pd.Series) -> tuple[float, float]:
    """The 95% percentile interval of the mean of `values` when units are drawn with replacement.

    NaN where there are fewer than two units.
    """
    of_unit = values.groupby(units).agg(["sum", "count"])
    if len(of_unit) < 2:
        return np.nan, np.nan

    def mean(sums: Any, counts: Any, axis: int) -> Any:
        return sums.sum(axis=axis) / counts.sum(axis=axis)

    with warnings.catch_warnings():  # units that are all alike: the interval is a point
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            (of_unit["sum"].to_numpy(), of_unit["count"].to_numpy()),
            mean,
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(SEED),
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
