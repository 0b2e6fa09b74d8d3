"""Report: finished runs in; one tidy table of them, then the paper's tables with our numbers, out.

`collect_runs` reads the `metrics.json` of runs, `write_runs` and `read_runs` keep them as
`results/metrics/runs.csv`. `table_cells` works out the cells of a table of the paper, and
`render_table` writes them as CSV, then, from that CSV, as Markdown and LaTeX: once in the shape of
the paper, once beside the paper's numbers. `render_scorecard` puts all of them together.
"""

from crossarch.report.collect import collect_runs, read_runs, write_runs
from crossarch.report.render import render_table
from crossarch.report.scorecard_page import render_scorecard
from crossarch.report.tables import table_cells

__all__ = [
    "collect_runs",
    "read_runs",
    "render_scorecard",
    "render_table",
    "table_cells",
    "write_runs",
]
