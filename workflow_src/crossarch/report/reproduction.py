"""The page about the results kept in git, and the paragraph of the README that tells how far they are.

Everything but `findings.md`, where people write down what they found out, is made from the metrics.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from crossarch.config import Configuration
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.report.blocks import NOT_RUN
from crossarch.report.figures.headline import draw_headline
from crossarch.report.markdown import escaped
from crossarch.report.marked import check_marked, renew
from crossarch.report.numbers import printed, printed_signed
from crossarch.report.scorecard import scorecard_cells, scorecard_summary

REPRODUCED = "reproduced"
FINDINGS = "findings.md"
HEADLINE = "headline"


def render_reproduction(
    configuration: Configuration, runs: pd.DataFrame, layout: Layout, readme: Path
) -> list[Path]:
    """Write `README.md` and the headline's picture below `layout`, and the paragraph in `readme`.

    `readme` keeps all but what stands between the two marks; DataError if it lacks them.
    """
    check_marked(readme, REPRODUCED)
    cells = scorecard_cells(configuration, runs)
    summary = scorecard_summary(configuration, cells)
    pictures = draw_headline(configuration, cells, layout.figures / HEADLINE)
    findings = (layout.results / FINDINGS).read_text(encoding="utf-8")
    page = layout.results / "README.md"
    write_text(page, reproduction_page(configuration, runs, cells, summary, findings))
    renew(readme, REPRODUCED, headline(configuration, runs, cells, summary))
    return [page, readme, *pictures]


def headline(
    configuration: Configuration, runs: pd.DataFrame, cells: pd.DataFrame, summary: pd.DataFrame
) -> str:
    """How much was measured, how near it is, and which claims hold, in a few lines of Markdown."""
    measured = cells[cells["n"] > 0]
    whole = summary[(summary["kind"] == "agreement")].iloc[-1]
    claims = summary[(summary["kind"] == "claim") & (summary["n"] > 0)]
    lines = [
        f"{len(runs)} runs at full length, {_hours(runs):.0f} hours of one CPU core, "
        f"{_datasets(configuration, measured)}: {len(measured)} of the {len(cells)} numbers that the "
        f"paper's tables print. On average ours are {printed_signed(whole['ours'] - whole['paper'])} "
        f"points from the paper's (rank correlation {whole['rank_correlation']:+.2f}).",
        "",
        "| claim | holds here | our gain | the paper's | verdict |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {escaped(str(row['name']))} | {row['held']} of {row['n']} | {printed_signed(row['ours'])} "
        f"| {printed_signed(row['paper'])} | {row['verdict']} |"
        for _, row in claims.iterrows()
    ]
    return "\n".join(lines)


def reproduction_page(
    configuration: Configuration,
    runs: pd.DataFrame,
    cells: pd.DataFrame,
    summary: pd.DataFrame,
    findings: str,
) -> str:
    """The page in Markdown."""
    return (
        "\n\n".join(
            [
                "# Measured results",
                f"{MADE} [{FINDINGS}]({FINDINGS}), which people wrote.",
                headline(configuration, runs, cells, summary),
                "\n".join(f"- [{title}]({file})" for title, file in LINKS.items()),
                PICTURE,
                "## Every measured cell",
                _measured(configuration, cells),
                findings.strip(),
                "## What it cost",
                _cost(configuration, runs),
                _made_with(runs),
            ]
        )
        + "\n"
    )


MADE = (
    "Made by `snakemake --cores 1 reproduction` from the metrics in `runs/` (settings, accuracies, loss "
    "curve, time, versions, commit and checksums of the inputs of each run) and from"
)
PICTURE = "![Baseline and full recipe of each network, ours and the paper's](figures/headline.svg)"
LINKS = {
    "Table 2, ours beside the paper's": "tables/table2-comparison.md",
    "Table 2 in the shape of the paper": "tables/table2.md",
    "scorecard: every number of the paper, and which of its claims hold": "report/scorecard.md",
    "Figure 1, as far as it was measured": "figures/figure1.md",
    "all of it on one page to explore, to be opened in a browser": "report/index.html",
    "all runs as one tidy CSV": "metrics/runs.csv",
}


def _measured(configuration: Configuration, cells: pd.DataFrame) -> str:
    """A row a measured set, recipe and network, the farthest from the paper first."""
    measured = cells[cells["n"] > 0].drop_duplicates(["dataset", "source", "ipc", "recipe", "arch"])
    measured = measured.sort_values("difference", kind="stable")
    rows = [
        {
            "set": f"{configuration.source(str(row['source'])).title}, IPC {row['ipc']}",
            "network": configuration.arch_title(str(row["arch"])),
            "recipe": str(row["recipe"]),
            "seeds": str(row["n"]),
            "ours": printed(row["ours"]) + ("" if pd.isna(row["std"]) else f" ± {printed(row['std'])}"),
            "paper's": printed(row["paper"]),
            "difference": printed_signed(row["difference"]),
        }
        for _, row in measured.iterrows()
    ]
    return _pipe(rows, 3)


def _cost(configuration: Configuration, runs: pd.DataFrame) -> str:
    """Hours of one core for each network and recipe, the mean over its runs."""
    hours = runs.assign(hours=(runs["seconds_training"] + runs["seconds_evaluation"]) / 3600)
    recipes = list(runs["recipe"].unique())
    rows = []
    for arch in configuration.archs:
        row: dict[str, str] = {"mean hours of a run": configuration.arch_title(arch)}
        for recipe in recipes:
            chosen = hours[(hours["arch"] == arch) & (hours["recipe"] == recipe)]["hours"]
            row[recipe] = NOT_RUN if chosen.empty else f"{chosen.mean():.2f}"
        rows.append(row)
    return _pipe(rows, 1)


def _made_with(runs: pd.DataFrame) -> str:
    commits = sorted(set(runs["commit"].dropna()))
    machines = ", ".join(sorted(set(runs["machine"].dropna())))
    days = sorted(text[:10] for text in runs["finished"])
    devices = ", ".join(sorted(set(runs["device"])))
    return (
        f"{_hours(runs):.1f} hours in all, on {devices} ({machines}), one thread a run, beside other "
        f"work: times are upper bounds. {days[0]} to {days[-1]}, commits {', '.join(commits)}."
    )


def _hours(runs: pd.DataFrame) -> float:
    return float((runs["seconds_training"] + runs["seconds_evaluation"]).sum()) / 3600


def _datasets(configuration: Configuration, measured: pd.DataFrame) -> str:
    names = sorted({name for names in measured["measured_on"] for name in str(names).split(";")})
    return " and ".join(
        f"on {configuration.dataset(name).title}"
        + ("" if configuration.distilled_from(name) == name else ", a stand-in")
        for name in names
    )


def _pipe(rows: Sequence[dict[str, Any]], texts: int) -> str:
    align = ["left"] * texts + ["right"] * (len(rows[0]) - texts)
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)
