"""Analyses of finished runs: what lies behind an accuracy, measured from stored weights and metrics.

Each is one module with a class (`crossarch.analysis.base.Analysis`), a template, and a line in
`config/analyses.yaml`. `measure` makes the record of one run, `summary` the table, the figure and the
page of several; the arithmetic is in `hessian` and `predictions`.
"""
