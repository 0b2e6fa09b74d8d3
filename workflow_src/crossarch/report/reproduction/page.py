"""The page about the results kept in git, and the paragraph of the README that tells how far they are.

Everything is made from the metrics but `findings.md`, where people may write down what they found out.
"""

from pathlib import Path

import pandas as pd

from crossarch.config import Configuration
from crossarch.errors import DataError
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.synthetic import any_synthetic
from crossarch.report.figures.headline import draw_headline
from crossarch.report.marked import check_marked, renew
from crossarch.report.reproduction.cells import measured_once, with_margins
from crossarch.report.reproduction.cost import cost, made_with
from crossarch.report.reproduction.distances import distances, every_cell, parts
from crossarch.report.reproduction.headline import headline
from crossarch.report.reproduction.otherwise import in_every_space, with_batch_statistics
from crossarch.report.scorecard import scorecard_cells

REPRODUCED = "reproduced"
FINDINGS = "findings.md"


def render_reproduction(
    configuration: Configuration, runs: pd.DataFrame, layout: Layout, readme: Path
) -> list[Path]:
    """Write `README.md` and the headline's picture below `layout`, and the paragraph in `readme`.

    `readme` keeps all but what stands between the two marks. Raises DataError if it lacks them, where no
    run measures a number of the paper, and for synthetic runs, which nothing was measured by.
    """
    check_marked(readme, REPRODUCED)
    if runs.empty:
        raise DataError(f"{layout.results}: found no finished runs, needed: at least one")
    if any_synthetic(runs["device"]):
        raise DataError(f"{layout.results}: found synthetic runs, allowed: runs that were trained")
    cells = scorecard_cells(configuration, runs)
    if not cells["n"].any():
        raise DataError(
            f"{layout.results}: found no run of a number in the paper's tables, needed: at least one"
        )
    told = headline(configuration, runs, cells)
    pictures = draw_headline(configuration, cells, layout.headline)
    page = layout.results / "README.md"
    write_text(page, reproduction_page(configuration, layout, runs, cells, told, bool(pictures)))
    renew(readme, REPRODUCED, told)
    return [page, readme, *pictures]


def reproduction_page(
    configuration: Configuration,
    layout: Layout,
    runs: pd.DataFrame,
    cells: pd.DataFrame,
    told: str,
    pictured: bool,
) -> str:
    """The page in Markdown; `told` is the headline, `layout` has what the analyses and people found."""
    file = layout.results / FINDINGS
    findings = [file.read_text(encoding="utf-8").strip()] if file.exists() else []
    measured = with_margins(configuration, measured_once(configuration, cells))
    return (
        "\n\n".join(
            [
                "# Measured results",
                f"{MADE}{f' and from {WRITTEN}' if findings else ''}.",
                told,
                "\n".join(f"- [{title}]({file})" for title, file in LINKS.items()),
                *[PICTURE] * pictured,
                "## How far from the paper, by network and recipe",
                distances(configuration, cells),
                *parts(configuration, cells),
                "## Every measured cell",
                *every_cell(configuration, measured),
                *with_batch_statistics(configuration, layout, measured),
                *in_every_space(configuration, layout, measured),
                *findings,
                "## What it cost",
                cost(configuration, runs),
                made_with(runs),
            ]
        )
        + "\n"
    )


MADE = (
    "Made by `snakemake --cores 1 reproduction` from the metrics in `runs/` (settings, accuracies, loss "
    "curve, time, versions, commit and checksums of the inputs of each run)"
)
WRITTEN = f"[{FINDINGS}]({FINDINGS}), which people wrote"
PICTURE = "![Baseline and full recipe of each network, ours and the paper's](figures/headline.svg)"
LINKS = {
    "Table 2, ours beside the paper's": "tables/table2-comparison.md",
    "Table 2 in the shape of the paper": "tables/table2.md",
    "Table 8, 2-fold augmentation, ours beside the paper's": "tables/table8-comparison.md",
    "scorecard: every number of the paper, and which of its claims hold": "report/scorecard.md",
    "Figure 1, as far as it was measured": "figures/figure1.md",
    "Figures 3 and 7, training on real images, as far as they were measured": "figures/figure7.md",
    "Figure 8, the curvature of the minima": "figures/figure8.md",
    "what lies behind the accuracies": "../../docs/analysis.md",
    "all of it on one page to explore, to be opened in a browser": "report/index.html",
    "all runs as one tidy CSV": "metrics/runs.csv",
}
