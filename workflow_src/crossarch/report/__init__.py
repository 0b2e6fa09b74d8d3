"""Report: the tidy table of runs in; the paper's tables and figures with our numbers, and a page, out.

`table_cells` works out the cells of a table of the paper, and `render_table` writes them as CSV, then,
from that CSV, as Markdown and LaTeX: once in the shape of the paper, once beside the paper's numbers.
`render_scorecard` puts all of them together.
"""

from crossarch.report.render import render_table
from crossarch.report.scorecard_page import render_scorecard
from crossarch.report.tables import table_cells

__all__ = ["render_scorecard", "render_table", "table_cells"]
