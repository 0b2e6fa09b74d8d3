"""Whether a training goes the way of the teacher that the authors published.

Two trainings that differ in nothing but their random numbers end with other weights, but with layers of
nearly the same norm and nearly the same losses; one with another optimiser, learning rate, batch size or
augmentation does not.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    set_names,
)
from crossarch.analysis.findings import Findings, Rows
from crossarch.analysis.record import Compared, TeacherRecord
from crossarch.printing.numbers import printed

TITLE = "Whether trainings go the way of the authors' teachers"
AXIS = "Norm of each parameter, ours beside the published one (percent more)"
TOLD_FOLDS = "2-fold"  # of which the entropy is told
COLUMNS = (*CELL, "n", "epoch", "quantity", "of", "initial", "ours", "published")
NORM, LARGEST, LOSS, ACCURACY = "norm", "largest entry", "loss", "test accuracy"
PEAK, ENTROPY = "epoch of the best", "entropy of targets"


def find_teachers(records: Sequence[TeacherRecord]) -> Findings:
    """Every number of ours beside the published one, means over n seeds.

    Columns: data set, source, IPC, network, recipe (with its protocol), n, epoch (of the published
    weights), quantity and what it is of (`norm` and `largest entry` of a parameter; `loss` on the set
    after so many operations of augmentation; `test accuracy`, percent; `epoch of the best` weights,
    which teach; `entropy of targets` of these, nats), initial (before training), ours, published. Drawn
    is how much larger each parameter's norm is in each set and recipe.
    """
    tests = [
        {**run_columns(record), "epoch": record.epoch, **numbers}
        for record in records
        for numbers in _numbers(record)
    ]
    table = means_over_seeds(pd.DataFrame(tests), ["epoch", "quantity", "of"], COLUMNS)
    norms = table[table["quantity"] == NORM]
    rows = Rows(AXIS, norms.assign(row=set_and_recipe(norms), value=_excess(norms)))
    return Findings(TITLE, table, _in_words(table), rows)


def _in_words(table: pd.DataFrame) -> str:
    """What the table says of each cell, a sentence or two each; nothing where it is empty."""
    cells = table.assign(set=set_names(table)).groupby([*CELL, "epoch"], sort=False)
    return " ".join(_cell_finding(cell) for _, cell in cells)


def _numbers(record: TeacherRecord) -> Iterator[dict[str, Any]]:
    for name, norms in record.parameters.items():
        yield _row(NORM, name, norms) | {"initial": norms.initial}
        yield _row(LARGEST, name, norms.largest)
    for folds, loss in enumerate(record.losses):
        yield _row(LOSS, f"{folds}-fold", loss)
    yield _row(ACCURACY, "", record.accuracy)
    yield _row(PEAK, "", Compared(ours=record.peak, published=record.epoch))
    for folds, entropy in enumerate(record.entropies):
        yield _row(ENTROPY, f"{folds}-fold", entropy)


def _row(quantity: str, of: str, numbers: Compared) -> dict[str, Any]:
    pair = {"ours": numbers.ours, "published": numbers.published}
    return {"quantity": quantity, "of": of, "initial": float("nan"), **pair}


def _cell_finding(cell: pd.DataFrame) -> str:
    first = cell.iloc[0]
    norms, losses = (cell[cell["quantity"] == quantity] for quantity in (NORM, LOSS))
    test = cell[cell["quantity"] == ACCURACY].iloc[0]
    peak = cell[cell["quantity"] == PEAK].iloc[0]
    entropies = cell[(cell["quantity"] == ENTROPY) & (cell["of"] == TOLD_FOLDS)].iloc[0]
    apart, began = _excess(norms).abs(), norms[norms["initial"] > 0]
    moved = (100 * (began["ours"] / began["initial"] - 1)).abs()
    ratios = losses["ours"] / losses["published"]
    return (
        f"`{first['recipe']}` on {first['set']}, {first['epoch']} epochs as the published "
        f"teacher: norms of parameters are {printed(apart.min())} to {percent(apart.max())} apart, "
        f"{percent(apart.median())} in the median, after a training that changed them by "
        f"{percent(moved.median())} in the median; losses on the set are {ratios.min():.2f} to "
        f"{ratios.max():.2f} times the published weights'; the test is {percent(test['ours'])} and "
        f"{percent(test['published'])}. As teachers: ours is best after epoch {peak['ours']:.0f}, the "
        f"published one was taken at {peak['published']:.0f}; the entropy of their targets under "
        f"{TOLD_FOLDS} augmentation is {entropies['ours']:.2f} and {entropies['published']:.2f} nats."
    )


def _excess(norms: pd.DataFrame) -> "pd.Series[float]":
    """Ours over the published ones, in percent more."""
    return 100 * (norms["ours"] / norms["published"] - 1)
