"""What analyses make of metrics and records: against numbers worked out by hand."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import a_run, configured, run_row, runs_of  # type: ignore[import-not-found]

from crossarch.analysis.agreement import find_agreement
from crossarch.analysis.cells import (
    difference_error,
    has_intervals,
    interval,
    means_over_seeds,
    standard_error,
    told,
)
from crossarch.analysis.findings import Findings
from crossarch.analysis.protocols import find_protocols
from crossarch.analysis.record import (
    AgreementRecord,
    SoftnessRecord,
    StatisticsRecord,
    TeacherRecord,
    WhiteningRecord,
)
from crossarch.analysis.selection import find_selection
from crossarch.analysis.softness import find_softness
from crossarch.analysis.statistics import find_statistics
from crossarch.analysis.teachers import find_teachers
from crossarch.analysis.whitening import find_whitening

DIGEST = "0123456789abcdef"


def row(best: float, last: float, **changes: Any) -> dict[str, Any]:
    return run_row(best, **{"accuracy_last": last, **changes})


def check_nothing(found: Findings) -> None:
    """What an analysis finds in nothing: a table that has its columns, and no word."""
    assert found.table.empty
    assert len(found.table.columns) > 5
    assert (found.told, found.rows.labels) == ("", [])


def test_what_the_number_of_images_leaves_of_a_share() -> None:
    assert standard_error(20.0, 1_600) == pytest.approx(1.0)  # sqrt(20 * 80 / 1600)
    assert difference_error(10.0, 30.0, 300) == pytest.approx(10**0.5)  # sqrt((900 + 2100) / 300)
    both = pd.Series([20.0, 50.0])
    images = pd.Series([1_600.0, 100.0])
    assert standard_error(both, images).tolist() == pytest.approx([1.0, 5.0])
    assert difference_error(both, both, images).tolist() == pytest.approx([2**0.5, 50**0.5])


def test_means_over_the_seeds_of_a_cell() -> None:
    cell = {"dataset": "cifar10", "source": "frepo", "ipc": 1, "arch": "cnn", "recipe": "full"}
    tests = pd.DataFrame(
        [
            {**cell, "seed": 0, "space": "none", "gap": 1.0, "other": 5.0},
            {**cell, "seed": 1, "space": "none", "gap": 4.0, "other": 5.0},
            {**cell, "seed": 0, "space": "zca-frepo", "gap": -2.0, "other": 5.0},
        ]
    )
    columns = (*cell, "space", "n", "gap")
    means = means_over_seeds(tests, ["space"], columns)
    assert means.to_dict("records") == [
        {**cell, "space": "none", "n": 2, "gap": 2.5},
        {**cell, "space": "zca-frepo", "n": 1, "gap": -2.0},
    ]
    none = means_over_seeds(pd.DataFrame([]), ["space"], columns)
    assert none.empty
    assert tuple(means.columns) == tuple(none.columns) == columns


# --- selection ---------------------------------------------------------------------------------------


def test_selection_by_recipe_and_network() -> None:
    runs = runs_of(
        [
            row(45.0, 44.0, arch="alexnet", recipe="full", epochs=4000, evaluate_every=500),
            row(46.0, 46.0, arch="alexnet", recipe="full", seed=1, epochs=4000, evaluate_every=500),
            row(40.0, 38.5, arch="vgg11", recipe="full", epochs=4000, evaluate_every=500),
            row(41.0, 41.0, arch="vgg11", epochs=1000, evaluate_every=300),
            row(42.0, 42.0, arch="cnn", epochs=300, evaluate_every=300),  # nothing to choose from
        ]
    )
    found = find_selection(runs)
    table = found.table.set_index(["recipe", "arch"])
    assert len(table) == 8  # all, alexnet, vgg11 of all; all, alexnet, vgg11 of full; all, vgg11 else
    whole = table.loc[("all", "all")]
    assert (whole["n"], whole["mean"], whole["largest"], whole["last_was_best"]) == (4, 0.625, 1.5, 2)
    assert whole["tests"] == (8 + 8 + 8 + 4) / 4  # 300, 600, 900, 1000
    # gains of 0, 1, 0 and 1.5: deviation 0.75, error 0.375, and t of three degrees of freedom 3.182
    assert (whole["low"], whole["high"]) == pytest.approx((0.625 - 1.1933, 0.625 + 1.1933), abs=1e-3)
    full = table.loc[("full", "all")]
    assert (full["n"], full["mean"]) == (3, pytest.approx(2.5 / 3))
    alone = table.loc[("full", "vgg11")]
    assert (alone["n"], alone["mean"]) == (1, 1.5)
    assert math.isnan(alone["low"])
    said = found.told
    assert "+0.6 points on average over 4 runs" in said
    assert "in 2 of them the last was the best. A run had 4 to 8 tests" in said
    assert found.rows.labels == ["all", "full", "baseline"]
    assert found.rows.points["value"].tolist() == [0.5, 0.75, 0.5, 1.5, 0.0]
    assert found.rows.means.set_index("row")["mean"].to_dict() == {
        "all": 0.625,
        "full": pytest.approx(2.5 / 3),
        "baseline": 0.0,
    }
    check_nothing(find_selection(runs_of([])))


def test_intervals_of_few_values_are_wide() -> None:
    # mean 4, deviation sqrt(21), and t of two degrees of freedom 4.303
    reach = 4.303 * (21 / 3) ** 0.5
    assert interval(pd.Series([0.0, 3.0, 9.0])) == pytest.approx((4 - reach, 4 + reach), abs=1e-2)
    many = pd.Series(np.random.default_rng(0).normal(5, 2, 400))
    low, high = interval(many)
    assert abs(low - (many.mean() - 1.96 * many.std() / 20)) < 0.05
    assert abs(high - (many.mean() + 1.96 * many.std() / 20)) < 0.05
    assert told(pd.Series([0.5]), "runs") == "+0.5 points in one run"
    assert told(pd.Series([0.5, 1.5]), "runs") == "+1.0 points on average over 2 runs"
    three = told(pd.Series([1.0, 1.0, 1.0]), "runs")
    assert three == "+1.0 points on average over 3 runs (+1.0 to +1.0)"
    assert has_intervals(three)
    assert not has_intervals(told(pd.Series([0.5, 1.5]), "runs") + " (of two)")


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
            # the released code tests MTT's set in the same space, and trains its CNN alike
            row(45.0, 45.0, source="mtt", arch="cnn"),
            row(45.0, 45.0, source="mtt", arch="cnn", protocol="released"),
        ]
    )
    found = find_protocols(configured(accuracy="best"), runs)
    table = found.table.set_index("protocol")
    assert list(table.index) == ["released", "released_as_is"]
    released = table.loc["released"]
    assert (released["n"], released["paper"], released["other"]) == (2, 45.0, 42.5)
    assert released["difference"] == -2.5
    assert math.isnan(released["low"])  # of two seeds
    assert table.loc["released_as_is", "difference"] == -1.0
    last = find_protocols(configured(accuracy="last"), runs).table.set_index("protocol")
    assert last.loc["released", "difference"] == -2.25
    assert found.told.startswith("`released` differs from `paper` by -2.5 points in one cell.")
    assert found.rows.labels == ["frepo IPC 1, full@released", "frepo IPC 1, full@released_as_is"]
    assert found.rows.points["value"].tolist() == [-2.5, -1.0]
    check_nothing(find_protocols(configured(), runs_of([])))


def test_the_same_protocol_on_two_sets_is_two_rows() -> None:
    runs = runs_of(
        [
            row(40.0 + change, 40.0, source=source, arch="alexnet", recipe="full", protocol=protocol)
            for source in ("frepo", "mtt")
            for protocol, change in (("paper", 0.0), ("released", 3.0 if source == "mtt" else -2.0))
        ]
    )
    points = find_protocols(configured(accuracy="best"), runs).rows.points.set_index("row")["value"]
    assert points.to_dict() == {"frepo IPC 1, full@released": -2.0, "mtt IPC 1, full@released": 3.0}


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
    found = find_whitening(configured(), records)
    table = found.table.set_index(["source", "arch", "recipe", "space"])
    own = table.loc[("frepo", "alexnet", "full", "zca-frepo")]
    assert own["own"]
    assert (own["n"], own["accuracy"], own["reference"], own["gap"]) == (2, 40.5, 45.0, 4.5)
    assert own["change"] == 0.0
    other = table.loc[("frepo", "alexnet", "full", "none")]
    assert not other["own"]
    assert (other["accuracy"], other["gap"], other["change"]) == (22.0, 8.0, 3.5)
    variances = np.array([30 * 70 + 20 * 80, 30 * 70 + 24 * 76]) / 10_000
    assert other["error"] == pytest.approx(np.mean(np.sqrt(variances)))
    for key in (("frepo", "cnn", "wo_dp_kd", "none"), ("mtt", "alexnet", "baseline", "none")):
        assert math.isnan(table.loc[key, "gap"])
    assert "the final weights of 6 runs are at most 0.3 points from" in found.told  # 0.25
    assert (
        "On frepo IPC 1 that baseline has 30.0% in `none` instead of 45.0%, and the gap changes, "
        "by recipe: `full` +3.5 points in one cell."
    ) in found.told
    assert found.rows.labels == ["frepo IPC 1, full, none"]
    check_nothing(find_whitening(configured(), []))


def test_a_seed_without_its_reference_does_not_count_in_a_gap() -> None:
    records = [
        whitened("zca-frepo", {"zca-frepo": 44.0, "none": 30.0}, arch="cnn"),
        whitened("zca-frepo", {"zca-frepo": 40.0, "none": 20.0}),
        whitened("zca-frepo", {"zca-frepo": 60.0, "none": 50.0}, seed=1),
    ]
    table = find_whitening(configured(), records).table.set_index(["arch", "space"])
    own = table.loc[("alexnet", "zca-frepo")]
    assert (own["n"], own["accuracy"], own["reference"], own["gap"]) == (1, 40.0, 44.0, 4.0)


def test_the_baseline_that_is_told_is_the_mean_of_its_seeds() -> None:
    """However many networks and seeds it is the reference of, and whatever other protocols give."""
    records = [
        *(
            whitened("zca-frepo", {"zca-frepo": 44.0 + 2 * seed, "none": 30.0}, arch="cnn", seed=seed)
            for seed in (0, 1)
        ),
        whitened("zca-frepo", {"zca-frepo": 60.0, "none": 50.0}, arch="cnn", protocol="released"),
        whitened("zca-frepo", {"zca-frepo": 40.0, "none": 20.0}),
        whitened("zca-frepo", {"zca-frepo": 41.0, "none": 21.0}, recipe="full"),
        whitened("zca-frepo", {"zca-frepo": 41.0, "none": 21.0}, protocol="released"),
    ]
    said = find_whitening(configured(), records).told
    assert "On frepo IPC 1 that baseline has 30.0% in `none` instead of 45.0%" in said


def test_sets_of_several_data_sets_are_told_apart() -> None:
    records = [
        whitened("zca-frepo", {"zca-frepo": 40.0 + more, "none": 20.0}, arch=arch, dataset=dataset)
        for dataset, more in (("cifar10", 0), ("cifar100", 10))
        for arch in ("cnn", "alexnet")
    ]
    found = find_whitening(configured(), records)
    for name, accuracy in (("cifar10", 40.0), ("cifar100", 50.0)):
        said = f"On {name} frepo IPC 1 that baseline has 20.0% in `none` instead of {accuracy}%"
        assert said in found.told
    assert found.rows.labels == [
        "cifar10 frepo IPC 1, baseline, none",
        "cifar100 frepo IPC 1, baseline, none",
    ]


@pytest.mark.parametrize(
    ("arch", "missing"),
    [
        ("cnn", "no other network was"),
        ("alexnet", "the baseline of the sets' own network was not"),
    ],
)
def test_why_there_is_no_gap(arch: str, missing: str) -> None:
    records = [whitened("zca-frepo", {"zca-frepo": 44.0, "none": 30.0}, arch=arch)]
    assert find_whitening(configured(), records).told == (
        "Tested a second time in their own space, the final weights of 1 run are at most 0.0 points "
        f"from what their trainings recorded. No gap: {missing} measured."
    )


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

    found = find_agreement([record(60.0), record(70.0, seed=1)])
    (cell,) = found.table.to_dict("records")
    assert (cell["n"], cell["agreement"], cell["excess"], cell["student"]) == (2, 65.0, 35.0, 45.0)
    assert cell["taught_by"] == "cnn/wo_dp_kd"
    errors = [math.sqrt(60 * 40 / 2_500), math.sqrt(70 * 30 / 2_500)]  # both see the same images
    assert cell["error"] == pytest.approx(np.mean(errors))
    assert "gives to 65.0% of the test images" in found.told
    assert "+35.0 points in one cell" in found.told
    assert found.rows.labels == ["frepo IPC 1, full"]
    assert found.rows.points["value"].tolist() == [35.0]
    check_nothing(find_agreement([]))


# --- softness ----------------------------------------------------------------------------------------


def test_the_hardest_and_the_softest_targets_are_told() -> None:
    def record(entropy: float, recipe: str, **run: Any) -> SoftnessRecord:
        return SoftnessRecord.model_validate(
            {
                "run": a_run(recipe=recipe, **run),
                "digest": DIGEST,
                "images": 10,
                "provenance": {},
                "teacher": a_run(arch="cnn", recipe="wo_dp_kd", **run),
                "teacher_checkpoint": "best",
                "temperature": 1.5,
                "draws": 100,
                "entropy": entropy,
                "label_entropy": 0.0,
                "likeliest": 99.0,
                "right": 100.0,
                "student_accuracy": 38.0,
                "teacher_accuracy": 43.0,
                "seconds": 1.0,
            }
        )

    records = [record(0.1, "wo_dp"), record(0.3, "wo_dp", seed=1), record(1.5, "full")]
    found = find_softness(records)
    assert found.table["entropy"].tolist() == pytest.approx([0.2, 1.5])
    assert found.table["n"].tolist() == [2, 1]
    said = found.told
    assert said.startswith(
        "Of 2 cells, the teacher with the hardest targets is that of `alexnet` on frepo"
    )
    assert "IPC 1, wo_dp, taught by `cnn/wo_dp_kd`: " in said
    assert "0.20 nats (its labels 0.00), 99.0% for the likeliest class" in said
    assert "The softest targets are those of `alexnet` on frepo IPC 1, full" in said
    alone = find_softness(records[2:]).told
    assert alone.startswith("Of 1 cell, the teacher")
    assert "softest" not in alone
    assert found.rows.labels == ["frepo IPC 1, wo_dp", "frepo IPC 1, full"]
    check_nothing(find_softness([]))


# --- statistics --------------------------------------------------------------------------------------


def test_statistics_of_test_batches_against_running_ones() -> None:
    def record(running: float, batch: float, **run: Any) -> StatisticsRecord:
        return StatisticsRecord.model_validate(
            {
                "run": a_run(**run),
                "digest": DIGEST,
                "images": 2_500,
                "provenance": {},
                "own": "zca-frepo",
                "recorded": running,
                "running": running,
                "batch": batch,
                "batch_size": 100,
                "seconds": 1.0,
            }
        )

    records = [
        record(40.0, 43.0),
        record(42.0, 47.0, seed=1),
        record(30.0, 29.0, recipe="full", protocol="released"),
        record(44.0, 46.5, arch="cnn"),
    ]
    found = find_statistics(records)
    assert found.table["recipe"].tolist() == ["baseline", "full@released", "baseline"]
    cell, other, _ = found.table.to_dict("records")
    assert (cell["n"], cell["running"], cell["batch"], cell["change"]) == (2, 41.0, 45.0, 4.0)
    variances = [(40 * 60 + 43 * 57) / 2_500, (42 * 58 + 47 * 53) / 2_500]
    assert cell["error"] == pytest.approx(np.mean(np.sqrt(variances)))  # both see the same images
    assert (other["n"], other["change"]) == (1, -1.0)
    said = found.told
    assert "score 40.2% instead of 38.3%, +1.8 points on average over 3 cells" in said  # 5.5 / 3
    assert "By network: `alexnet` +1.5 points on average over 2 cells" in said
    assert "; `cnn` +2.5 points in one cell." in said
    assert found.rows.labels == ["frepo IPC 1, baseline", "frepo IPC 1, full@released"]
    assert found.rows.points["value"].tolist() == [4.0, -1.0, 2.5]
    check_nothing(find_statistics([]))


# --- teachers ----------------------------------------------------------------------------------------


def traced(norms: dict[str, tuple[float, float, float]], test: float, **run: Any) -> TeacherRecord:
    """By parameter: the norm before training, ours, the published one."""
    return TeacherRecord.model_validate(
        {
            "run": a_run(arch="cnn", **run),
            "digest": DIGEST,
            "images": 10_000,
            "provenance": {},
            "epoch": 400,
            "teacher": "https://example.org/checkpoint_best.pth",
            "parameters": {
                name: {
                    "initial": initial,
                    "ours": ours,
                    "published": published,
                    "largest": {"ours": ours / 2, "published": published / 2},
                }
                for name, (initial, ours, published) in norms.items()
            },
            "losses": [{"ours": 0.02, "published": 0.025}, {"ours": 0.6, "published": 0.5}],
            "draws": 40,
            "accuracy": {"ours": test, "published": 60.5},
            "peak": 450,
            "temperature": 1.5,
            "entropies": [{"ours": ours, "published": 0.4} for ours in (0.1, 0.2, 0.3)],
            "seconds": 1.0,
        }
    )


def test_teachers_beside_published_ones() -> None:
    weights, shift = "classifier.weight", "features.1.bias"
    records = [
        traced({weights: (2.0, 3.0, 3.0), shift: (0.0, 0.1, 0.125)}, 60.0, recipe="wo_dp_kd"),
        traced({weights: (2.0, 3.3, 3.0), shift: (0.0, 0.1, 0.125)}, 61.0, recipe="wo_dp_kd", seed=1),
        traced({weights: (2.0, 6.0, 3.0), shift: (0.0, 0.1, 0.1)}, 59.0),
    ]
    found = find_teachers(records)
    assert len(found.table) == 2 * (2 * 2 + 2 + 1 + 1 + 3)
    cells = found.table.set_index(["recipe", "quantity", "of"])
    norm = cells.loc[("wo_dp_kd", "norm", weights)]
    assert (norm["n"], norm["epoch"], norm["initial"]) == (2, 400, 2.0)
    assert (norm["ours"], norm["published"]) == (pytest.approx(3.15), 3.0)
    assert cells.loc[("baseline", "largest entry", weights)]["ours"] == 3.0
    assert cells.loc[("baseline", "loss", "1-fold")]["published"] == 0.5
    assert cells.loc[("wo_dp_kd", "test accuracy", "")]["ours"] == 60.5
    said = found.told
    assert said.startswith("`wo_dp_kd` on frepo IPC 1, 400 epochs as the published teacher: ")
    # 5 and 20% apart; a norm that begins at nothing changes by no percentage
    assert "5.0 to 20.0% apart, 12.5% in the median, after a training that changed them by 57.5%" in said
    assert "losses on the set are 0.80 to 1.20 times" in said
    assert "the test is 60.5% and 60.5%. As teachers: " in said
    assert (
        "0.0 to 100.0% apart, 50.0% in the median, after a training that changed them by 200.0%" in said
    )
    assert "ours is best after epoch 450, the published one was taken at 400" in said
    assert "under 2-fold augmentation is 0.30 and 0.40 nats. `baseline`" in said
    assert "(" not in said  # the pages say that brackets are intervals of means
    assert found.rows.labels == ["frepo IPC 1, wo_dp_kd", "frepo IPC 1, baseline"]
    assert found.rows.points["value"].tolist() == pytest.approx([5.0, -20.0, 100.0, 0.0])
    check_nothing(find_teachers([]))
