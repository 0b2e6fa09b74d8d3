"""The cells of Table 2, by hand, and against every number that the paper prints."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_runs import CONFIG, configured, run_row, runs_of

from crossarch.config import Configuration
from crossarch.errors import ConfigError, DataError
from crossarch.printing.numbers import printed, printed_signed
from crossarch.report.tables import CELLS, table_cells

CELL = ["source", "ipc", "recipe", "arch"]


def cells_of(configuration: Configuration, runs: pd.DataFrame) -> pd.DataFrame:
    return table_cells(configuration, configuration.tables["table2"], runs)


def cell(cells: pd.DataFrame, recipe: str, arch: str, **key: Any) -> pd.Series:
    wanted = {"source": "frepo", "ipc": 1, "recipe": recipe, "arch": arch, **key}
    found = cells[(cells[list(wanted)] == pd.Series(wanted)).all(axis="columns")]
    assert len(found) == 1
    return found.iloc[0]


def test_means_deviations_gaps_and_differences_by_hand() -> None:
    cells = cells_of(
        configured(),
        runs_of(
            [
                run_row(44.0),
                run_row(45.0, seed=1),
                *(run_row(a, seed=s, arch="alexnet") for s, a in enumerate((40.0, 42.0, 44.0))),
                run_row(50.5, arch="alexnet", recipe="full"),
            ]
        ),
    )
    own = cell(cells, "baseline", "cnn")
    assert (own["n"], own["mean"]) == (2, 44.5)
    assert own["std"] == pytest.approx(math.sqrt(0.5), abs=1e-4)
    assert math.isnan(own["gap"])
    alexnet = cell(cells, "baseline", "alexnet")
    assert (alexnet["n"], alexnet["mean"], alexnet["std"]) == (3, 42.0, 2.0)
    assert (alexnet["gap"], alexnet["paper"], alexnet["difference"]) == (-2.5, 41.8, 0.2)
    assert (alexnet["seeds"], alexnet["epochs"], alexnet["device"]) == ("0;1;2", "1000", "cpu")
    full = cell(cells, "full", "alexnet")
    assert (full["n"], full["mean"], full["gap"], full["difference"]) == (1, 50.5, 6.0, -0.2)
    assert math.isnan(full["std"])
    missing = cell(cells, "wo_dp", "alexnet")
    assert missing["n"] == 0
    assert missing[["mean", "std", "gap", "difference"]].isna().all()
    assert missing["paper"] == 49.7


def test_the_grid_is_that_of_the_paper() -> None:
    cells = cells_of(configured(), runs_of([]))
    assert list(cells.columns) == list(CELLS.columns)
    assert len(cells) == 2 * 3 * 5 * 5
    assert cells["applicable"].sum() == 132
    not_applicable = cells[~cells["applicable"]]
    assert set(not_applicable["arch"]) == {"cnn"}
    assert set(not_applicable["recipe"]) == {"wo_dp", "wo_kd", "full"}
    assert not_applicable["paper"].isna().all()
    assert not cells["best"].any()


def test_no_gap_without_the_baseline_of_the_own_network() -> None:
    cells = cells_of(configured(), runs_of([run_row(44), run_row(60, ipc=10, arch="vgg11")]))
    assert math.isnan(cell(cells, "baseline", "vgg11", ipc=10)["gap"])


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ({"full": 50.7}, []),  # nothing to compare with
        ({"full": 50.7, "baseline": 41.8}, ["full"]),
        ({"full": 50.71, "wo_dp": 50.69, "baseline": 41.8}, ["full", "wo_dp"]),  # both print 50.7
        ({"full": 50.75, "wo_dp": 50.74}, ["full"]),
    ],
)
def test_best_is_what_prints_highest(accuracies: dict[str, float], best: list[str]) -> None:
    rows = [run_row(a, recipe=name, arch="alexnet") for name, a in accuracies.items()]
    other_network = run_row(99, arch="vgg11")
    cells = cells_of(configured(), runs_of([*rows, other_network]))
    assert sorted(cells.loc[cells["best"], "recipe"]) == best
    assert set(cells.loc[cells["best"], "arch"]) <= {"alexnet"}


def test_only_what_is_selected_counts() -> None:
    runs = runs_of(
        [
            run_row(44),
            run_row(99, seed=7),
            run_row(98, protocol="released"),
            run_row(97, dataset="cifar100"),
            run_row(96, dataset="digits"),
            run_row(95, source="gone"),  # a source that the configuration no longer has
        ]
    )
    cells = cells_of(configured(), runs)
    assert cells["n"].sum() == 1
    assert cell(cells, "baseline", "cnn")["mean"] == 44
    released = cells_of(configured(protocol="released"), runs)
    assert cell(released, "baseline", "cnn")["mean"] == 98


def test_the_accuracy_is_the_chosen_one() -> None:
    runs = runs_of([run_row(44.5, accuracy_last=44.1)])
    for kind, mean in {"best": 44.5, "last": 44.1}.items():
        found = cell(cells_of(configured(accuracy=kind), runs), "baseline", "cnn")
        assert (found["accuracy"], found["mean"]) == (kind, mean)


def test_every_data_set_has_its_own_block() -> None:
    runs = runs_of([run_row(44), run_row(43, dataset="digits", source="own-frepo")])
    cells = cells_of(configured(datasets=["digits", "cifar10", "cifar100"]), runs)
    assert list(cells["dataset"].unique()) == ["digits", "cifar10"]
    assert cell(cells, "baseline", "cnn")["mean"] == 44
    assert cell(cells, "baseline", "cnn", dataset="digits", source="own-frepo")["mean"] == 43


def test_a_table_without_a_fitting_data_set_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"datasets: found cifar100, allowed.*: cifar10$"):
        cells_of(configured(datasets=["cifar100"]), runs_of([]))


def test_the_papers_numbers_give_the_papers_gaps(paper_runs: pd.DataFrame) -> None:
    cells = cells_of(configured(), paper_runs)
    assert (cells.loc[cells["applicable"], "difference"] == 0).all()
    paper = pd.read_csv(CONFIG / "paper" / "main_results.csv")
    paper = paper[paper["table"] == "table2"].rename(
        columns={"distillation": "source", "method": "recipe"}
    )
    both = cells.merge(paper, on=CELL, validate="one_to_one")
    assert len(both) == 132
    assert (both["gap"].isna() == both["printed_gap"].isna()).all()
    wrong = both[(both["gap"] - both["printed_gap"]).abs() > 1e-6].set_index(CELL)
    misprints = {  # where the paper does not subtract right
        ("frepo", 10, "baseline", "alexnet"): (-3.7, -3.6),
        ("mtt", 50, "full", "vgg11"): (-0.7, -1.2),
    }
    found = {key: (row["gap"], row["printed_gap"]) for key, row in wrong.iterrows()}
    assert found == misprints


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty file"),
        ("table,dataset,distillation,ipc,method,arch\n", "accuracy: found no such column"),
        (
            "table,dataset,distillation,ipc,method,arch,accuracy\n"
            "table2,cifar10,frepo,1,full,vgg11,high\n",
            "line 2: accuracy: found 'high'",
        ),
        (
            "table,dataset,distillation,ipc,method,arch,accuracy\n"
            + "table2,cifar10,frepo,1,full,vgg11,48.8\n" * 2,
            "again",
        ),
        (
            "table,dataset,distillation,ipc,method,arch,accuracy\n"
            "table5,cifar100,frepo,1,full,vgg11,48.8\n",
            "found no line of table2",
        ),
    ],
)
def test_a_broken_paper_file_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "main_results.csv").write_text(text)
    with pytest.raises(DataError) as error:
        cells_of(dataclasses.replace(configured(), directory=tmp_path), runs_of([]))
    assert "main_results.csv: " in str(error.value)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_the_papers_deviations_are_kept_where_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "main_results.csv").write_text(
        "table,dataset,distillation,ipc,method,arch,accuracy,std\n"
        "table2,cifar10,frepo,1,full,alexnet,50.7,0.6\n"
    )
    cells = cells_of(dataclasses.replace(configured(), directory=tmp_path), runs_of([]))
    assert cell(cells, "full", "alexnet")["paper_std"] == 0.6
    assert cells["paper_std"].count() == 1


def test_a_table_that_the_paper_does_not_have() -> None:
    configuration = configured()
    own = configuration.tables["table2"].model_copy(update={"paper": None})
    cells = table_cells(configuration, own, runs_of([run_row(44)]))
    assert cells[["paper", "paper_std", "difference"]].isna().all(axis=None)
    assert cell(cells, "baseline", "cnn")["mean"] == 44


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        (50.7, "50.7", "+50.7"),
        (44.25, "44.3", "+44.3"),
        (44.35, "44.4", "+44.4"),  # in binary a little more
        (44.45, "44.5", "+44.5"),  # in binary a little less
        (-2.25, "-2.3", "-2.3"),
        (-0.04, "-0.0", "+0.0"),
        (0.0, "0.0", "+0.0"),
        (100.0, "100.0", "+100.0"),
    ],
)
def test_printed_numbers(value: float, plain: str, signed: str) -> None:
    assert printed(value) == plain
    assert printed_signed(value) == signed
