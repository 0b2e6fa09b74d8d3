"""What the running statistics of batch norms cost: the same weights with the statistics of test batches.

Batch norms see a handful of synthetic images in training, and real images when they are tested. Testing
with the statistics of batches of test images tells how much of an accuracy hangs on that; it is no fair
test, since a prediction depends on the other images of its batch.
"""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    difference_error,
    frame,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    told,
    told_by,
)
from crossarch.analysis.drawing import Rows
from crossarch.analysis.record import StatisticsRecord

TITLE = "What the running statistics of batch norms cost"
AXIS = "Statistics of test batches minus running statistics (points)"
COLUMNS = (*CELL, "n", "running", "batch", "change", "error")


def statistics_table(records: Sequence[StatisticsRecord]) -> pd.DataFrame:
    """Accuracies of each cell with either statistics, means over n seeds, in percent.

    Columns: data set, source, IPC, network, recipe (with its protocol), n, running, batch, change
    (batch minus running, points), error (at most: the standard error of the change that the number of
    test images leaves if the two tests were independent, points; of n seeds the mean of theirs).
    """
    rows = [
        {
            **run_columns(record),
            "running": record.running,
            "batch": record.batch,
            "change": record.batch - record.running,
            "images": record.images,
        }
        for record in records
    ]
    if not rows:
        return frame([], COLUMNS)
    tests = pd.DataFrame(rows)
    tests["error"] = difference_error(tests, "running", "batch")
    return means_over_seeds(tests, [], ["running", "batch", "change", "error"])[list(COLUMNS)]


def statistics_finding(table: pd.DataFrame) -> str:
    """What the table says, for all cells and for each network; nothing where it is empty."""
    if table.empty:
        return ""
    mean = table[["running", "batch"]].mean()
    return (
        f"With the statistics of test batches the same final weights score {percent(mean['batch'])} "
        f"instead of {percent(mean['running'])}, {told(table['change'], 'cells')}. By network: "
        f"{'; '.join(told_by(table['arch'], table['change'], 'cells'))}."
    )


def statistics_rows(table: pd.DataFrame) -> Rows:
    """A row a set and recipe: the change of each network."""
    return Rows(AXIS, table.assign(row=set_and_recipe(table), value=table["change"]))
