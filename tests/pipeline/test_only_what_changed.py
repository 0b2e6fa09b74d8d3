"""An edit remakes what it touches and nothing else: dry runs after a whole run, in miniature."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from miniature import HOST, Workspace

pytestmark = pytest.mark.slow

TARGETS = ("table1", "table2", "table8", "scorecard")
TARGET = dict.fromkeys(TARGETS[:3], 1)
# cnn: baseline, wo_dp_kd; alexnet: these and full. Table 8 has the baselines of Table 2.
TRAININGS = 2 + 3
RENDERED = {"render_table": 2, "scorecard": 1, "table2": 1, "table8": 1}


@pytest.fixture
def finished(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with its own copy of the code, where all targets have been made."""
    code = tmp_path / "code"
    code.mkdir()
    shutil.copy(workspace.project / "Snakefile", code)
    for folder in ("rules", "envs", "workflow_src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(workspace.project / folder, code / folder, ignore=ignored)
    workspace = replace(workspace, project=code)
    chosen = {"tables": ["table1", "table2", "table8"]}
    workspace.edit("config.yaml", lambda data: data.update(chosen))
    made = workspace.snakemake(*TARGETS)
    assert made.returncode == 0, made.stdout + made.stderr
    assert workspace.planned(*TARGETS) == {}
    return workspace


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
        "datasets.yaml", lambda data: data["cifar10-jpeg"]["origin"].update(reader="tiny-imagenet-zip")
    )
    assert (reader["images"], reader["test_set"], reader["train"]) == (1, 1, TRAININGS)

    # the code of tables, and of the scorecard
    tables = after_code("report/latex.py", "\nUNUSED = 1\n")
    assert tables == {"render_settings": 1, "render_table": 2, **TARGET}
    assert after_code("report/scorecard.py", "\nUNUSED = 1\n") == {"scorecard": 1}


def test_a_lock_stops_other_bytes_that_lie_there_already(workspace: Workspace) -> None:
    def forget_checksum(data: Any) -> None:
        del data["frepo"]["sets"]["cifar10"][1]["images"]["sha256"]

    workspace.edit("sources.yaml", forget_checksum)
    file, url = f"results/downloads/{HOST}/images.pt", f"https://{HOST}/images.pt"
    made = workspace.snakemake(file)
    assert made.returncode == 0, made.stdout + made.stderr
    assert workspace.planned(file) == {}
    lock = {url: {"size": (workspace.mirror / HOST / "images.pt").stat().st_size, "sha256": "0" * 64}}
    workspace.edit("checksums.lock.yaml", lambda data: data.update(lock))
    assert workspace.planned(file) == {"fetch": 1}
    refused = workspace.snakemake(file, "--retries", "0")
    assert refused.returncode != 0
    said = (workspace.folder / f"results/logs/fetch/{HOST}/images.pt.log").read_text()
    assert "its checksum stands in config/checksums.lock.yaml: if upstream changed it" in said
    assert f"crossarch fetch --update-lock {url}" in said


def test_named_targets_are_narrowed_by_the_configuration(workspace: Workspace) -> None:
    """`all` leaves out the tables that nothing is left of; a table asked for by name says why."""
    everything = workspace.planned("all")
    assert everything["train"] == TRAININGS
    # Tables 1, 2, 7 and 8; Tables 3 and 4 need another IPC, 5 and 6 other data sets
    assert (everything["render_settings"], everything["render_table"]) == (1, 3)
    assert everything["scorecard"] == 1
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
