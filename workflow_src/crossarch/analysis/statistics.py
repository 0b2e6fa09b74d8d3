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
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    told,
    told_by,
)
from crossarch.analysis.findings import Findings, Rows
from crossarch.analysis.record import StatisticsRecord

TITLE = "What the running statistics of batch norms cost"
AXIS = "Statistics of test batches minus running statistics (points)"
COLUMNS = (*CELL, "n", "running", "batch", "change", "error")


def find_statistics(records: Sequence[StatisticsRecord]) -> Findings:
    """Accuracies of each cell with either statistics, means over n seeds, in percent.

    Columns: data set, source, IPC, network, recipe (with its protocol), n, running, batch, change
    (batch minus running, points), error (at most: the standard error of the change that the number of
    test images leaves if the two tests were independent, points; of n seeds the mean of theirs).
    Drawn is the change in each set and recipe.
    """
    tests = [
        {
            **run_columns(record),
            "running": record.running,
            "batch": record.batch,
            "change": record.batch - record.running,
            "error": difference_error(record.running, record.batch, record.images),
        }
        for record in records
    ]
    table = means_over_seeds(pd.DataFrame(tests), [], COLUMNS)
    rows = Rows(AXIS, table.assign(row=set_and_recipe(table), value=table["change"]))
    return Findings(TITLE, table, _in_words(table), rows)


def _in_words(table: pd.DataFrame) -> str:
    """What the table says, for all cells and for each network; nothing where it is empty."""
    if table.empty:
        return ""
    mean = table[["running", "batch"]].mean()
    return (
        f"With the statistics of test batches the same final weights score {percent(mean['batch'])} "
        f"instead of {percent(mean['running'])}, {told(table['change'], 'cells')}. By network: "
        f"{'; '.join(told_by(table['arch'], table['change'], 'cells'))}."
    )
