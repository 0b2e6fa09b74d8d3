"""Analyses of finished runs: what lies behind an accuracy, measured from stored weights and metrics.

Those of `MEASURED` (`crossarch.config.schema`) measure one run each and leave a record of it: from files
to files `curvature`, `testing` and `retrace`, the arithmetic `hessian`, `landscape` and `predictions`.
`selection` and `protocols` need metrics alone. `summary` makes of each a table, a figure and a
paragraph; the curvature is Figure 8 of the paper (`crossarch.report.figures.curvature`).
"""
