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


@pytest.mark.weekly
def test_figure_8_and_the_analyses(workspace: Workspace) -> None:
    small(workspace)
    finished = workspace.snakemake(*TARGETS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = workspace.folder / "results"
    folder = results / "analysis" / "curvature" / "cifar10" / "frepo" / "ipc1" / "alexnet"
    for recipe in ("full", "full-adamw"):
        record = json.loads((folder / recipe / "seed0.json").read_text())
        assert len(record["eigenvalues"]) == 2
        assert len(record["landscape"]) == 3
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
    assert softness["taught_by"] == agreement["taught_by"]
    assert float(softness["teacher"]) == pytest.approx(float(agreement["teacher"]), abs=1e-3)
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
    again = {"analyse_run": 2, "render_figure": 1, "figure8": 1}
    assert workspace.planned(*TARGETS) == again

    planned = workspace.planned("protocols")
    assert planned["train"] == 2 * RUNS  # what `paper` has, under two other protocols
    assert not {"figure8", "analyse_run"} & planned.keys()


def test_the_analyses_that_are_made_together(workspace: Workspace) -> None:
    small(workspace)
    planned = workspace.planned("analysis")
    assert planned["analyse_run"] == RUNS + 1 + 1 + RUNS  # whitening, agreement, softness, statistics
    assert (planned["analyse"], planned["collect"], planned["images"]) == (5, 5, 1)


@pytest.mark.weekly
def test_a_published_teacher_is_fetched_and_retraced(workspace: Workspace) -> None:
    workspace.edit("config.yaml", lambda data: data.update(archs=["cnn"], tables=["table2"], figures=[]))
    record = "results/analysis/teachers/cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0.json"
    refused = workspace.snakemake("-n", record)
    assert refused.returncode == 1
    told = "seed0: found a run that teachers is not about, expected one published"
    assert told in refused.stdout + refused.stderr
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
    assert (planned["fetch"], planned["analyse_run"], planned["analyse"]) == (1, 2, 1)
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
        (
            ["measure", "curvatur", "metrics=a"],
            "found unknown analysis 'curvatur' (did you mean 'curvature'?)",
        ),
        (
            ["measure", "statistics", "metrics=a", "weight=b"],
            "found files named metrics, weight, expected metrics, weights, test",
        ),
        (["measure", "selection", "metrics=a"], "analyse selection: has nothing to measure"),
        (["measure", "curvature", "metrics=a", "--settings", "{"], "--settings: is not JSON"),
        (["measure", "statistics", "metrics=a", "weights=b", "test=c"], "a: no such file"),
        (["summarise", "selection", "--runs", "a", "--records", "b"], "a: no such file"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str, workspace: Workspace) -> None:
    finished = workspace.crossarch("analyse", *arguments, "--output", "out")
    assert finished.returncode in (2, 4)
    assert said in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1
    assert not (workspace.folder / "out").exists()
