"""Means over seeds, references and the best recipe, by hand."""

import math
from typing import Any

import pandas as pd
import pytest
from synthetic_runs import configured, run_row, runs_of

from crossarch.report.cells import CELL_KEY, is_best, over_seeds, own_baselines


def cells_of(*rows: dict[str, Any]) -> pd.DataFrame:
    return over_seeds(runs_of(rows), "accuracy_best")


def test_mean_and_sample_deviation_of_each_cell_by_hand() -> None:
    cells = cells_of(
        run_row(46.0, seed=2, device="cuda"),
        run_row(40.0),
        run_row(43.0, seed=1, epochs=300),
        run_row(50.0, arch="vgg11", seed=4),
        run_row(60.0, protocol="released"),
    ).set_index(["arch", "protocol"])
    three = cells.loc[("cnn", "paper")]
    assert (three["n"], three["mean"], three["std"]) == (3, 43.0, 3.0)  # sqrt((9 + 0 + 9) / 2)
    assert (three["seeds"], three["epochs"], three["device"]) == ("0;1;2", "300;1000", "cpu;cuda")
    assert (three["evaluate_every"], three["whitening"]) == ("100", "zca-kornia")
    one = cells.loc[("vgg11", "paper")]
    assert (one["n"], one["mean"], one["seeds"]) == (1, 50.0, "4")
    assert math.isnan(one["std"])
    assert cells["mean"].to_dict()["cnn", "released"] == 60.0
    assert len(cells) == 3


def test_the_column_says_which_accuracies() -> None:
    runs = runs_of([run_row(44.5, accuracy_last=44.0), run_row(45.5, seed=1, accuracy_last=42.0)])
    assert over_seeds(runs, "accuracy_best")["mean"].tolist() == [45.0]
    assert over_seeds(runs, "accuracy_last")["mean"].tolist() == [43.0]


def test_references_are_the_baselines_of_the_own_network() -> None:
    cells = cells_of(
        run_row(44.0),
        run_row(45.0, seed=1),
        run_row(40.0, protocol="released"),
        run_row(99.0, recipe="wo_dp_kd"),
        run_row(98.0, arch="vgg11"),
        run_row(97.0, source="gone"),  # not configured
        run_row(96.0, source="mtt", recipe="wo_dp_kd"),
    )
    found = own_baselines(configured(), cells)
    key = ["dataset", "source", "ipc", "protocol"]
    assert found.set_index(key)["reference"].to_dict() == {
        ("cifar10", "frepo", 1, "paper"): 44.5,
        ("cifar10", "frepo", 1, "released"): 40.0,
    }


@pytest.mark.parametrize(
    ("means", "best"),
    [
        ({"full": 50.7}, []),
        ({"full": 50.7, "wo_dp": math.nan}, []),  # one of them was not measured
        ({"full": 50.25, "wo_dp": 50.3, "baseline": 41.8}, ["full", "wo_dp"]),  # both print 50.3
        ({"full": 9.9, "wo_dp": 10.0}, ["wo_dp"]),
    ],
)
def test_the_best_prints_highest_of_two_measured_recipes(
    means: dict[str, float], best: list[str]
) -> None:
    cells = pd.DataFrame({"recipe": list(means), "mean": list(means.values())})
    cells = cells.assign(dataset="cifar10", source="frepo", ipc=1, arch="vgg11", protocol="paper")
    elsewhere = [cells.assign(mean=99.0, **{name: other}).head(1) for name, other in OTHERS.items()]
    cells = pd.concat([cells, *elsewhere], ignore_index=True)
    assert cells.loc[is_best(cells), "recipe"].tolist() == best


OTHERS = {"dataset": "cifar100", "source": "mtt", "ipc": 10, "arch": "cnn", "protocol": "released"}


def test_no_runs_no_rows() -> None:
    cells = cells_of()
    assert list(cells.columns[:6]) == CELL_KEY
    assert len(own_baselines(configured(), cells)) == len(is_best(cells)) == 0
