"""The workflow for real, in miniature: from a mirror's bytes to a rendered Table 2."""

import hashlib
import json
from pathlib import Path

import pytest
from miniature import Workspace

pytestmark = pytest.mark.slow

TRAININGS = 2 + 3  # cnn: baseline, wo_dp_kd; alexnet: these and full


def metrics(workspace: Workspace) -> dict[str, dict[str, object]]:
    runs = workspace.folder / "results" / "runs"
    return {
        str(path.parent.relative_to(runs)): json.loads(path.read_text())
        for path in runs.rglob("metrics.json")
    }


def test_from_bytes_to_table(workspace: Workspace) -> None:
    finished = workspace.snakemake("table2")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    runs = metrics(workspace)
    assert len(runs) == TRAININGS
    student = runs["cifar10-jpeg/frepo/ipc1/alexnet/full/seed0"]
    assert student["settings"]["epochs"] == 9  # type: ignore[index]
    assert [e["epoch"] for e in student["evaluations"]] == [3, 6, 9]  # type: ignore[index,attr-defined]
    teacher = "cifar10-jpeg/frepo/ipc1/cnn/wo_dp_kd/seed0"
    assert student["inputs"]["teacher"] == digest(  # type: ignore[index]
        workspace.folder / "results" / "runs" / teacher / "best.safetensors"
    )

    markdown = (workspace.folder / "results/tables/table2.md").read_text()
    accuracy = student["accuracy"]["best"]  # type: ignore[index]
    assert f"{accuracy:.1f}" in markdown
    assert "—" in markdown
    assert f"{TRAININGS} of 132 cells measured" in markdown
    comparison = (workspace.folder / "results/tables/table2-comparison.csv").read_text()
    assert "50.7" in comparison  # the paper's AlexNet, Full, FRePo, IPC 1
    assert not list(workspace.folder.rglob("*.part"))
    assert not (workspace.folder / "results/states").exists() or not any(
        (workspace.folder / "results/states").iterdir()
    )

    assert workspace.planned("table2") == {}

    # only what a change touches is made again
    workspace.edit("recipes.yaml", lambda data: data["recipes"]["wo_kd"].update(epochs=10))
    assert workspace.planned("table2") == {"train": 1, "collect": 1, "render_table": 1, "table2": 1}
    workspace.edit("recipes.yaml", lambda data: data["recipes"]["wo_kd"].update(epochs=9))
    assert workspace.planned("table2") == {}
    workspace.edit("tables.yaml", lambda data: data["table2"].update(title="Another title"))
    assert workspace.planned("table2") == {"render_table": 1, "table2": 1}
    workspace.edit("config.yaml", lambda data: data.update(threads=2))
    assert "train" not in workspace.planned("table2")


def test_any_output_by_its_path(workspace: Workspace) -> None:
    path = "results/runs/cifar10-jpeg/frepo/ipc1/resnet18/full@released/seed7/metrics.json"
    planned = workspace.planned(path)
    assert planned["train"] == 2  # the student and its teacher
    wrong = path.replace("/resnet18/", "/cnn/")
    finished = workspace.snakemake("-n", wrong)
    assert finished.returncode != 0
    printed = finished.stdout + finished.stderr
    assert "found 'full' for 'cnn'" in printed
    assert "Traceback (most recent call last)" not in printed


@pytest.mark.parametrize(
    ("usual", "other"), [("/full/", "/full@paper/"), ("seed7", "seed07"), ("ipc1", "ipc01")]
)
def test_a_run_has_one_path(workspace: Workspace, usual: str, other: str) -> None:
    """Under another one a training would end, and Snakemake miss its files."""
    path = "results/runs/cifar10-jpeg/frepo/ipc1/resnet18/full/seed7/metrics.json"
    finished = workspace.snakemake("-n", path.replace(usual, other))
    assert finished.returncode != 0
    assert "MissingRuleException" in finished.stdout + finished.stderr


def test_a_wrong_configuration_stops_before_any_job(workspace: Workspace) -> None:
    finished = workspace.snakemake("table2", "--config", "archs=[alexnt]")
    assert finished.returncode != 0
    printed = finished.stdout + finished.stderr
    told = "--config: archs: found unknown name 'alexnt' (did you mean 'alexnet'?), allowed: cnn,"
    assert told in printed
    assert "Traceback" not in printed
    assert not (workspace.folder / "results").exists()


def test_a_tampered_download_is_refused(workspace: Workspace) -> None:
    images = workspace.mirror / "data.example.org" / "images.pt"
    content = bytearray(images.read_bytes())
    content[len(content) // 2] ^= 1
    images.write_bytes(content)
    finished = workspace.crossarch("fetch", "https://data.example.org/images.pt")
    assert finished.returncode == 3
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("crossarch: ")
    assert "images.pt" in last
    assert "Traceback" not in finished.stderr
    assert not list((workspace.folder / "results").rglob("images.pt"))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
