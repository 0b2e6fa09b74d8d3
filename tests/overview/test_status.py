"""States of runs, from files laid by hand."""

import functools
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from synthetic_runs import metrics_of_today
from typer.testing import CliRunner

from crossarch.cli import app
from crossarch.config import Configuration, RunId, load_configuration
from crossarch.errors import Interrupted
from crossarch.layout import Layout
from crossarch.overview import RunStatus, counted, planned, run_statuses, status_view
from crossarch.running.state import Keeper

CONFIG = Path(__file__).parents[2] / "config"
PROGRESS = "a/run: epoch 50 of 1000, loss 1.2345, 7 s\n"
WARNING = "crossarch: warning: a disk is full"
TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 3\n'


@pytest.fixture
def run() -> RunId:
    fields = {"dataset": "cifar10", "source": "frepo", "ipc": 1, "arch": "alexnet"}
    return RunId.model_validate({**fields, "recipe": "baseline", "seed": 0})


@functools.cache
def configured() -> Configuration:
    return load_configuration(CONFIG)


def finished(run: RunId, **settings: object) -> str:
    """The metrics of a run that was made today, or with other `settings`."""
    metrics = metrics_of_today(configured(), run)
    return json.dumps({**metrics, "settings": {**metrics["settings"], **settings}})


def state_of(layout: Layout, run: RunId) -> RunStatus:
    return run_statuses(configured(), layout, [run])[run]


def lay(path: Path, text: str, age: float = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))


@pytest.mark.parametrize(
    ("log", "state", "message"),
    [
        (None, "missing", None),
        ("", "running", ""),
        (PROGRESS * 500, "running", PROGRESS.strip()),
        (
            PROGRESS + "crossarch: loss is nan in epoch 51\n",
            "failed",
            "crossarch: loss is nan in epoch 51",
        ),
        (PROGRESS + TRACEBACK, "failed", "KeyError: 3"),
        (PROGRESS + WARNING, "running", WARNING),
        (PROGRESS + "crossarch: interrupted\n", "missing", None),
        ("crossarch: something\n" + PROGRESS, "running", PROGRESS.strip()),
    ],
)
def test_a_log_without_metrics(
    tmp_path: Path, run: RunId, log: str | None, state: str, message: str | None
) -> None:
    layout = Layout(tmp_path)
    if log is not None:
        lay(layout.train_log(run), log, age=90)
    status = state_of(layout, run)
    assert (status.state, status.message) == (state, message)
    if message is not None:
        assert status.age == pytest.approx(90, abs=20)
        assert status.to_json()["file"] == str(layout.train_log(run))


def test_a_training_that_was_asked_to_stop_is_missing(tmp_path: Path, run: RunId) -> None:
    layout = Layout(tmp_path)
    with pytest.raises(Interrupted) as stop:
        Keeper(run.path, "epoch", 9, tmp_path, lambda: signal.SIGTERM).after(1, dict)
    lay(layout.train_log(run), f"{PROGRESS}crossarch: {stop.value}\n")
    assert state_of(layout, run).state == "missing"


def test_a_training_that_failed_after_an_interruption_has_failed(tmp_path: Path, run: RunId) -> None:
    layout = Layout(tmp_path)
    interrupted = "crossarch: interrupted by SIGTERM: a/run after epoch 1 of 9; its state is saved\n"
    lay(layout.train_log(run), f"{PROGRESS}{interrupted}crossarch: a/run: the loss is nan in epoch 3\n")
    assert state_of(layout, run).state == "failed"
    lay(layout.train_log(run), f"{interrupted}{PROGRESS}")
    assert state_of(layout, run).state == "running"


def test_metrics_outweigh_any_log(tmp_path: Path, run: RunId) -> None:
    layout = Layout(tmp_path)
    lay(layout.train_log(run), TRACEBACK)
    lay(layout.run_metrics(run), finished(run))
    assert state_of(layout, run).state == "done"


@pytest.mark.parametrize(
    ("content", "told"),
    [("", "line 1, column 1: is not JSON"), ('{"run', "is not JSON"), ("[]", "found list")],
)
def test_damaged_metrics_are_a_failure_with_a_reason(
    tmp_path: Path, run: RunId, content: str, told: str
) -> None:
    layout = Layout(tmp_path)
    lay(layout.run_metrics(run), content, age=90)
    status = state_of(layout, run)
    assert status.state == "failed"
    assert status.message is not None
    assert status.file == layout.run_metrics(run)
    assert told in status.message
    assert status.message.endswith("; delete it to train the run again")
    assert status.age == pytest.approx(90, abs=20)


def test_metrics_of_other_settings_are_outdated(tmp_path: Path, run: RunId) -> None:
    layout = Layout(tmp_path)
    lay(layout.run_metrics(run), finished(run, epochs=999), age=90)
    status = state_of(layout, run)
    assert (status.state, status.file) == ("outdated", layout.run_metrics(run))
    assert status.message == "settings.epochs: made with 999, today 1000"
    assert status.age == pytest.approx(90, abs=20)


def test_the_rule_writes_the_log_that_is_read(project: Path, run: RunId) -> None:
    rule = (project / "rules" / "train.smk").read_text()
    assert 'f"<results>/logs/train/{RUN_PATTERN}.log"' in rule
    assert Layout(Path("r")).train_log(run) == Path(f"r/logs/train/{run.path}.log")


def test_the_matrix_counts_seeds_by_state(tmp_path: Path, run: RunId) -> None:
    chosen = {
        "ipc": [1],
        "sources": ["frepo"],
        "archs": ["cnn", "alexnet"],
        "recipes": ["baseline", "full"],
    }
    configuration = load_configuration(CONFIG, overrides=[("test", chosen)])
    layout = Layout(tmp_path)
    lay(layout.run_metrics(run), finished(run))
    lay(layout.train_log(run.model_copy(update={"seed": 1})), PROGRESS, age=7300)
    lay(layout.train_log(run.model_copy(update={"seed": 2})), TRACEBACK)
    old = run.model_copy(update={"recipe": "full"})
    lay(layout.run_metrics(old), finished(old, epochs=999), age=200)
    statuses = run_statuses(configuration, layout, planned(configuration, layout, ["table2"]).runs)
    # cnn baseline, its teacher role (w/o DP & KD), alexnet baseline and full, three seeds each
    assert counted(statuses.values()) == {
        "done": 1,
        "outdated": 1,
        "running": 1,
        "failed": 1,
        "missing": 8,
    }
    console = Console(width=500, record=True, file=io.StringIO())
    console.print(status_view(configuration, ["table2"], statuses))
    lines = console.export_text().splitlines()
    rows = {line.split("│")[2].strip(): line for line in lines if line.count("│") > 3}
    assert set(rows) == {"baseline", "full"}
    assert "1✓ 1▶ 1✗" in rows["baseline"]
    assert [cell.strip() for cell in rows["full"].split("│")[3:6]] == ["-", "", "1↻ 2·"]
    assert any("2 h ago: a/run: epoch 50 of 1000" in line for line in lines)
    told = f"↻ {layout.run_metrics(old)}, 3 min ago: settings.epochs: made with 999, today 4000"
    assert told in lines
    assert any(line.startswith("✗ ") and "KeyError: 3" in line for line in lines)
    assert "✓ 1 done, ↻ 1 outdated, ▶ 1 running, ✗ 1 failed, · 8 missing; 12 runs" in lines[-1]


@pytest.mark.parametrize("title", ["CIFAR-10 [/jpeg]", "CIFAR-10 [jpeg] copy", "[red]copy"])
def test_titles_are_printed_as_they_are(tmp_path: Path, title: str) -> None:
    config = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    for file, name in (("datasets.yaml", "cifar10"), ("tables.yaml", "table2")):
        data = yaml.safe_load((config / file).read_text())
        data[name]["title"] = title
        (config / file).write_text(yaml.safe_dump(data))
    options = ["--config-dir", str(config), "--results", str(tmp_path)]
    terminal = {"COLUMNS": "200"}
    for command in ("status", "plan"):
        answer = CliRunner().invoke(app, [*options, command, "--table", "table2"], env=terminal)
        assert answer.exit_code == 0
        assert title in answer.stdout


def test_the_command_prints_json(tmp_path: Path, run: RunId) -> None:
    lay(Layout(tmp_path).train_log(run), PROGRESS)
    arguments = ["--config-dir", str(CONFIG), "--results", str(tmp_path), "status", "--json"]
    told = json.loads(CliRunner().invoke(app, [*arguments, "--table", "table2"]).stdout)
    assert told["counts"] == {"done": 0, "outdated": 0, "running": 1, "failed": 0, "missing": 395}
    states = {one["run"]: one["state"] for one in told["runs"]}
    assert states[run.path] == "running"
    assert len(states) == 396
