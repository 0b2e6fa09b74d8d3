"""How much of the gap between networks comes from testing in another pixel space than the set's own.

Networks are trained in the space of their set and tested on the same images in every space. The gap is
that of the tables, the other way round: the source's own network with the baseline, minus the network.
"""

from typing import Any

import pandas as pd

from crossarch.analysis.base import Analysis, FinishedRun, Measured, Record
from crossarch.analysis.cells import (
    CELL,
    cell_of,
    change,
    changes,
    difference_error,
    means_over_seeds,
    set_and_recipe,
    set_names,
)
from crossarch.config.schema import BASELINE, Whitening

_SET = ["dataset", "source", "ipc", "protocol", "seed"]


class WhiteningRecord(Record):
    """Test accuracies (percent) of a run's final weights with the test set in each space.

    `own` is the space that the run was tested in, `recorded` the accuracy that its metrics have there.
    """

    own: Whitening
    recorded: float
    accuracies: dict[Whitening, float]


class InEverySpace(Analysis[WhiteningRecord]):
    """Accuracies and gaps of each cell in each space, means over n seeds.

    Columns: data set, source, IPC, network, recipe (with its protocol), space, own (whether it is the
    space that the cell is tested in), n, accuracy (percent), reference (that of the source's own network
    with the baseline, tested in the same space), gap (reference minus accuracy, points), error (standard
    error of the gap that the number of test images leaves, points: of n seeds the mean of theirs),
    change (gap minus the gap in the own space). The gap is missing where the reference was not measured,
    and for the source's own network; of a cell with some, seeds without a reference are left out. Drawn
    are the changes in each set, recipe and space that is not the own one.
    """

    record = WhiteningRecord
    title = "What testing in another pixel space costs"
    axis = "Change of the gap to the sets' own network (points)"
    columns = (*CELL, "space", "own", "n", "accuracy", "reference", "gap", "error", "change")

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """The last weights and not the best: those were chosen by tests in one of the spaces."""
        from crossarch.data.store import load_metadata
        from crossarch.running.evaluation import accuracy

        network, accuracies = run.network(), dict[str, float]()
        for place, path in enumerate(run.files["tests"]):
            test = run.images("tests", place)
            found = accuracy(network, test.images, test.labels, run.settings.run.path)
            accuracies[load_metadata(path)["whitening"]] = round(found, 4)
        return {
            "images": len(test.images),
            "own": run.settings.whitening,
            "recorded": run.metrics["accuracy"]["last"],
            "accuracies": accuracies,
        }

    def summarise(self, found: Measured[WhiteningRecord]) -> pd.DataFrame:
        """One row for each cell and space."""
        own_network = found.configuration.source_network
        tests = pd.DataFrame(
            {
                **cell_of(record.run),
                "protocol": record.run.protocol,
                "images": record.images,
                "of_own_network": record.run.arch == own_network(record.run.source),
                "is_baseline": record.run.recipe == BASELINE,
                "space": space,
                "own": space == record.own,
                "accuracy": accuracy,
            }
            for record in found.records
            for space, accuracy in record.accuracies.items()
        )
        is_reference = tests["of_own_network"] & tests["is_baseline"]
        reference = tests.loc[is_reference, [*_SET, "space", "accuracy"]]
        reference = reference.rename(columns={"accuracy": "reference"})
        tests = tests.merge(reference, on=[*_SET, "space"], how="left")
        tests["reference"] = tests["reference"].mask(tests["of_own_network"])
        tests["gap"] = tests["reference"] - tests["accuracy"]
        tests["error"] = difference_error(tests["accuracy"], tests["reference"], tests["images"])
        has_gap = tests["gap"].notna()
        tests = tests[has_gap | ~has_gap.groupby([tests[key] for key in CELL]).transform("any")]
        run = [*CELL, "seed"]
        own = tests.loc[tests["own"], [*run, "gap"]].rename(columns={"gap": "own_gap"})
        tests = tests.merge(own, on=run, how="left")
        tests["change"] = tests["gap"] - tests["own_gap"]
        return means_over_seeds(tests, ["space", "own"], self.columns)

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """The changes in spaces that are not the own ones."""
        gaps = table[table["change"].notna() & ~table["own"].astype(bool)]
        return gaps.assign(row=set_and_recipe(gaps) + ", " + gaps["space"], value=gaps["change"])

    def words(self, found: Measured[WhiteningRecord], table: pd.DataFrame) -> dict[str, Any]:
        """How well the second evaluation repeats, and the changes by set, space and recipe."""
        gaps = table.assign(set=set_names(table)).dropna(subset="gap")
        own, records = gaps.loc[gaps["own"].astype(bool), "gap"], found.records
        others = gaps[~gaps["own"].astype(bool)].groupby(["set", "space"], sort=False)
        return {
            "runs": len(records),
            "repeated": max(abs(each.recorded - each.accuracies[each.own]) for each in records),
            "own": change(-own, "cells") if len(own) else None,
            "others": {key: changes(cells["recipe"], cells["change"], "cells") for key, cells in others},
        }
