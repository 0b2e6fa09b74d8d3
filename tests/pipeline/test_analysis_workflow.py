"""Figure 8 and the analyses in the workflow: trained, analysed, drawn, and only what changed again."""

import csv
import json
import math
from typing import Any

import pytest
import torch
from miniature import Workspace
from safetensors.torch import load_file

from crossarch.files import sha256_of

pytestmark = pytest.mark.slow

TARGETS = ("figure8", "analysis")
RUNS = 3  # of Table 2: w/o DP & KD of CNN and AlexNet, and AlexNet's full, which one of these teaches


def small(workspace: Workspace) -> None:
    """Figure 8 of AlexNet, with few eigenvalues; one table of `RUNS` runs."""

    def choose(data: dict[str, Any]) -> None:
        data["recipes"] = ["wo_dp_kd", "full", "full-adamw"]
        data["tables"] = ["table2"]
        data["figures"] = ["figure8"]
        data["curvature"] = {"eigenvalues": 2, "tolerance": 0.1, "extent": 0.5, "points": 3}

    workspace.edit("config.yaml", choose)
    workspace.edit("figures.yaml", lambda data: data["figure8"]["drawing"].update(arch="alexnet"))


def test_figure_8_and_the_analyses(workspace: Workspace) -> None:
    small(workspace)
    finished = workspace.snakemake(*TARGETS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = workspace.folder / "results"
    folder = results / "analysis" / "curvature" / "cifar10" / "frepo" / "ipc1" / "alexnet"
    for recipe in ("full", "full-adamw"):
        record = json.loads((folder / recipe / "seed0.json").read_text())
        assert len(record["eigenvalues"]) == 2
        assert (folder / recipe / "seed0-landscape.csv").is_file()
    caption = (results / "figures" / "figure8.md").read_text()
    assert "Measured with 1 image per class (the paper: 10)." in caption
    assert "Not analysed" not in caption
    rows = list(csv.DictReader((results / "analysis" / "selection.csv").open()))
    assert rows[0]["n"] == str(RUNS)
    spaces = list(csv.DictReader((results / "analysis" / "whitening.csv").open()))
    assert {row["space"] for row in spaces} == {"none", "standardise", "zca-kornia", "zca-frepo"}
    (agreement,) = csv.DictReader((results / "analysis" / "agreement.csv").open())
    assert (agreement["recipe"], agreement["taught_by"]) == ("full", "cnn/wo_dp_kd")
    (softness,) = csv.DictReader((results / "analysis" / "softness.csv").open())
    assert (softness["recipe"], softness["teacher"]) == ("full", agreement["teacher"])
    assert 0 < float(softness["entropy"]) <= math.log(3)  # classes
    statistics = list(csv.DictReader((results / "analysis" / "statistics.csv").open()))
    assert len(statistics) == RUNS
    for row in statistics:
        run = results / "runs" / "cifar10" / "frepo" / "ipc1" / row["arch"] / row["recipe"]
        metrics = json.loads((run / "seed0" / "metrics.json").read_text())
        running, batch = float(row["running"]), float(row["batch"])
        assert running == pytest.approx(metrics["accuracy"]["last"], abs=1e-3)
        assert float(row["change"]) == pytest.approx(batch - running, abs=1e-3)
    assert workspace.planned(*TARGETS) == {}

    workspace.edit("config.yaml", lambda data: data["curvature"].update(points=5))
    again = {"analyse_curvature": 2, "render_figure": 1, "figure8": 1}
    assert workspace.planned(*TARGETS) == again

    planned = workspace.planned("protocols")
    assert planned["train"] == 2 * RUNS  # what `paper` has, under two other protocols
    assert not {"figure8", "analyse_curvature"} & planned.keys()


def test_the_analyses_that_are_made_together(workspace: Workspace) -> None:
    small(workspace)
    planned = workspace.planned("analysis")
    assert planned["analyse_tests"] == RUNS + 1 + 1 + RUNS  # whitening, agreement, softness, statistics
    assert (planned["analyse_runs"], planned["images"]) == (5, 1)


def test_a_published_teacher_is_fetched_and_retraced(workspace: Workspace) -> None:
    workspace.edit("config.yaml", lambda data: data.update(archs=["cnn"], tables=["table2"], figures=[]))
    # of a set without published weights: no traceback, the job itself says what is missing
    record = "results/analysis/teachers/cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0.json"
    assert workspace.planned(record)["analyse_teachers"] == 1
    assert workspace.snakemake("selection").returncode == 0
    # what was trained here, published in the authors' format
    runs = workspace.folder / "results" / "runs" / "cifar10" / "frepo" / "ipc1" / "cnn"
    weights = load_file(runs / "wo_dp_kd" / "seed0" / "last.safetensors")
    (host,) = workspace.mirror.iterdir()
    file = host / "checkpoint_best.pth"
    torch.save({"state_dict": weights, "epoch": 6}, file)
    entry = {"url": f"https://{host.name}/{file.name}", "sha256": sha256_of(file)}
    workspace.edit(
        "sources.yaml", lambda data: data["frepo"]["sets"]["cifar10"][1].update(teacher=entry)
    )
    planned = workspace.planned("teachers")
    assert "train" not in planned
    assert (planned["fetch"], planned["analyse_teachers"], planned["analyse_runs"]) == (1, 2, 1)
    finished = workspace.snakemake("teachers")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    rows = list(csv.DictReader((workspace.folder / "results" / "analysis" / "teachers.csv").open()))
    as_teachers = ("epoch of the best", "entropy of targets")  # of our best weights, not of these
    others = {
        row["recipe"]
        for row in rows
        if row["ours"] != row["published"] and row["quantity"] not in as_teachers
    }
    assert others == {"baseline"}
    assert {row["recipe"] for row in rows} == {"baseline", "wo_dp_kd"}
    assert workspace.planned("teachers") == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["curvatur"], "found unknown name 'curvatur' (did you mean 'curvature'?)"),
        (["curvature"], "found no RUN for curvature, allowed: one or more finished runs"),
        (["selection", "a/b/ipc1/c/d/seed0"], "found RUNS for selection, allowed: RUNS for curvature"),
        (["curvature", "cifar10/frepo/ipc1/cnn/full/seed0"], "train the run first"),
        (
            ["whitening", "a/b/ipc1/c/d/seed0", "--page", "README.md"],
            "found RUNS and --page, allowed: one",
        ),
        (["selection", "--page", "config/config.yaml"], "found no lines <!-- selection"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str, workspace: Workspace) -> None:
    finished = workspace.crossarch("analyse", *arguments)
    assert finished.returncode in (2, 4)
    assert said in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1
    assert not (workspace.folder / "results" / "analysis").exists()


def test_by_hand_nothing_measured_is_said(workspace: Workspace) -> None:
    finished = workspace.crossarch("analyse", "selection", "--json")
    assert finished.returncode == 4
    assert finished.stderr.count("\n") == 1
    assert "analyse selection: found no finished run" in finished.stderr
    assert not finished.stdout
    assert not (workspace.folder / "results" / "analysis").exists()
