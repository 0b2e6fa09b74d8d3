"""Runs that were made up, to try out how everything looks: they say so on every page.

Such a run names `synthetic` as its device, in its metrics and so in every table made of them.
"""

import pandas as pd

SYNTHETIC = "synthetic"
NOTICE = "SYNTHETIC: not measured"


def any_synthetic(devices: "pd.Series[str]") -> bool:
    """Whether a column of devices (several joined by `;`, or missing) names one that does not exist."""
    return bool(devices.dropna().str.contains(SYNTHETIC, regex=False).any())
