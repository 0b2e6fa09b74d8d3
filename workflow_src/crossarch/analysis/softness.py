"""How soft the targets are that students get from their teachers.

A teacher that is sure of every augmented image of its set says what the labels say already: its targets
are a second copy of them, and distillation has nothing to add.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    taught_by,
)
from crossarch.analysis.findings import Findings, Rows
from crossarch.analysis.record import SoftnessRecord
from crossarch.printing.words import plural

TITLE = "How soft the targets of teachers are"
AXIS = "Entropy of the teacher's targets on augmented training images (nats)"
_MEANS = {
    "student": "student_accuracy",
    "teacher": "teacher_accuracy",
    "entropy": "entropy",
    "label_entropy": "label_entropy",
    "likeliest": "likeliest",
    "right": "right",
}
COLUMNS = (*CELL, "taught_by", "n", "temperature", *_MEANS)


def find_softness(records: Sequence[SoftnessRecord]) -> Findings:
    """The targets of each cell's teacher on the augmented training images, means over n seeds.

    Columns: data set, source, IPC, network, recipe (with its protocol), taught_by (network/recipe), n,
    temperature (of the distillation), student and teacher (test accuracies, percent), entropy and
    label_entropy (of the teacher's targets and of the labels, nats), likeliest (mean probability of the
    class that the teacher thinks most likely, percent), right (how often that is the label's, percent).
    Drawn is the entropy of the targets in each set and recipe.
    """
    tests = [
        {
            **run_columns(record),
            "taught_by": taught_by(record),
            "temperature": record.temperature,
            **{column: getattr(record, name) for column, name in _MEANS.items()},
        }
        for record in records
    ]
    table = means_over_seeds(pd.DataFrame(tests), ["taught_by", "temperature"], COLUMNS)
    rows = Rows(AXIS, table.assign(row=set_and_recipe(table), value=table["entropy"]))
    return Findings(TITLE, table, _in_words(table), rows)


def _in_words(table: pd.DataFrame) -> str:
    """What the table says: the hardest and the softest targets; nothing where it is empty."""
    if table.empty:
        return ""
    ordered = table.assign(where=set_and_recipe(table)).sort_values("entropy")
    hardest, softest = ordered.iloc[0], ordered.iloc[-1]
    several = len(table) > 1
    return (
        f"Of {plural(len(table), 'cell')}, the teacher with the hardest targets is that of "
        f"{_told(hardest)}."
        + (f" The softest targets are those of {_told(softest)}." if several else "")
    )


def _told(cell: "pd.Series[Any]") -> str:
    """One cell in words."""
    return (
        f"`{cell['arch']}` on {cell['where']}, taught by `{cell['taught_by']}`: "
        f"{cell['entropy']:.2f} nats (its labels {cell['label_entropy']:.2f}), "
        f"{percent(cell['likeliest'])} for the likeliest class; "
        f"test: teacher {percent(cell['teacher'])}, student {percent(cell['student'])}"
    )
