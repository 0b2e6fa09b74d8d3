"""How much of the gap between networks comes from testing in another pixel space than the set's own.

Networks are trained in the space of their set and tested on the same images in every space. The gap is
that of the tables, the other way round: the source's own network with the baseline, minus the network.
"""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import (
    CELL,
    bullets,
    difference_error,
    frame,
    means_over_seeds,
    percent,
    run_columns,
    set_and_recipe,
    set_names,
    told,
    told_by,
)
from crossarch.analysis.findings import Findings, Rows
from crossarch.analysis.record import WhiteningRecord
from crossarch.config import Configuration
from crossarch.config.schema import BASELINE
from crossarch.printing.numbers import printed
from crossarch.printing.words import plural

TITLE = "What testing in another pixel space costs"
AXIS = "Change of the gap to the sets' own network (points)"
COLUMNS = (*CELL, "space", "own", "n", "accuracy", "reference", "gap", "error", "change")
_SET = ["dataset", "source", "ipc", "protocol", "seed"]


def find_whitening(configuration: Configuration, records: Sequence[WhiteningRecord]) -> Findings:
    """Accuracies and gaps of each cell in each space, means over n seeds.

    Columns: data set, source, IPC, network, recipe (with its protocol), space, own (whether it is the
    space that the cell is tested in), n, accuracy (percent), reference (that of the source's own network
    with the baseline, tested in the same space), gap (reference minus accuracy, points), error (standard
    error of the gap that the number of test images leaves, points: of n seeds the mean of theirs),
    change (gap minus the gap in the own space). The gap is missing where the reference was not measured,
    and for the source's own network; of a cell with some, seeds without a reference are left out. Drawn
    are the changes in each set, recipe and space that is not the own one.
    """
    table = _table(configuration, records)
    gaps = table[table["change"].notna() & ~table["own"].astype(bool)]
    names = set_and_recipe(gaps) + ", " + gaps["space"]
    rows = Rows(AXIS, gaps.assign(row=names, value=gaps["change"]))
    return Findings(TITLE, table, _in_words(configuration, table, records), rows)


def _table(configuration: Configuration, records: Sequence[WhiteningRecord]) -> pd.DataFrame:
    rows = [
        {
            **run_columns(record),
            "protocol": record.run.protocol,
            "images": record.images,
            "is_reference": record.run.recipe == BASELINE and _of_own_network(configuration, record),
            "is_own_network": _of_own_network(configuration, record),
            "space": space,
            "own": space == record.own,
            "accuracy": accuracy,
        }
        for record in records
        for space, accuracy in record.accuracies.items()
    ]
    if not rows:
        return frame([], COLUMNS)
    tests = pd.DataFrame(rows)
    reference = tests.loc[tests["is_reference"], [*_SET, "space", "accuracy"]]
    tests = tests.merge(
        reference.rename(columns={"accuracy": "reference"}), on=[*_SET, "space"], how="left"
    )
    tests["reference"] = tests["reference"].mask(tests["is_own_network"])
    tests["gap"] = tests["reference"] - tests["accuracy"]
    tests["error"] = difference_error(tests["accuracy"], tests["reference"], tests["images"])
    has_gap = tests["gap"].notna()
    tests = tests[has_gap | ~has_gap.groupby([tests[key] for key in CELL]).transform("any")]
    run = [*CELL, "seed"]
    own = tests.loc[tests["own"], [*run, "gap"]].rename(columns={"gap": "own_gap"})
    tests = tests.merge(own, on=run, how="left")
    tests["change"] = tests["gap"] - tests["own_gap"]
    return means_over_seeds(tests, ["space", "own"], COLUMNS)


def _in_words(
    configuration: Configuration, table: pd.DataFrame, records: Sequence[WhiteningRecord]
) -> str:
    """What the table says, a line for each set and space; nothing where nothing was measured."""
    if not records:
        return ""
    again = max(abs(record.recorded - record.accuracies[record.own]) for record in records)
    sentences = [
        "Tested a second time in their own space, the final weights of "
        f"{plural(len(records), 'run')} are at most {printed(again)} points from what their trainings "
        "recorded."
    ]
    table = table.assign(set=set_names(table))
    gaps = table[table["gap"].notna()]
    if gaps.empty:
        alone = all(_of_own_network(configuration, record) for record in records)
        missing = "no other network was" if alone else "the baseline of the sets' own network was not"
        return f"{sentences[0]} No gap: {missing} measured."
    own = gaps.loc[gaps["own"], "gap"]
    sentences.append(f"In their own space the networks lie {told(-own, 'cells')} from that baseline.")
    elsewhere = []
    for name, of_set in gaps.groupby("set", sort=False):
        baseline = _baseline(configuration, table[table["set"] == name])
        for space, cells in of_set[~of_set["own"]].groupby("space", sort=False):
            by_recipe = "; ".join(told_by(cells["recipe"], cells["change"], "cells"))
            elsewhere.append(
                f"On {name} that baseline has {percent(baseline[space])} in `{space}` instead "
                f"of {percent(baseline[of_set.loc[of_set['own'], 'space'].iloc[0]])}, and the gap "
                f"changes, by recipe: {by_recipe}."
            )
    return " ".join(sentences) + bullets(elsewhere)


def _baseline(configuration: Configuration, of_set: pd.DataFrame) -> "pd.Series[float]":
    """By space: the accuracy of a set's own network with the baseline, of `paper` before others."""
    source = str(of_set["source"].iloc[0])
    own = of_set[of_set["arch"] == configuration.source_network(source)].sort_values("recipe")
    baselines = own[own["recipe"].str.partition("@")[0] == BASELINE]
    return baselines.drop_duplicates("space").set_index("space")["accuracy"]


def _of_own_network(configuration: Configuration, record: WhiteningRecord) -> bool:
    """Whether the network of a run is the one that its set was distilled with."""
    return record.run.arch == configuration.source_network(record.run.source)
