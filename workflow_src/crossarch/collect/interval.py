"""How sure a mean over cells is."""

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95


def mean_interval(values: pd.Series, units: pd.Series) -> tuple[float, float]:
    """The 95% t interval of the mean of `values`, of which those of one unit are no independent draws.

    The mean of all values is a ratio of the units' sums and counts; its variance is that of the units'
    summed deviations, with as many degrees of freedom as there are units less one (cluster-robust, as
    Cameron and Miller 2015, section VI; with one value a unit Student's own). NaN below two units.
    """
    mean = values.mean()
    deviations = (values - mean).groupby(units).sum()
    count = len(deviations)
    if count < 2:
        return np.nan, np.nan
    error = np.sqrt(count / (count - 1) * (deviations**2).sum()) / len(values)
    reach = stats.t.ppf((1 + LEVEL) / 2, count - 1) * error
    return float(mean - reach), float(mean + reach)
