"""Analyses of finished runs: what lies behind an accuracy, measured from stored weights and metrics.

`curvature`, `whitening` and `agreement` measure one run each and leave a record of it (from files to
files: `curvature`, `testing`; the arithmetic: `hessian`, `landscape`, `predictions`). `selection` and
`protocols` need metrics alone. `summary` makes of each a table, a figure and a paragraph; the curvature
is Figure 8 of the paper (`crossarch.report.figures.curvature`).
"""
