"""What analyses make of metrics and records: against numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import a_run, configured, run_row, runs_of  # type: ignore[import-not-found]

from crossarch.analysis.agreement import agreement_finding, agreement_table
from crossarch.analysis.cells import interval, told
from crossarch.analysis.protocols import protocols_finding, protocols_table
from crossarch.analysis.record import AgreementRecord, WhiteningRecord
from crossarch.analysis.selection import selection_finding, selection_table
from crossarch.analysis.whitening import whitening_finding, whitening_table

DIGEST = "0123456789abcdef"


def row(best: float, last: float, **changes: Any) -> dict[str, Any]:
    return run_row(best, **{"accuracy_last": last, **changes})


# --- selection ---------------------------------------------------------------------------------------


def test_selection_by_recipe_and_network() -> None:
    runs = runs_of(
        [
            row(45.0, 44.0, arch="alexnet", recipe="full", epochs=4000, evaluate_every=500),
            row(46.0, 46.0, arch="alexnet", recipe="full", seed=1, epochs=4000, evaluate_every=500),
            row(40.0, 38.5, arch="vgg11", recipe="full", epochs=4000, evaluate_every=500),
            row(41.0, 41.0, arch="vgg11", epochs=1000, evaluate_every=300),
        ]
    )
    table = selection_table(runs).set_index(["recipe", "arch"])
    assert len(table) == 8  # all, alexnet, vgg11 of all; all, alexnet, vgg11 of full; all, vgg11 else
    whole = table.loc[("all", "all")]
    assert (whole["n"], whole["mean"], whole["largest"], whole["last_was_best"]) == (4, 0.625, 1.5, 2)
    assert whole["tests"] == (8 + 8 + 8 + 4) / 4  # 300, 600, 900, 1000
    assert 0 <= whole["low"] <= 0.625 <= whole["high"] <= 1.5
    full = table.loc[("full", "all")]
    assert (full["n"], full["mean"]) == (3, pytest.approx(2.5 / 3))
    alone = table.loc[("full", "vgg11")]
    assert (alone["n"], alone["mean"]) == (1, 1.5)
    assert math.isnan(alone["low"])
    said = selection_finding(runs)
    assert "+0.6 points on average over 4 runs" in said
    assert "in 2 of them the last was the best. A run had 4 to 8 tests" in said
    assert selection_finding(runs_of([])) == ""
    assert selection_table(runs_of([])).empty


def test_intervals_are_those_of_all_resamples() -> None:
    """Of three values every one of the 27 resamples is as likely: its percentiles can be listed."""
    values = pd.Series([0.0, 3.0, 9.0])
    means = sorted((a + b + c) / 3 for a in values for b in values for c in values)
    low, high = interval(values)
    assert (low, high) == (means[0], means[-1])  # each of them is 1 of 27, more than 2.5%
    many = pd.Series(np.random.default_rng(0).normal(5, 2, 400))
    low, high = interval(many)
    assert abs(low - (many.mean() - 1.96 * many.std() / 20)) < 0.05
    assert abs(high - (many.mean() + 1.96 * many.std() / 20)) < 0.05
    assert told(pd.Series([0.5]), "runs") == "+0.5 points on average over 1 runs"


# --- protocols ---------------------------------------------------------------------------------------


def test_protocols_are_compared_seed_by_seed() -> None:
    cell = {"arch": "alexnet", "recipe": "full"}
    runs = runs_of(
        [
            row(44.0, 43.0, **cell),
            row(46.0, 45.0, seed=1, **cell),
            row(90.0, 90.0, seed=2, **cell),  # under one protocol alone
            row(41.0, 40.0, protocol="released", **cell),
            row(44.0, 43.5, protocol="released", seed=1, **cell),
            row(43.0, 43.0, protocol="released_as_is", **cell),
            row(50.0, 50.0, protocol="demo", **cell),
            row(30.0, 30.0, protocol="released", arch="vgg11"),
        ]
    )
    table = protocols_table(runs, "best").set_index("protocol")
    assert list(table.index) == ["released", "released_as_is"]
    released = table.loc["released"]
    assert (released["n"], released["paper"], released["other"]) == (2, 45.0, 42.5)
    assert (released["difference"], released["low"], released["high"]) == (-2.5, -3.0, -2.0)
    assert table.loc["released_as_is", "difference"] == -1.0
    last = protocols_table(runs, "last").set_index("protocol")
    assert last.loc["released", "difference"] == -2.25
    said = protocols_finding(protocols_table(runs, "best"))
    assert said.startswith("`released` differs from `paper` by -2.5 points on average over 1 cells.")
    assert protocols_finding(protocols_table(runs_of([]), "best")) == ""


# --- whitening ---------------------------------------------------------------------------------------


def whitened(own: str, accuracies: dict[str, float], **run: Any) -> WhiteningRecord:
    return WhiteningRecord.model_validate(
        {
            "run": a_run(**run),
            "digest": DIGEST,
            "images": 10_000,
            "provenance": {},
            "own": own,
            "recorded": accuracies[own] + run.get("seed", 0) * 0.25,
            "accuracies": accuracies,
            "seconds": 1.0,
        }
    )


def test_gaps_in_each_space_against_the_own_one() -> None:
    records = [
        whitened("zca-frepo", {"zca-frepo": 44.0, "none": 30.0}, arch="cnn"),
        whitened("zca-frepo", {"zca-frepo": 46.0, "none": 30.0}, arch="cnn", seed=1),
        whitened("zca-frepo", {"zca-frepo": 40.0, "none": 20.0}, recipe="full"),
        whitened("zca-frepo", {"zca-frepo": 41.0, "none": 24.0}, recipe="full", seed=1),
        whitened("zca-frepo", {"zca-frepo": 42.0, "none": 40.0}, arch="cnn", recipe="wo_dp_kd"),
        whitened("zca-kornia", {"zca-kornia": 35.0, "none": 36.0}, source="mtt"),  # no reference
    ]
    table = whitening_table(configured(), records).set_index(["source", "arch", "recipe", "space"])
    own = table.loc[("frepo", "alexnet", "full", "zca-frepo")]
    assert own["own"]
    assert (own["n"], own["accuracy"], own["reference"], own["gap"]) == (2, 40.5, 45.0, 4.5)
    assert own["change"] == 0.0
    other = table.loc[("frepo", "alexnet", "full", "none")]
    assert not other["own"]
    assert (other["accuracy"], other["gap"], other["change"]) == (22.0, 8.0, 3.5)
    variance = np.mean([30 * 70 + 20 * 80, 30 * 70 + 24 * 76]) / 10_000 / 2
    assert other["error"] == pytest.approx(math.sqrt(variance))
    for key in (("frepo", "cnn", "wo_dp_kd", "none"), ("mtt", "alexnet", "baseline", "none")):
        assert math.isnan(table.loc[key, "gap"])
    said = whitening_finding(table.reset_index(), records)
    assert "the final weights of 6 runs are at most 0.3 points from" in said  # 0.25
    assert "In `none` the gap changes by +3.5 points on average over 1 cells." in said
    assert whitening_finding(whitening_table(configured(), []), []) == ""


# --- agreement ---------------------------------------------------------------------------------------


def test_agreement_beyond_independence() -> None:
    def record(agreement: float, **run: Any) -> AgreementRecord:
        return AgreementRecord.model_validate(
            {
                "run": a_run(recipe="full", **run),
                "digest": DIGEST,
                "images": 2_500,
                "provenance": {},
                "teacher": a_run(arch="cnn", recipe="wo_dp_kd", **run),
                "teacher_checkpoint": "best",
                "agreement": agreement,
                "expected": 30.0,
                "both_right": 25.0,
                "student_accuracy": 45.0,
                "teacher_accuracy": 42.0,
                "seconds": 1.0,
            }
        )

    table = agreement_table([record(60.0), record(70.0, seed=1)])
    (cell,) = table.to_dict("records")
    assert (cell["n"], cell["agreement"], cell["excess"], cell["student"]) == (2, 65.0, 35.0, 45.0)
    assert cell["taught_by"] == "cnn/wo_dp_kd"
    assert cell["error"] == pytest.approx(math.sqrt((60 * 40 + 70 * 30) / 2 / 2_500 / 2))
    said = agreement_finding(table)
    assert "gives to 65.0% of the test images" in said
    assert "+35.0 points on average over 1 cells" in said
    assert agreement_finding(agreement_table([])) == ""
