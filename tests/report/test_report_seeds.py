"""Seeds taken together, against values worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest

from crossarch.config import Configuration, load_configuration
from crossarch.report.seeds import best_as_printed, over_seeds, references

CELL = ["source", "recipe", "arch"]


@pytest.fixture(scope="module")
def configuration(project: Path) -> Configuration:
    return load_configuration(project / "config")


def run(recipe: str, arch: str, seed: int, best: float, source: str = "frepo") -> dict[str, object]:
    return {
        "source": source,
        "recipe": recipe,
        "arch": arch,
        "seed": seed,
        "accuracy_best": best,
        "accuracy_last": best - 1.0,
        "epochs": 1000 + seed,
        "evaluate_every": 100,
        "whitening": "zca-frepo",
        "device": "cpu",
    }


def test_mean_spread_and_what_the_runs_say() -> None:
    runs = pd.DataFrame([run("full", "vgg11", 1, 44.0), run("full", "vgg11", 0, 40.0)])
    (cell,) = over_seeds(runs, CELL, "best").to_dict("records")
    assert (cell["source"], cell["recipe"], cell["arch"]) == ("frepo", "full", "vgg11")
    assert (cell["n"], cell["mean"]) == (2, 42.0)
    assert cell["std"] == pytest.approx(8**0.5)  # sample standard deviation: (4 + 4) / 1
    assert (cell["seeds"], cell["epochs"]) == ("0;1", "1000;1001")
    assert (cell["evaluate_every"], cell["whitening"], cell["device"]) == ("100", "zca-frepo", "cpu")
    assert over_seeds(runs, CELL, "last")["mean"].tolist() == [41.0]


def test_one_seed_has_no_spread() -> None:
    cells = over_seeds(pd.DataFrame([run("full", "vgg11", 0, 44.0)]), CELL, "best")
    assert cells["std"].isna().tolist() == [True]


def test_gaps_are_measured_from_the_baseline_of_the_sources_own_network(
    configuration: Configuration,
) -> None:
    runs = pd.DataFrame(
        [
            run("baseline", "cnn", 0, 44.0),
            run("baseline", "cnn", 1, 46.0),
            run("baseline", "vgg11", 0, 36.0),  # another network
            run("wo_dp_kd", "cnn", 0, 42.0),  # another recipe
            run("baseline", "cnn", 0, 30.0, source="forgotten"),  # of no source that there is
        ]
    )
    found = references(configuration, runs, ["source"], "best")
    assert found.to_dict("records") == [{"source": "frepo", "reference": 45.0}]


@pytest.mark.parametrize(
    ("means", "best"),
    [
        ([44.0, 43.0], [True, False]),
        ([44.04, 43.96], [True, True]),  # both print 44.0
        ([44.0, None], [False, False]),  # one alone is no best
        ([None, None], [False, False]),
    ],
)
def test_best_is_what_prints_the_highest_of_two_or_more(
    means: list[float | None], best: list[bool]
) -> None:
    cells = pd.DataFrame({"arch": "vgg11", "mean": pd.Series(means, dtype=float)})
    other = pd.DataFrame({"arch": "alexnet", "mean": [99.0]})
    assert best_as_printed(pd.concat([cells, other]), ["arch"]).tolist() == [*best, False]
