"""`--json` is one JSON value on stdout; bars are for terminals alone."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from calling import Call

PRESET = ("--preset", "config/presets/reproduction.yaml")


@pytest.fixture
def results(kept: Path, tmp_path: Path) -> Path:
    """A copy of finished runs to write beside."""
    shutil.copytree(kept / "runs", tmp_path / "runs")
    return tmp_path


def told(call: Call, results: Path, *arguments: str) -> Any:
    finished = call("--results", str(results), *PRESET, *arguments, "--json")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_files_and_what_was_left_out(call: Call, results: Path) -> None:
    run = results / "runs/cifar10/frepo/ipc1/alexnet/full/seed0/metrics.json"
    data = json.loads(run.read_text())
    data["settings"]["epochs"] = 3999
    run.write_text(json.dumps(data))
    collected = told(call, results, "collect", "--every")
    assert collected["files"] == [str(results / "partial/metrics/runs.csv")]
    assert collected["left_out"] == {str(run): "settings.epochs: made with 3999, today 4000"}
    runs = ("--runs", collected["files"][0])
    for arguments in (("table2", *runs), ("scorecard", *runs), ("figure5",), ("figure1", *runs)):
        files = told(call, results, "render", *arguments, "--output", str(results / "made"))["files"]
        assert files
        assert all(Path(file).is_file() for file in files)
    kept = results / "kept"
    published = told(call, results, "publish", "--destination", str(kept))
    runs_of = results / "runs"
    assert {file.relative_to(kept / "runs") for file in kept.rglob("metrics.json")} == {
        file.relative_to(runs_of) for file in runs_of.rglob("metrics.json")
    }
    assert len(published["files"]) == len(list(kept.rglob("metrics.json")))


def test_a_schedule_is_the_same_in_both_forms(call: Call) -> None:
    rows = json.loads(call("schedule", "--recipe", "full", "--json").stdout)
    header, *lines = call("schedule", "--recipe", "full").stdout.split()
    assert header.split(",") == list(rows[0]) == ["epoch", "keep_rate", "lr"]
    assert [[float(value) for value in line.split(",")] for line in lines] == [
        pytest.approx(list(row.values())) for row in rows
    ]


def test_fetched_files(call: Call, mirror: Path, tmp_path: Path) -> None:
    places = {"CROSSARCH_MIRROR": str(mirror), "CROSSARCH_CACHE": str(tmp_path / "cache")}
    url = next(
        f"https://{file.relative_to(mirror)}"
        for file in (mirror / "raw.githubusercontent.com").rglob("cifar10_1_frepo/images_best.pt")
    )
    fetched = json.loads(call("--results", str(tmp_path), "fetch", url, "--json", **places).stdout)
    assert [one["url"] for one in fetched] == [url]
    assert Path(fetched[0]["path"]).is_file()


BAR = """
from crossarch.progress import tracked, working
assert list(tracked([1, 2, 3], "Counting")) == [1, 2, 3]
with working("Thinking"):
    pass
"""


def test_bars_are_drawn_on_a_terminal_and_nowhere_else() -> None:
    environment = {**os.environ, "TERM": "xterm"}
    command = [sys.executable, "-c", BAR]
    silent = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (silent.stdout, silent.stderr) == ("", "")
    master, slave = pty.openpty()
    subprocess.run(command, env=environment, stderr=slave, check=True)
    os.close(slave)
    drawn = os.read(master, 65536).decode()
    assert "Counting" in drawn
    assert "0:00:0" in drawn  # the time left
    os.close(master)
