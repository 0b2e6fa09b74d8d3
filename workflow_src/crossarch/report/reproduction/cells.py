"""Measured cells as rows of the page: each once, with what seeds allow, in words."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from crossarch.analysis.cells import CELL
from crossarch.config import Configuration, RunId, trained_as
from crossarch.printing.numbers import printed
from crossarch.report.blocks import NOT_RUN
from crossarch.report.nearness import reproduces, seed_margins


def measured_once(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """The measured cells, each once: several tables may print it, perhaps by different recipes."""
    measured = cells[cells["n"] > 0]
    names = [name for name in RunId.model_fields if name != "seed"]
    served_by = [
        trained_as(configuration, RunId.model_validate({**cell, "seed": 0})).recipe
        for cell in measured[names].to_dict("records")
    ]
    return measured[~measured.assign(recipe=served_by).duplicated(CELL)]


def with_margins(configuration: Configuration, measured: pd.DataFrame) -> pd.DataFrame:
    """`measured` with a column `margin` (points), and whether a cell `reproduces`."""
    told = measured.assign(margin=seed_margins(configuration, measured))
    return told.assign(reproduces=reproduces(told["difference"], told["margin"]))


def with_sets(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """`cells` with a column `set`: `FRePo, IPC 1`, behind its data set where cells are of several."""
    sources = cells["source"].map(lambda name: configuration.source(name).title)
    sets = sources + ", IPC " + cells["ipc"].astype(str)
    if cells["dataset"].nunique() > 1:
        sets = cells["dataset"].map(lambda name: configuration.dataset(name).title) + ", " + sets
    return cells.assign(set=sets)


def cell_words(configuration: Configuration, row: "pd.Series[Any]") -> dict[str, str]:
    """What a row with its `set` is about, in words."""
    network = configuration.arch_title(str(row["arch"]))
    return {"set": str(row["set"]), "network": network, "recipe": str(row["recipe"])}


def judged(cells: pd.DataFrame, noun: str = "") -> str:
    """`37 cells that can be judged`: how many have a margin; where all have one, their number alone."""
    known = int(cells["margin"].notna().sum())
    return f"{known}{noun}" if known == len(cells) else f"{known}{noun} that can be judged"


def margin_text(margin: float) -> str:
    """`± 2.3`, a margin in points; a dash where it is not known."""
    return NOT_RUN if pd.isna(margin) else f"± {printed(margin)}"


def verdict_text(reproduced: bool, margin: float) -> str:
    """The verdict; none without a margin."""
    if pd.isna(margin):
        return NOT_RUN
    return "yes" if reproduced else "no"


def pipe(rows: Sequence[dict[str, Any]], texts: int) -> str:
    """Rows, at least one, as a Markdown table: `texts` columns of text, then numbers."""
    align = ["left"] * texts + ["right"] * (len(rows[0]) - texts)
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)
