"""The scorecard as files: its two tables, and a page of Markdown made from them alone."""

from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration
from crossarch.files import write_text
from crossarch.printing.numbers import LIST_SEPARATOR, all_values
from crossarch.report.facts import epochs_of, text
from crossarch.report.scorecard import ALL, scorecard_cells, scorecard_summary

FILES = ("scorecard.csv", "scorecard-summary.csv", "scorecard.md")


def render_scorecard(configuration: Configuration, runs: pd.DataFrame, directory: Path) -> list[Path]:
    """Write the scorecard to `directory`: its cells and its summary as CSV, and the page.

    `runs` is the table of `collect_runs`. Returns the three files.
    """
    files = [directory / name for name in FILES]
    cells = scorecard_cells(configuration, runs)
    summary = scorecard_summary(configuration, cells)
    write_tidy(cells, files[0])
    write_tidy(summary, files[1])
    measured = cells[cells["n"] > 0]
    page = text(
        "scorecard.md",
        protocols=cells["protocol"].unique(),
        accuracies=list(cells["accuracy"].unique()),
        epochs=epochs_of(configuration, measured),
        devices=all_values(measured["device"]),
        **titled(configuration, cells, summary),
    )
    write_text(files[2], page)
    return files


def titled(configuration: Configuration, cells: pd.DataFrame, summary: pd.DataFrame) -> dict[str, Any]:
    """The rows of the scorecard for templates, names replaced by titles.

    `agreement` and `claims` are rows of the summary, `whole` that of all tables; `tables` has for each
    table its title and the rows of its cells.
    """
    datasets = {name: dataset.title for name, dataset in configuration.datasets.items()}
    titles = {name: f"{name}: {table.title}" for name, table in configuration.tables.items()}
    sources = {name: source.title for name, source in configuration.sources.items()}
    archs = {name: configuration.arch_title(name) for name in configuration.archs}
    rows = summary.assign(
        title=summary["name"].replace({**titles, ALL: "All tables"}),
        measured_on=summary["measured_on"]
        .fillna("")
        .map(lambda names: [datasets[one] for one in names.split(LIST_SEPARATOR) if one]),
    )
    named = cells.assign(source=cells["source"].map(sources), arch=cells["arch"].map(archs))
    return {
        "agreement": rows[rows["kind"] == "agreement"].to_dict("records"),
        "claims": rows[rows["kind"] == "claim"].to_dict("records"),
        "whole": rows[rows["name"] == ALL].to_dict("records")[0],
        "tables": [
            (titles[str(name)], group.to_dict("records"))
            for name, group in named.groupby("table", sort=False)
        ],
    }
