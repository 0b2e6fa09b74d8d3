"""What following the authors' code instead of the paper's text changes, cell by cell."""

import pandas as pd

from crossarch.analysis.cells import CELL, frame, interval, told
from crossarch.analysis.chosen import OTHERS, REFERENCE
from crossarch.analysis.drawing import Rows
from crossarch.config import Configuration, RunId, resolve

TITLE = "What the protocol changes"
AXIS = "Difference from protocol `paper` (points)"
COLUMNS = (*CELL, "protocol", "n", "paper", "other", "difference", "low", "high")


def protocols_table(configuration: Configuration, runs: pd.DataFrame, accuracy: str) -> pd.DataFrame:
    """Accuracies (percent) of cells that were measured under `paper` and under another protocol.

    Cells for which the two have the same settings are left out: they cannot differ. `runs` is the table
    of `collect_runs`, `accuracy` is `best` or `last`. Runs are compared seed by seed. Columns: data set,
    source, IPC, network, recipe, protocol, n (seeds), paper, other (means), difference in points, low
    and high (95% interval of the mean difference over seeds, missing below three).
    """
    numbers = runs.rename(columns={f"accuracy_{accuracy}": "accuracy"})[
        [*CELL, "protocol", "seed", "accuracy"]
    ]
    reference = numbers[numbers["protocol"] == REFERENCE].drop(columns="protocol")
    others = numbers[numbers["protocol"].isin(OTHERS)]
    pairs = others.merge(reference, on=[*CELL, "seed"], suffixes=("", "_paper"))
    rows = []
    for key, group in pairs.groupby([*CELL, "protocol"], sort=False):
        names = dict(zip([*CELL, "protocol"], key, strict=True))
        if not _differs(configuration, RunId.model_validate(names | {"seed": group["seed"].iloc[0]})):
            continue
        difference = group["accuracy"] - group["accuracy_paper"]
        low, high = interval(difference)
        rows.append(
            {
                **names,
                "n": len(group),
                "paper": group["accuracy_paper"].mean(),
                "other": group["accuracy"].mean(),
                "difference": difference.mean(),
                "low": low,
                "high": high,
            }
        )
    return frame(rows, COLUMNS)


def _differs(configuration: Configuration, run: RunId) -> bool:
    """Whether the protocol of `run` trains or tests it, or its teacher, otherwise than the reference."""
    settings = resolve(configuration, run)
    reference = resolve(configuration, run.model_copy(update={"protocol": REFERENCE}))
    renamed = settings.model_copy(update={"run": reference.run, "teacher": reference.teacher})
    return renamed != reference or (
        settings.teacher is not None and _differs(configuration, settings.teacher)
    )


def protocols_finding(table: pd.DataFrame) -> str:
    """What the table says, in a sentence for each protocol; nothing where it is empty."""
    sentences = [
        f"`{protocol}` differs from `{REFERENCE}` by {told(cells['difference'], 'cells')}."
        for protocol, cells in table.groupby("protocol", sort=False)
    ]
    return " ".join(sentences)


def protocols_rows(table: pd.DataFrame) -> Rows:
    """A row a recipe and protocol: the difference of each network."""
    names = table["recipe"] + "@" + table["protocol"]
    return Rows(AXIS, table.assign(row=names, value=table["difference"]))
