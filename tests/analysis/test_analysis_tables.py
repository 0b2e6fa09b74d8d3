"""What analyses make of metrics and records: against numbers worked out by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import a_run, configured, run_row, runs_of  # type: ignore[import-not-found]

from crossarch.analysis.agreement import AgreementRecord
from crossarch.analysis.base import Measured, Record, find_analysis
from crossarch.analysis.cells import (
    change,
    difference_error,
    interval,
    means_over_seeds,
    standard_error,
)
from crossarch.analysis.softness import SoftnessRecord
from crossarch.analysis.statistics import StatisticsRecord
from crossarch.analysis.summary import page_of, write_summary
from crossarch.analysis.teachers import TeacherRecord
from crossarch.analysis.whitening import WhiteningRecord
from crossarch.collect import read_runs
from crossarch.errors import DataError
from crossarch.layout import Layout
from crossarch.printing.synthetic import NOTICE, SYNTHETIC

DIGEST = "0123456789abcdef"


def row(best: float, last: float, **changes: Any) -> dict[str, Any]:
    return run_row(best, **{"accuracy_last": last, **changes})


@dataclass(frozen=True)
class Found:
    """The table of an analysis, what is drawn of it, and its page in one line."""

    table: pd.DataFrame
    points: pd.DataFrame
    told: str

    @property
    def labels(self) -> list[str]:
        return list(self.points["row"].unique())


def found_by(name: str, given: pd.DataFrame | Sequence[Record], **selection: Any) -> Found:
    """What an analysis finds in runs, or in records of runs."""
    analysis = find_analysis(name)
    runs, records = (
        (given, []) if isinstance(given, pd.DataFrame) else (runs_of([row(40.0, 40.0)]), given)
    )
    measured = Measured(configured(**selection), runs, records)
    table = analysis.summarise(measured)
    assert tuple(table.columns) == tuple(analysis.columns)
    page = page_of(name, analysis, measured, table)
    assert page.startswith(f"# {analysis.title}\n\n![{analysis.title}]({name}.png)\n\n")
    return Found(table, analysis.points(table), " ".join(page.split()))


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
    found = found_by("selection", runs)
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
    assert "The best test is +0.6 points on average over 4 runs (-0.6 to +1.8) above" in found.told
    assert "at most 1.5; in 2 of 4 runs the last was the best. A run had 7.0 tests" in found.told
    assert "- `full` +0.8 points on average over 3 runs" in found.told
    assert found.labels == ["all", "full", "baseline"]
    points = found.points[found.points["arch"] != "all"]
    assert points["value"].tolist() == [0.5, 0.75, 0.5, 1.5, 0.0]
    means = found.points[found.points["arch"] == "all"].set_index("row")["value"]
    assert means.to_dict() == {"all": 0.625, "full": pytest.approx(2.5 / 3), "baseline": 0.0}


def test_intervals_of_few_values_are_wide() -> None:
    # mean 4, deviation sqrt(21), and t of two degrees of freedom 4.303
    reach = 4.303 * (21 / 3) ** 0.5
    assert interval(pd.Series([0.0, 3.0, 9.0])) == pytest.approx((4 - reach, 4 + reach), abs=1e-2)
    many = pd.Series(np.random.default_rng(0).normal(5, 2, 400))
    low, high = interval(many)
    assert abs(low - (many.mean() - 1.96 * many.std() / 20)) < 0.05
    assert abs(high - (many.mean() + 1.96 * many.std() / 20)) < 0.05
    assert change(pd.Series([0.5]), "runs") == "+0.5 points in one run"
    assert change(pd.Series([0.5, 1.5]), "runs") == "+1.0 points on average over 2 runs"
    three = change(pd.Series([1.0, 1.0, 1.0]), "runs")
    assert three == "+1.0 points on average over 3 runs (+1.0 to +1.0)"


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
            row(30.0, 30.0, protocol="released", arch="vgg11"),
            # the released code tests MTT's set in the same space, and trains its CNN alike
            row(45.0, 45.0, source="mtt", arch="cnn"),
            row(45.0, 45.0, source="mtt", arch="cnn", protocol="released"),
        ]
    )
    found = found_by("protocols", runs, accuracy="best")
    table = found.table.set_index("protocol")
    assert list(table.index) == ["released", "released_as_is"]
    released = table.loc["released"]
    assert (released["n"], released["paper"], released["other"]) == (2, 45.0, 42.5)
    assert released["difference"] == -2.5
    assert math.isnan(released["low"])  # of two seeds
    assert table.loc["released_as_is", "difference"] == -1.0
    last = found_by("protocols", runs, accuracy="last").table.set_index("protocol")
    assert last.loc["released", "difference"] == -2.25
    assert "each cell: - `released` -2.5 points in one cell - `released_as_is` -1.0 points" in found.told
    assert found.labels == ["frepo IPC 1, full@released", "frepo IPC 1, full@released_as_is"]
    assert found.points["value"].tolist() == [-2.5, -1.0]


def test_the_same_protocol_on_two_sets_is_two_rows() -> None:
    runs = runs_of(
        [
            row(40.0 + change, 40.0, source=source, arch="alexnet", recipe="full", protocol=protocol)
            for source in ("frepo", "mtt")
            for protocol, change in (("paper", 0.0), ("released", 3.0 if source == "mtt" else -2.0))
        ]
    )
    points = found_by("protocols", runs, accuracy="best").points.set_index("row")["value"]
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
    found = found_by("whitening", records)
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
    assert "In their own space the networks are -4.5 points in one cell from the baseline" in found.told
    told = (
        "On frepo IPC 1, tested in `none`, the gap changes, by recipe: - `full` +3.5 points in one cell"
    )
    assert told in found.told
    assert found.labels == ["frepo IPC 1, full, none"]


def test_a_seed_without_its_reference_does_not_count_in_a_gap() -> None:
    records = [
        whitened("zca-frepo", {"zca-frepo": 44.0, "none": 30.0}, arch="cnn"),
        whitened("zca-frepo", {"zca-frepo": 40.0, "none": 20.0}),
        whitened("zca-frepo", {"zca-frepo": 60.0, "none": 50.0}, seed=1),
    ]
    table = found_by("whitening", records).table.set_index(["arch", "space"])
    own = table.loc[("alexnet", "zca-frepo")]
    assert (own["n"], own["accuracy"], own["reference"], own["gap"]) == (1, 40.0, 44.0, 4.0)


def test_sets_of_several_data_sets_are_told_apart() -> None:
    records = [
        whitened("zca-frepo", {"zca-frepo": 40.0 + more, "none": 20.0}, arch=arch, dataset=dataset)
        for dataset, more in (("cifar10", 0), ("cifar100", 10))
        for arch in ("cnn", "alexnet")
    ]
    found = found_by("whitening", records)
    for name, accuracy in (("cifar10", 40.0), ("cifar100", 50.0)):
        assert f"On {name} frepo IPC 1, tested in `none`, the gap changes" in found.told
        table = found.table[(found.table["dataset"] == name) & found.table["own"]].set_index("arch")
        assert table.loc["alexnet", "reference"] == accuracy
    assert found.labels == [
        "cifar10 frepo IPC 1, baseline, none",
        "cifar100 frepo IPC 1, baseline, none",
    ]


@pytest.mark.parametrize("arch", ["cnn", "alexnet"])
def test_one_network_has_no_gap(arch: str) -> None:
    records = [whitened("zca-frepo", {"zca-frepo": 44.0, "none": 30.0}, arch=arch)]
    found = found_by("whitening", records)
    assert "the final weights of 1 run are at most 0.0 points from" in found.told
    assert "No gap: it takes the baseline of a set's own network and another network." in found.told


# --- agreement ---------------------------------------------------------------------------------------


def test_agreement_beyond_independence() -> None:
    def record(agreement: float, **run: Any) -> AgreementRecord:
        return AgreementRecord.model_validate(
            {
                "run": a_run(recipe="full", **run),
                "digest": DIGEST,
                "images": 2_500,
                "provenance": {},
                "taught_by": "cnn/wo_dp_kd",
                "agreement": agreement,
                "expected": 30.0,
                "both_right": 25.0,
                "student": 45.0,
                "teacher": 42.0,
                "seconds": 1.0,
            }
        )

    found = found_by("agreement", [record(60.0), record(70.0, seed=1)])
    (cell,) = found.table.to_dict("records")
    assert (cell["n"], cell["agreement"], cell["excess"], cell["student"]) == (2, 65.0, 35.0, 45.0)
    assert cell["taught_by"] == "cnn/wo_dp_kd"
    errors = [math.sqrt(60 * 40 / 2_500), math.sqrt(70 * 30 / 2_500)]  # both see the same images
    assert cell["error"] == pytest.approx(np.mean(errors))
    assert "gives to 65.0% of the test images" in found.told
    assert "+35.0 points in one cell" in found.told
    assert found.labels == ["frepo IPC 1, full"]
    assert found.points["value"].tolist() == [35.0]


# --- softness ----------------------------------------------------------------------------------------


def test_the_hardest_and_the_softest_targets_are_told() -> None:
    def record(entropy: float, recipe: str, **run: Any) -> SoftnessRecord:
        return SoftnessRecord.model_validate(
            {
                "run": a_run(recipe=recipe, **run),
                "digest": DIGEST,
                "images": 10,
                "provenance": {},
                "taught_by": "cnn/wo_dp_kd",
                "temperature": 1.5,
                "draws": 100,
                "entropy": entropy,
                "label_entropy": 0.0,
                "likeliest": 99.0,
                "right": 100.0,
                "student": 38.0,
                "teacher": 43.0,
                "seconds": 1.0,
            }
        )

    records = [record(0.1, "wo_dp"), record(0.3, "wo_dp", seed=1), record(1.5, "full")]
    found = found_by("softness", records)
    assert found.table["entropy"].tolist() == pytest.approx([0.2, 1.5])
    assert found.table["n"].tolist() == [2, 1]
    said = found.told
    assert "Of 2 cells, the teacher with the hardest targets is that of `alexnet` on frepo IPC" in said
    assert "1, wo_dp, taught by `cnn/wo_dp_kd`: " in said
    assert "0.20 nats (its labels 0.00), 99.0% for the likeliest class" in said
    assert "The softest targets are those of `alexnet` on frepo IPC 1, full" in said
    alone = found_by("softness", records[2:]).told
    assert "Of 1 cell, the teacher" in alone
    assert "softest" not in alone
    assert found.labels == ["frepo IPC 1, wo_dp", "frepo IPC 1, full"]


# --- statistics --------------------------------------------------------------------------------------


def test_statistics_of_test_batches_against_running_ones() -> None:
    def record(running: float, batch: float, **run: Any) -> StatisticsRecord:
        return StatisticsRecord.model_validate(
            {
                "run": a_run(**run),
                "digest": DIGEST,
                "images": 2_500,
                "provenance": {},
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
    found = found_by("statistics", records)
    assert found.table["recipe"].tolist() == ["baseline", "full@released", "baseline"]
    cell, other, _ = found.table.to_dict("records")
    assert (cell["n"], cell["running"], cell["batch"], cell["change"]) == (2, 41.0, 45.0, 4.0)
    variances = [(40 * 60 + 43 * 57) / 2_500, (42 * 58 + 47 * 53) / 2_500]
    assert cell["error"] == pytest.approx(np.mean(np.sqrt(variances)))  # both see the same images
    assert (other["n"], other["change"]) == (1, -1.0)
    said = found.told
    assert "score 40.2% instead of 38.3%, +1.8 points on average over 3 cells" in said  # 5.5 / 3
    assert "By network: - `alexnet` +1.5 points on average over 2 cells" in said
    assert "- `cnn` +2.5 points in one cell" in said
    assert found.labels == ["frepo IPC 1, baseline", "frepo IPC 1, full@released"]
    assert found.points["value"].tolist() == [4.0, -1.0, 2.5]


# --- teachers ----------------------------------------------------------------------------------------


def traced(norms: dict[str, tuple[float, float, float]], test: float, **run: Any) -> TeacherRecord:
    """By parameter: the norm before training, ours, the published one."""
    pairs = [
        *(("norm", name, ours, published) for name, (_, ours, published) in norms.items()),
        *(("loss", "0-fold", 0.02, 0.025), ("loss", "1-fold", 0.6, 0.5)),
        *(("test accuracy", "", test, 60.5), ("epoch of the best", "", 450, 400)),
        *(("entropy of targets", f"{folds}-fold", folds / 10 + 0.1, 0.4) for folds in range(3)),
    ]
    names = ("quantity", "of", "ours", "published")
    numbers = [dict(zip(names, pair, strict=True)) for pair in pairs]
    for number, (initial, _, _) in zip(numbers, norms.values(), strict=False):
        number["initial"] = initial
    return TeacherRecord.model_validate(
        {
            "run": a_run(arch="cnn", **run),
            "digest": DIGEST,
            "images": 10_000,
            "provenance": {},
            "epoch": 400,
            "draws": 40,
            "temperature": 1.5,
            "numbers": numbers,
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
    found = found_by("teachers", records)
    assert len(found.table) == 2 * (2 + 2 + 1 + 1 + 3)
    cells = found.table.set_index(["recipe", "quantity", "of"])
    norm = cells.loc[("wo_dp_kd", "norm", weights)]
    assert (norm["n"], norm["epoch"], norm["initial"]) == (2, 400, 2.0)
    assert (norm["ours"], norm["published"]) == (pytest.approx(3.15), 3.0)
    assert cells.loc[("baseline", "loss", "1-fold")]["published"] == 0.5
    assert cells.loc[("wo_dp_kd", "test accuracy", "")]["ours"] == 60.5
    said = found.told
    assert "- `wo_dp_kd` on frepo IPC 1, 400 epochs as the published teacher: " in said
    # 5 and 20% apart; a norm that begins at nothing changes by no percentage
    assert "5.0 to 20.0% apart, 12.5% in the median, after a training that changed them by 57.5%" in said
    assert "losses on the set are 0.80 to 1.20 times" in said
    assert "test accuracies are 60.5% and 60.5%. As teachers: " in said
    assert (
        "0.0 to 100.0% apart, 50.0% in the median, after a training that changed them by 200.0%" in said
    )
    assert "ours is best after epoch 450, the published one was taken at 400" in said
    assert "under 2-fold augmentation is 0.30 and 0.40 nats. - `baseline`" in said
    assert found.labels == ["frepo IPC 1, wo_dp_kd", "frepo IPC 1, baseline"]
    assert found.points["value"].tolist() == pytest.approx([5.0, -20.0, 100.0, 0.0])


# --- files -------------------------------------------------------------------------------------------


def statistics_of(seed: int, digest: str = DIGEST) -> StatisticsRecord:
    numbers = {"images": 2_500, "seconds": 1.0, "running": 40.0, "batch": 43.0, "batch_size": 100}
    run = a_run(seed=seed)
    return StatisticsRecord(run=run, digest=digest, provenance={}, **numbers)  # type: ignore[arg-type]


def test_the_files_of_a_summary(tmp_path: Path) -> None:
    """Of the records those of its runs count."""
    records = [tmp_path / f"seed{seed}.json" for seed in range(4)]
    for seed, record in enumerate(records):
        record.write_text(statistics_of(seed).model_dump_json())
    runs = runs_of([row(40.0, 40.0, arch="alexnet", seed=seed) for seed in range(3)])
    csv = tmp_path / "deep" / "statistics.csv"
    files = write_summary(configured(), "statistics", runs, records, csv)
    assert [file.name for file in files] == [
        f"statistics.{kind}" for kind in ("csv", "md", "pdf", "svg", "png")
    ]
    assert all(file.stat().st_size for file in files)
    assert pd.read_csv(csv)["n"].tolist() == [3]
    page = files[1].read_text()
    assert page.count("\n\n\n") == 0
    assert "Measured on CIFAR-10." in page
    assert NOTICE not in page
    again = write_summary(configured(), "statistics", runs, records, tmp_path / "again" / csv.name)
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]
    synthetic = runs.assign(device=SYNTHETIC)
    _, marked, *_ = write_summary(configured(), "statistics", synthetic, records, csv)
    assert NOTICE in marked.read_text()


def test_a_record_of_a_run_with_other_settings_is_refused(tmp_path: Path) -> None:
    record = tmp_path / "seed0.json"
    record.write_text(statistics_of(0, "fedcba9876543210").model_dump_json())
    runs = runs_of([row(40.0, 40.0, arch="alexnet")])
    with pytest.raises(DataError) as caught:
        write_summary(configured(), "statistics", runs, [record], tmp_path / "statistics.csv")
    assert str(caught.value) == (
        f"{record}: digest: found fedcba9876543210, but the run has {DIGEST}; rerun it by "
        f"snakemake --forcerun {record}"
    )
    assert not (tmp_path / "statistics.csv").exists()


@pytest.mark.parametrize(
    "name", [name for name, entry in configured().analyses.items() if entry.summary]
)
def test_nothing_measured_is_said(name: str, tmp_path: Path) -> None:
    csv, page, *_ = write_summary(configured(), name, runs_of([]), [], tmp_path / f"{name}.csv")
    assert len(pd.read_csv(csv).columns) > 5
    assert page.read_text().endswith("\n\nNot measured yet.\n")


@pytest.mark.parametrize(
    "name", [name for name, entry in configured().analyses.items() if entry.summary]
)
def test_what_is_kept_is_what_the_kept_runs_give(name: str, tmp_path: Path) -> None:
    kept = Layout(Path(__file__).parents[2] / "results" / "reproduction")
    runs, records = read_runs(kept.metrics("runs")), kept.analysis_records(name)
    made = write_summary(configured(), name, runs, records, tmp_path / f"{name}.csv")
    for file, published in zip(made[:2], kept.analysis_files(name), strict=False):
        assert file.read_text() == published.read_text(), file.name
