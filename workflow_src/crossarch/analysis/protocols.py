"""What following the authors' code instead of the paper's text changes, cell by cell."""

import pandas as pd

from crossarch.analysis.cells import CELL, frame, interval, set_and_recipe, told
from crossarch.analysis.chosen import OTHERS, REFERENCE
from crossarch.analysis.findings import Findings, Rows
from crossarch.config import Configuration, RunId, resolve

TITLE = "What the protocol changes"
AXIS = "Difference from protocol `paper` (points)"
COLUMNS = (*CELL, "protocol", "n", "paper", "other", "difference", "low", "high")


def find_protocols(configuration: Configuration, runs: pd.DataFrame) -> Findings:
    """Accuracies (percent) of cells that were measured under `paper` and under another protocol.

    Cells for which the two have the same settings are left out: they cannot differ. `runs` is the table
    of `collect_runs`; the selection says which accuracy counts. Runs are compared seed by seed. Columns:
    data set, source, IPC, network, recipe, protocol, n (seeds), paper, other (means), difference in
    points, low and high (95% interval of the mean difference over seeds, missing below three). Drawn
    are the differences of each set, recipe and protocol.
    """
    table = _table(configuration, runs)
    names = set_and_recipe(table) + "@" + table["protocol"]
    rows = Rows(AXIS, table.assign(row=names, value=table["difference"]))
    return Findings(TITLE, table, _in_words(table), rows)


def _table(configuration: Configuration, runs: pd.DataFrame) -> pd.DataFrame:
    numbers = runs.rename(columns={f"accuracy_{configuration.selection.accuracy}": "accuracy"})[
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


def _in_words(table: pd.DataFrame) -> str:
    """What the table says, in a sentence for each protocol; nothing where it is empty."""
    sentences = [
        f"`{protocol}` differs from `{REFERENCE}` by {told(cells['difference'], 'cells')}."
        for protocol, cells in table.groupby("protocol", sort=False)
    ]
    return " ".join(sentences)
