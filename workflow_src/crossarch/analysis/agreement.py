"""Whether a student of distillation answers as its teacher does, beyond what accuracies make likely."""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    frame,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    standard_error,
    taught_by,
    told,
)
from crossarch.analysis.drawing import Rows
from crossarch.analysis.record import AgreementRecord

TITLE = "How often students answer as their teachers do"
AXIS = "Agreement above that of independent answers (points)"
_MEANS = {
    "student": "student_accuracy",
    "teacher": "teacher_accuracy",
    "both_right": "both_right",
    "agreement": "agreement",
    "expected": "expected",
}
COLUMNS = (*CELL, "taught_by", "n", *_MEANS, "excess", "error")


def agreement_table(records: Sequence[AgreementRecord]) -> pd.DataFrame:
    """Agreement of each cell's student with its teacher on the test set, means over n seeds, in percent.

    Columns: data set, source, IPC, network, recipe (with its protocol), taught_by (network/recipe), n,
    student and teacher (accuracies), both_right, agreement, expected (see
    `crossarch.analysis.predictions`), excess (agreement minus expected, points), error (standard error
    of the agreement that the number of test images leaves, points: of n seeds that see the same images
    the mean of theirs).
    """
    rows = [
        {
            **run_columns(record),
            "taught_by": taught_by(record),
            **{column: getattr(record, name) for column, name in _MEANS.items()},
            "excess": record.agreement - record.expected,
            "images": record.images,
        }
        for record in records
    ]
    if not rows:
        return frame([], COLUMNS)
    tests = pd.DataFrame(rows)
    tests["error"] = standard_error(tests["agreement"], tests["images"])
    return means_over_seeds(tests, ["taught_by"], [*_MEANS, "excess", "error"])[list(COLUMNS)]


def agreement_finding(table: pd.DataFrame) -> str:
    """What the table says, in two sentences; nothing where it is empty."""
    if table.empty:
        return ""
    mean = table[list(_MEANS)].mean()
    return (
        f"Students give the class that their teacher gives to {percent(mean['agreement'])} of the test "
        f"images, means over {len(table)} cells, and the right one to {percent(mean['student'])}. Two "
        f"networks with their confusions that answered independently would agree on "
        f"{percent(mean['expected'])}: the excess is {told(table['excess'], 'cells')}."
    )


def agreement_rows(table: pd.DataFrame) -> Rows:
    """A row a set and recipe: the excess of each network."""
    return Rows(AXIS, table.assign(row=set_and_recipe(table), value=table["excess"]))
