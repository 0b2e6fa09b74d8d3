"""The scorecard as files: its two tables, and a page of Markdown made from them alone."""

from pathlib import Path

import pandas as pd
from tabulate import tabulate

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.numbers import LIST_SEPARATOR, all_values, printed, printed_range, printed_signed
from crossarch.printing.words import listed
from crossarch.report.blocks import NOT_RUN
from crossarch.report.markdown import escaped
from crossarch.report.measured import epochs_told
from crossarch.report.scorecard import ALL, scorecard_cells, scorecard_summary

METHOD = (
    "A cell is one number that the paper prints. Where it was measured, ours is the mean over "
    "seeds, on the table's own data set. Rank "
    "correlations are Spearman's, of at least three cells or pairs. Intervals are 95% t intervals of "
    "the mean; they say how much it hangs on which cells were measured, as if these were independent, "
    "not how much seeds differ. What two tables print is counted once, except in the rows of the tables."
)

CLAIMS = (
    "A claim is a set of pairs of cells: it says that the gain, the first accuracy minus the "
    "second, is above 0. `a > b`: recipe a beats recipe b on the same network and set. `gap "
    "narrows`: the distance of a network behind the one that the set was distilled with is "
    "smaller between the last recipes that apply to them than between their baselines. `same "
    "order`: of two networks trained alike, the one that is better in the paper is better here. "
    "Intervals are between units: networks on a set, for `same order` sets with a recipe. Networks on "
    "one set share its CNN and its teachers, so that intervals say nothing about other sets. Of six "
    "units or more a claim holds if the interval of our mean gain lies above 0, whatever the size of "
    "the paper's, and does not hold if it lies below 0; else it is open."
)


def render_scorecard(configuration: Configuration, runs: pd.DataFrame, layout: Layout) -> list[Path]:
    """Write the scorecard: its cells and its summary as CSV, and the page; gives the three files."""
    cells_csv, summary_csv, page = layout.scorecard_files()
    cells = scorecard_cells(configuration, runs)
    summary = scorecard_summary(configuration, cells)
    write_tidy(cells, cells_csv)
    write_tidy(summary, summary_csv)
    write_text(page, scorecard_page(configuration, cells, summary))
    return [cells_csv, summary_csv, page]


def scorecard_page(configuration: Configuration, cells: pd.DataFrame, summary: pd.DataFrame) -> str:
    """Agreement by table, claims, and every cell of the paper, as Markdown."""
    measured = int((cells["n"] > 0).sum())
    agreement = summary[summary["kind"] == "agreement"]
    claims = summary[summary["kind"] == "claim"]
    return (
        "\n\n".join(
            [
                "# Scorecard: ours and the paper's",
                f"{measured} of the {len(cells)} numbers in the paper's tables measured. "
                + _told(configuration, cells),
                METHOD,
                "## How near the numbers are",
                _table([_agreement_row(configuration, row) for _, row in agreement.iterrows()], 2),
                "## Which claims hold",
                CLAIMS,
                _table([_claim_row(configuration, row) for _, row in claims.iterrows()], 2),
                "## Every number of the paper",
                *(
                    f"### {_table_title(configuration, str(name))}\n\n"
                    + _table([_cell_row(configuration, row) for _, row in group.iterrows()], 4)
                    for name, group in cells.groupby("table", sort=False)
                ),
            ]
        )
        + "\n"
    )


def _told(configuration: Configuration, cells: pd.DataFrame) -> str:
    """Protocol, kind of accuracy, length of trainings and device of what was measured."""
    measured = cells[cells["n"] > 0]
    sentences = [f"Protocol: {listed(cells['protocol'].unique())}."]
    kinds = {"best": "best of the test evaluations, selected on the test set", "last": "last epoch"}
    sentences.append(f"Accuracy: {listed(kinds[kind] for kind in cells['accuracy'].unique())}.")
    if not measured.empty:
        sentences += epochs_told(configuration, measured)
        sentences.append(f"Device: {listed(all_values(measured['device']))}.")
    return " ".join(sentences)


def _agreement_row(configuration: Configuration, row: pd.Series) -> dict[str, str]:
    return {
        "Table": _table_title(configuration, str(row["name"])),
        "Measured on": _datasets(configuration, row["measured_on"]),
        "Cells": f"{row['n']} of {row['of']}",
        "Ours": _number(row["ours"]),
        "Paper's": _number(row["paper"]),
        "Mean difference": _signed(row["ours"] - row["paper"]),
        "95%": _interval(row),
        "Mean absolute difference": _number(row["mean_absolute_difference"]),
        "Rank correlation": _correlation(row["rank_correlation"]),
    }


def _claim_row(configuration: Configuration, row: pd.Series) -> dict[str, str]:
    return {
        "Claim": escaped(str(row["name"])),
        "Measured on": _datasets(configuration, row["measured_on"]),
        "Holds here": f"{row['held']} of {row['n']}" if row["n"] else NOT_RUN,
        "In the paper": f"{row['paper_held']} of {row['of']}",
        "Our gain": _signed(row["ours"]),
        "95%": _interval(row),
        "Paper's gain": _signed(row["paper"]),
        "Mean absolute difference": _number(row["mean_absolute_difference"]),
        "Rank correlation": _correlation(row["rank_correlation"]),
        "Verdict": str(row["verdict"]) if row["n"] else NOT_RUN,
    }


def _cell_row(configuration: Configuration, row: pd.Series) -> dict[str, str]:
    return {
        "DD": escaped(configuration.source(str(row["source"])).title),
        "IPC": str(row["ipc"]),
        "Recipe": escaped(str(row["recipe"])),
        "Network": configuration.arch_title(str(row["arch"])),
        "Seeds": str(row["n"] or NOT_RUN),
        "Ours": _spread(row["ours"], row["std"]),
        "Paper's": _spread(row["paper"], row["paper_std"]),
        "Difference": _signed(row["difference"]),
    }


def _table(rows: list[dict[str, str]], texts: int) -> str:
    """A pipe table; the first columns hold texts, the others numbers."""
    numbers = len(rows[0]) - texts
    align = ["left"] * texts + ["right"] * numbers
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)


def _table_title(configuration: Configuration, name: str) -> str:
    if name == ALL:
        return "All tables"
    return escaped(f"{name}: {configuration.table(name).title}")


def _datasets(configuration: Configuration, names: object) -> str:
    if not isinstance(names, str):
        return NOT_RUN
    return escaped(listed(configuration.dataset(one).title for one in names.split(LIST_SEPARATOR)))


def _number(value: float) -> str:
    return NOT_RUN if pd.isna(value) else printed(value)


def _signed(value: float) -> str:
    return NOT_RUN if pd.isna(value) else printed_signed(value)


def _spread(value: float, std: float) -> str:
    return _number(value) + ("" if pd.isna(std) else f" ± {printed(std)}")


def _interval(row: pd.Series) -> str:
    return NOT_RUN if pd.isna(row["low"]) else printed_range(row["low"], row["high"])


def _correlation(value: float) -> str:
    return NOT_RUN if pd.isna(value) else f"{value:+.2f}"
