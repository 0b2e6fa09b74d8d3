"""What testing on a lossy stand-in costs: the same weights on copies and on their originals.

Each network answers to both images of every pair, so that what the copy costs is a difference of paired
answers, with far less noise than two accuracies have.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    means_over_seeds,
    run_columns,
    set_and_recipe,
    told,
    told_by,
)
from crossarch.analysis.findings import Findings, Rows
from crossarch.analysis.record import PairedAccuracies, StandInRecord
from crossarch.printing.words import listed, plural

TITLE = "What testing on the stand-in costs"
AXIS = "Accuracy on copies minus accuracy on originals (points)"
COLUMNS = (*CELL, "space", "own", "n", "original", "copied", "effect", "error")


def find_stand_in(records: Sequence[StandInRecord]) -> Findings:
    """Accuracies of each cell on originals and copies in each space, means over n seeds, in percent.

    Columns: data set, source, IPC, network, recipe (with its protocol), space, own (whether it is the
    space that the cell is tested in), n, original, copied, effect (copied minus original, points), error
    (standard error of the effect that the number of pairs leaves, points: of n seeds that see the same
    pairs the mean of theirs). Drawn is the effect in the own space of each set and recipe.
    """
    tests = [
        {
            **run_columns(record),
            "space": space,
            "own": space == record.own,
            "original": hits.original,
            "copied": hits.copied,
            "effect": hits.copied - hits.original,
            "error": paired_error(hits, record.images),
        }
        for record in records
        for space, hits in record.accuracies.items()
    ]
    table = means_over_seeds(pd.DataFrame(tests), ["space", "own"], COLUMNS)
    own = table[table["own"].astype(bool)]
    rows = Rows(AXIS, own.assign(row=set_and_recipe(own), value=own["effect"]))
    return Findings(TITLE, table, _in_words(table, records), rows)


def paired_error(hits: PairedAccuracies, pairs: int) -> float:
    """The standard error (points) of the mean difference of paired hits, each -1, 0 or 1."""
    lost, won = hits.only_original / 100, hits.only_copied / 100
    return 100 * float(np.sqrt(max(lost + won - (won - lost) ** 2, 0.0) / pairs))


def _in_words(table: pd.DataFrame, records: Sequence[StandInRecord]) -> str:
    """What the table says, a sentence for each space; nothing where nothing was measured."""
    if not records:
        return ""
    files = listed(dict.fromkeys(record.originals for record in records))
    splits = listed(dict.fromkeys(record.split for record in records))
    pairs = max(record.images for record in records)
    own = table[table["own"].astype(bool)]
    by_network = "; ".join(told_by(own["arch"], own["effect"], "cells"))
    sentences = [
        f"On {pairs:,} pairs of an original image and its copy ({splits} images of `{files}`) the final "
        f"weights of {plural(len(records), 'run')} change by the copy, each in its own space, by "
        f"{told(own['effect'], 'cells')}; the standard error of one is about "
        f"{own['error'].mean():.1f} points. By network: {by_network}."
    ]
    for space, cells in table[~table["own"].astype(bool)].groupby("space", sort=False):
        sentences.append(f"In `{space}` instead of their own: {told(cells['effect'], 'cells')}.")
    return " ".join(sentences)
