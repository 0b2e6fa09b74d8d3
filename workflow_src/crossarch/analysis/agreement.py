"""Whether a student of distillation answers as its teacher does, beyond what accuracies make likely."""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    standard_error,
    taught_by,
    told,
)
from crossarch.analysis.findings import Findings, Rows
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


def find_agreement(records: Sequence[AgreementRecord]) -> Findings:
    """Agreement of each cell's student with its teacher on the test set, means over n seeds, in percent.

    Columns: data set, source, IPC, network, recipe (with its protocol), taught_by (network/recipe), n,
    student and teacher (accuracies), both_right, agreement, expected (see
    `crossarch.analysis.predictions`), excess (agreement minus expected, points), error (standard error
    of the agreement that the number of test images leaves, points: of n seeds that see the same images
    the mean of theirs). Drawn is the excess of each set and recipe.
    """
    tests = [
        {
            **run_columns(record),
            "taught_by": taught_by(record),
            **{column: getattr(record, name) for column, name in _MEANS.items()},
            "excess": record.agreement - record.expected,
            "error": standard_error(record.agreement, record.images),
        }
        for record in records
    ]
    table = means_over_seeds(pd.DataFrame(tests), ["taught_by"], COLUMNS)
    rows = Rows(AXIS, table.assign(row=set_and_recipe(table), value=table["excess"]))
    return Findings(TITLE, table, _in_words(table), rows)


def _in_words(table: pd.DataFrame) -> str:
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
