"""The note below a table: what was measured, and on what. All of it is read off the cells."""

import pandas as pd

from crossarch.config import Configuration
from crossarch.printing.numbers import all_values, printed
from crossarch.printing.words import listed
from crossarch.report.measured import accuracies_told, epochs_told, exploded, seeds_told


def note(configuration: Configuration, cells: pd.DataFrame) -> str:
    """The note for the cells of one data set, as plain text; nothing in it is assumed."""
    measured = cells[cells["n"] > 0]
    where = configuration.dataset(str(cells["dataset"].iloc[0])).title
    sentences = [f"Measured on {where}.", f"Protocol: {listed(cells['protocol'].unique())}."]
    sentences.append(_count(cells))
    if not measured.empty:
        sentences += [
            accuracies_told(measured),
            *epochs_told(configuration, measured),
            _whitening(configuration, measured),
            f"Device: {listed(all_values(measured['device']))}.",
        ]
    if "paper" in cells:
        sentences.append(_difference(cells))
    return " ".join([*sentences, *_legend(cells)])


def settings_note(recipes: pd.DataFrame) -> str:
    """The note below a table of settings: the recipes themselves are its source."""
    return (
        f"Read off the recipes of the configuration. Protocol: {listed(recipes['protocol'].unique())}."
    )


def _count(cells: pd.DataFrame) -> str:
    measured = cells[cells["n"] > 0]
    count = f"{len(measured)} of {int(cells['applicable'].sum())} cells measured"
    if measured.empty:
        return f"{count}."
    spread = " (mean ± sample standard deviation)" if measured["n"].max() > 1 else ""
    return f"{count}, {seeds_told(measured)} per cell{spread}."


def _whitening(configuration: Configuration, measured: pd.DataFrame) -> str:
    each = exploded(measured, "whitening")
    names = each["whitening"].unique()
    if len(names) == 1:
        return f"Test whitening: {names[0]}."
    parts = []
    for name, group in each.groupby("whitening", sort=False):
        sets = [
            f"{configuration.source(str(source)).title} IPC {listed(rows['ipc'].unique())}"
            for source, rows in group.groupby("source", sort=False)
        ]
        parts.append(f"{name} ({', '.join(sets)})")
    return f"Test whitening: {'; '.join(parts)}."


def _difference(cells: pd.DataFrame) -> str:
    both = cells["difference"].dropna()
    if both.empty:
        return "No measured cell has a number in the paper."
    mean = printed(float(both.abs().mean()))
    return f"Mean absolute difference from the paper: {mean} points (n = {len(both)})."


def _legend(cells: pd.DataFrame) -> list[str]:
    """What the dashes mean, for those that occur."""
    missing = bool((cells["applicable"] & (cells["n"] == 0)).any())
    meanings = ["— not run"] * missing + ["- not applicable"] * (not cells["applicable"].all())
    return [f"Dashes: {', '.join(meanings)}."] if meanings else []
