"""What following the authors' code instead of the paper's text changes, cell by cell."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from crossarch.analysis.base import Analysis, Measured, Record
from crossarch.analysis.cells import CELL, frame, interval, set_and_recipe
from crossarch.config import Configuration, RunId, resolve

REFERENCE = "paper"


class Protocols(Analysis[Record]):
    """Accuracies (percent) of cells that were measured under `paper` and under another protocol.

    Cells for which the two have the same settings are left out: they cannot differ. The configuration
    says which accuracy counts. Runs are compared seed by seed. Columns: data set, source, IPC, network,
    recipe, protocol, n (seeds), paper, other (means), difference in points, low and high (95% interval
    of the mean difference over seeds, missing below three).
    """

    title = "What the protocol changes"
    axis = f"Difference from protocol `{REFERENCE}` (points)"
    columns = (*CELL, "protocol", "n", "paper", "other", "difference", "low", "high")

    def summarise(self, found: Measured[Record]) -> pd.DataFrame:
        """One row for each cell and other protocol."""
        accuracy = found.runs[f"accuracy_{found.configuration.selection.accuracy}"]
        numbers = found.runs[[*CELL, "protocol", "seed"]].assign(accuracy=accuracy)
        is_reference = numbers["protocol"] == REFERENCE
        reference = numbers[is_reference].drop(columns="protocol")
        pairs = numbers[~is_reference].merge(reference, on=[*CELL, "seed"], suffixes=("", "_paper"))
        return frame(_rows(found.configuration, pairs), self.columns)

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """The differences of each set, recipe and protocol."""
        return table.assign(
            row=set_and_recipe(table) + "@" + table["protocol"], value=table["difference"]
        )


def _rows(configuration: Configuration, pairs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for key, group in pairs.groupby([*CELL, "protocol"], sort=False):
        names = dict(zip([*CELL, "protocol"], key, strict=True))
        if not _differs(configuration, RunId.model_validate(names | {"seed": group["seed"].iloc[0]})):
            continue
        difference = group["accuracy"] - group["accuracy_paper"]
        low, high = interval(difference)
        yield {
            **names,
            "n": len(group),
            "paper": group["accuracy_paper"].mean(),
            "other": group["accuracy"].mean(),
            "difference": difference.mean(),
            "low": low,
            "high": high,
        }


def _differs(configuration: Configuration, run: RunId) -> bool:
    """Whether the protocol of `run` trains or tests it, or its teacher, otherwise than the reference."""
    settings = resolve(configuration, run)
    reference = resolve(configuration, run.model_copy(update={"protocol": REFERENCE}))
    renamed = settings.model_copy(update={"run": reference.run, "teacher": reference.teacher})
    return renamed != reference or (
        settings.teacher is not None and _differs(configuration, settings.teacher)
    )
