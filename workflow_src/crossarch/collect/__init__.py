"""Collect: finished runs in, one tidy table of them out.

`collect_runs` reads the `metrics.json` of runs, `write_runs` and `read_runs` keep them as
`results/metrics/runs.csv`.
"""

from crossarch.collect.runs import collect_runs, read_runs, write_runs

__all__ = ["collect_runs", "read_runs", "write_runs"]
