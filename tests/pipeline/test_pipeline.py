"""The workflow for real, in miniature: from a mirror's bytes to tables, and what an edit makes again."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from miniature import HOST, Workspace, make_workspace

pytestmark = pytest.mark.slow

TARGETS = ("table1", "table2", "table8", "scorecard")
TARGET = dict.fromkeys(TARGETS[:3], 1)
# cnn: baseline, wo_dp_kd; alexnet: these and full. Table 8 has the baselines of Table 2.
TRAININGS = 2 + 3
RENDERED = {"render_table": 2, "scorecard": 1, "table2": 1, "table8": 1}


def metrics(workspace: Workspace) -> dict[str, dict[str, object]]:
    runs = workspace.folder / "results" / "runs"
    return {
        str(path.parent.relative_to(runs)): json.loads(path.read_text())
        for path in runs.rglob("metrics.json")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Workspace:
    """A workspace with its own copy of the code, where all targets have been made; keep it as it is."""
    code = tmp_path_factory.mktemp("code")
    shutil.copy(project / "Snakefile", code)
    for folder in ("rules", "envs", "profiles", "workflow_src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / folder, code / folder, ignore=ignored)
    workspace = replace(make_workspace(tmp_path_factory.mktemp("finished"), project), project=code)
    chosen = {"tables": ["table1", "table2", "table8"]}
    workspace.edit("config.yaml", lambda data: data.update(chosen))
    made = workspace.snakemake(*TARGETS)
    assert made.returncode == 0, made.stdout + made.stderr
    assert workspace.planned(*TARGETS) == {}
    return workspace


def test_from_bytes_to_table(finished: Workspace) -> None:
    runs = metrics(finished)
    assert len(runs) == TRAININGS
    student = runs["cifar10/frepo/ipc1/alexnet/full/seed0"]
    assert student["settings"]["epochs"] == 9  # type: ignore[index]
    assert [e["epoch"] for e in student["evaluations"]] == [3, 6, 9]  # type: ignore[index,attr-defined]
    teacher = "cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0"
    assert student["inputs"]["teacher"] == digest(  # type: ignore[index]
        finished.folder / "results" / "runs" / teacher / "best.safetensors"
    )

    markdown = (finished.folder / "results/tables/table2.md").read_text()
    accuracy = student["accuracy"]["best"]  # type: ignore[index]
    assert f"{accuracy:.1f}" in markdown
    assert "—" in markdown
    assert f"{TRAININGS} of 132 cells measured" in markdown
    comparison = (finished.folder / "results/tables/table2-comparison.csv").read_text()
    assert "50.7" in comparison  # the paper's AlexNet, Full, FRePo, IPC 1
    assert not list(finished.folder.rglob("*.part"))
    states = finished.folder / "results/states"
    assert len(list(states.glob("*/ended"))) == TRAININGS  # by hard links to the runs themselves
    assert not list(states.glob("*/unfinished"))


def test_only_what_changed(finished: Workspace) -> None:
    def after(file: str, change: Callable[[Any], None]) -> dict[str, int]:
        """Jobs after a change of the configuration, which is taken back."""
        path = finished.folder / "config" / file
        before = path.read_bytes()
        finished.edit(file, change)
        planned = finished.planned(*TARGETS)
        path.write_bytes(before)
        return planned

    def recipe(name: str, part: str, **numbers: float) -> dict[str, int]:
        return after("recipes.yaml", lambda data: data["recipes"][name][part].update(numbers))

    def after_code(file: str, text: str) -> dict[str, int]:
        path = finished.project / "workflow_src" / "crossarch" / file
        before = path.read_bytes()
        path.write_bytes(before + text.encode())
        planned = finished.planned(*TARGETS)
        path.write_bytes(before)
        return planned

    # one recipe's number: its own runs; collected and rendered again where they are shown
    full = recipe("full", "distillation", weight=0.6)
    assert full == {"train": 1, "collect": 2, "render_table": 1, "table2": 1, "scorecard": 1}
    longer = after("recipes.yaml", lambda data: data["recipes"]["wo_kd"].update(epochs=10))
    assert longer == full
    # the teacher changes: so does its student
    teacher = after(
        "recipes.yaml", lambda data: data["recipes"]["wo_dp_kd"]["schedule"].update(warmup=1)
    )
    assert teacher == {"train": 3, "collect": 2, "render_table": 1, "table2": 1, "scorecard": 1}
    # one source's whitening: another test set, everything trained again, no set prepared again
    whitening = after("sources.yaml", lambda data: data["frepo"].update(whitening="standardise"))
    assert whitening == {
        **{"whitener": 1, "test_set": 1, "train": TRAININGS, "collect": 3},
        **RENDERED,
    }

    # how its files are understood: the set is read again
    labels = after("sources.yaml", lambda data: data["frepo"].update(labels="hard"))
    assert labels == {"distilled": 1, "train": TRAININGS, "collect": 3, **RENDERED}
    # how the images are read: from them everything
    reader = after(
        "datasets.yaml", lambda data: data["cifar10"]["origin"].update(layout="cifar-10-batches-py")
    )
    assert (reader["images"], reader["test_set"], reader["train"]) == (1, 1, TRAININGS)

    # what a table says, and how the work is done
    title = after("tables.yaml", lambda data: data["table2"].update(title="Another title"))
    assert title == {"render_table": 1, "table2": 1, "scorecard": 1}
    assert after("config.yaml", lambda data: data.update(threads=2)) == {}

    # the code of tables, and of the scorecard
    tables = after_code("report/table_formats.py", "\nUNUSED = 1\n")
    assert tables == {"render_settings": 1, "render_table": 2, **TARGET}
    assert after_code("report/scorecard.py", "\nUNUSED = 1\n") == {"scorecard": 1}

    # what is taken back makes nothing again
    assert finished.planned(*TARGETS) == {}


def test_any_output_by_its_path(workspace: Workspace) -> None:
    path = "results/runs/cifar10/frepo/ipc1/resnet18/full@released/seed7/metrics.json"
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
    path = "results/runs/cifar10/frepo/ipc1/resnet18/full/seed7/metrics.json"
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
    finished = workspace.snakemake("table2", "--config", "results=config/config.yaml")
    printed = finished.stdout + finished.stderr
    assert "results: found config/config.yaml, a file, allowed: a folder" in printed
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


@pytest.fixture
def unlocked(workspace: Workspace) -> tuple[str, str]:
    """A download whose checksum nobody knows: its path and its address."""

    def forget_checksum(data: Any) -> None:
        del data["frepo"]["sets"]["cifar10"][1]["images"]["sha256"]

    workspace.edit("sources.yaml", forget_checksum)
    file, url = f"results/downloads/{HOST}/images.pt", f"https://{HOST}/images.pt"
    made = workspace.snakemake(file)
    assert made.returncode == 0, made.stdout + made.stderr
    assert workspace.planned(file) == {}
    return file, url


def test_what_is_locked_as_it_lies_there_can_be_kept(
    workspace: Workspace, unlocked: tuple[str, str]
) -> None:
    file, url = unlocked
    locked = workspace.crossarch("fetch", "--update-lock", url)
    assert workspace.planned(file) == {"fetch": 1}
    keep = f"snakemake --cleanup-metadata {file}"
    assert locked.stderr.endswith(f"{keep}\n")
    assert workspace.snakemake(*keep.split()[1:]).returncode == 0
    assert workspace.planned(file) == {}


def test_a_lock_stops_other_bytes_that_lie_there_already(
    workspace: Workspace, unlocked: tuple[str, str]
) -> None:
    file, url = unlocked
    lock = {url: {"size": (workspace.mirror / HOST / "images.pt").stat().st_size, "sha256": "0" * 64}}
    workspace.edit("checksums.lock.yaml", lambda data: data.update(lock))
    assert workspace.planned(file) == {"fetch": 1}
    refused = workspace.snakemake(file, "--retries", "0")
    assert refused.returncode != 0
    said = (workspace.folder / f"results/logs/fetch/{HOST}/images.pt.log").read_text()
    assert "its checksum is locked in config/checksums.lock.yaml: if upstream changed it" in said
    assert f"crossarch fetch --update-lock {url}" in said


def test_named_targets_are_narrowed_by_the_configuration(workspace: Workspace) -> None:
    """`all` leaves out the tables that nothing is left of; a table asked for by name says why."""
    everything = workspace.planned("all")
    assert everything["train"] == TRAININGS
    # Tables 1, 2, 7 and 8; Tables 3 and 4 need another IPC, 5 and 6 other data sets
    assert (everything["render_settings"], everything["render_table"]) == (1, 3)
    assert everything["scorecard"] == 1
    assert workspace.planned("all", "--config", "ipc=null") == everything
    narrowed = workspace.planned("all", "--config", "ipc=[1]", "archs=[alexnet]", "recipes=[baseline]")
    assert (narrowed["train"], narrowed["render_table"]) == (1, 2)
    apart = workspace.planned("all", "--config", "tables=[table1]", "figures=[figure1]")
    assert (apart["render_settings"], apart["render_figure"], apart["report_page"]) == (1, 1, 1)
    assert "scorecard" not in apart
    alone = workspace.planned("all", "--config", "tables=[table1]", "figures=[figure2]")
    assert alone == {"render_settings": 1, "render_figure": 1, "all": 1}
    refused = workspace.snakemake("-n", "table3")
    assert refused.returncode != 0
    printed = refused.stdout + refused.stderr
    assert "table3: no run is left: config/sources.yaml has no set of cifar10 with ipc 10" in printed


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_from_a_folder_without_a_configuration_that_beside_the_snakefile_is_taken(
    project: Path, tmp_path: Path
) -> None:
    empty = Workspace(tmp_path, tmp_path, project)
    made = empty.snakemake("table1")
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "results/tables/table1.md").is_file()
    assert not (tmp_path / "config").exists()
