"""Collecting runs: tidy, sorted, and one line for everything that is wrong with a file."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_runs import CONFIG, a_run, configured, metrics_of, metrics_of_today, run_row, runs_of
from typer.testing import CliRunner

from crossarch.cli import app
from crossarch.collect import collect_runs, read_runs, write_runs
from crossarch.collect.current import outdated_runs
from crossarch.collect.runs import RUNS
from crossarch.config import RunId
from crossarch.errors import DataError
from crossarch.layout import Layout

Write = Callable[..., Path]
Spoil = Callable[[dict[str, Any]], Any]


@pytest.fixture
def write_metrics(tmp_path: Path) -> Callable[..., Path]:
    """Write the metrics of a run where the pipeline would, possibly after spoiling them."""

    def write(run: RunId, spoil: Callable[[dict[str, Any]], Any] = lambda data: data) -> Path:
        data = metrics_of(run)
        spoiled = spoil(data)
        file = tmp_path / "runs" / run.path / "metrics.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data if spoiled is None else spoiled), encoding="utf-8")
        return file

    return write


def test_a_row_a_run_whatever_the_order(write_metrics: Write) -> None:
    runs = [
        a_run(arch="vgg11", seed=2),
        a_run(ipc=10),
        a_run(recipe="full", protocol="released"),
        a_run(),
        a_run(dataset="digits"),
    ]
    files = [write_metrics(run) for run in runs]
    frame = collect_runs(files)
    pd.testing.assert_frame_equal(frame, collect_runs(reversed(files)))
    assert list(frame.columns) == list(RUNS.columns)
    assert list(frame["dataset"]) == ["cifar10"] * 4 + ["digits"]
    assert list(frame["recipe"][:2]) == ["baseline", "full"]
    assert list(frame["protocol"][:2]) == ["paper", "released"]
    first = frame.iloc[0]
    assert (first["accuracy_best"], first["accuracy_last"], first["epochs"]) == (44.5, 44.1, 1000)
    assert (first["evaluate_every"], first["whitening"]) == (500, "zca-frepo")
    assert (first["seconds_training"], first["seconds_evaluation"]) == (1.0, 2.0)


def test_the_csv_gives_the_table_back(tmp_path: Path) -> None:
    rows = [run_row(44.12, digest="1234567890123456", commit="12e4"), run_row(50, seed=1)]
    rows[1].update(commit=None, machine=None, images_per_second=None)
    frame = runs_of(rows)
    write_runs(frame, tmp_path / "metrics" / "runs.csv")
    pd.testing.assert_frame_equal(read_runs(tmp_path / "metrics" / "runs.csv"), frame)


def test_no_runs_are_a_table_too(tmp_path: Path) -> None:
    write_runs(collect_runs([]), tmp_path / "runs.csv")
    frame = read_runs(tmp_path / "runs.csv")
    assert frame.empty
    assert list(frame.columns) == list(RUNS.columns)


def without(*keys: str) -> Spoil:
    def spoil(data: dict[str, Any]) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return spoil


def changed(value: Any, *keys: str) -> Spoil:
    def spoil(data: dict[str, Any]) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "key", "found"),
    [
        (without("digest"), "digest", "nothing"),
        (without("accuracy", "best"), "accuracy.best", "nothing"),
        (without("run", "seed"), "run.seed", "nothing"),
        (without("settings", "whitening"), "settings.whitening", "nothing"),
        (changed("much", "accuracy", "last"), "accuracy.last", "'much'"),
        (changed(100.5, "accuracy", "best"), "accuracy.best", "100.5"),
        (changed(float("nan"), "accuracy", "last"), "accuracy.last", "nan"),
        (changed(40, "accuracy", "best"), "accuracy.best", "40"),
        (changed(1001, "best_epoch"), "best_epoch", "1001"),
        (changed("xyz", "digest"), "digest", "'xyz'"),
        (changed("lenet", "run", "arch"), "run.arch", "'lenet'"),
        (changed("vgg11", "run", "arch"), "run.arch", "'vgg11', but its path says 'alexnet'"),
        (changed("released", "run", "protocol"), "run.protocol", "'released'"),
        (changed(3, "run", "seed"), "run.seed", "3"),
        (lambda data: [1, 2], "found list", "mapping"),
    ],
)
def test_a_wrong_file_is_one_line(write_metrics: Write, spoil: Spoil, key: str, found: str) -> None:
    file = write_metrics(a_run(), spoil)
    message = complaint(file)
    assert message.startswith(f"{file}: ")
    assert key in message
    assert found in message


def test_broken_json_names_its_place(write_metrics: Write) -> None:
    file = write_metrics(a_run())
    file.write_text(file.read_text()[:100])
    assert "is not JSON" in complaint(file)
    file.write_bytes(b"\xff\xfe")
    assert "cannot be read" in complaint(file)


def test_a_file_outside_of_the_runs_and_a_missing_one(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    assert complaint(file) == f"{file}: no such file"
    file.write_text(json.dumps(metrics_of(a_run())))
    assert "is not a run" in complaint(file)


def test_a_run_counts_once(write_metrics: Write, tmp_path: Path) -> None:
    file = write_metrics(a_run())
    again = tmp_path / "elsewhere" / a_run().path / "metrics.json"
    again.parent.mkdir(parents=True)
    again.write_bytes(file.read_bytes())
    message = complaint(file, again)
    assert str(file) in message
    assert str(again) in message
    assert a_run().path in message


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (
            lambda text: text.replace("accuracy_best", "accuracy_bets"),
            "accuracy_best: found no such",
        ),
        (lambda text: text.replace("finished", "finished,colour"), "colour: found an unknown"),
        (lambda text: text.replace("44.12", "144.12"), "line 2: accuracy_best: found 144.12"),
        (lambda text: text.replace("44.12", "many"), "line 2: accuracy_best: found 'many'"),
        (lambda text: text.replace("frepo", ""), "line 2: source: found nothing"),
        (lambda text: text.replace(",1000,", ",1e3.5,"), "line 2: epochs: found '1e3.5'"),
        (lambda text: text + text.splitlines()[1] + "\n", "again"),
        (lambda text: text + "1,2\n" + ",".join("x" * 40) + "\n", "cannot be read as CSV"),
        (lambda text: "", "empty file"),
    ],
)
def test_a_wrong_csv_is_one_line(tmp_path: Path, line: Callable[[str], str], found: str) -> None:
    file = tmp_path / "runs.csv"
    write_runs(runs_of([run_row(44.12)]), file)
    file.write_text(line(file.read_text()))
    with pytest.raises(DataError) as error:
        read_runs(file)
    assert str(error.value).startswith(f"{file}: ")
    assert found in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_csv_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_runs(tmp_path / "runs.csv")


def with_settings_of_today(run: RunId) -> Spoil:
    settings = metrics_of_today(configured(), run)["settings"]
    return lambda data: {**data, "settings": {**settings, "evaluate_every": 500}}


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        ((), None, None),
        (("evaluate_every",), 7, None),  # changes what is known of a run, not the run
        (("keep_rate", "min"), 0.4, "settings.keep_rate.min: made with 0.4, today 0.5"),
        (("optimizer",), None, "settings: optimizer: found None"),
        (("epochs",), 300, "settings.epochs: made with 300, today 4000"),
        (("whitening",), "none", "settings.whitening: made with 'none', today 'zca-frepo'"),
        (("distillation",), None, "settings.distillation: made with None, today {"),
        (("momentum",), 0.9, "settings: momentum: found unknown key 'momentum'"),
    ],
)
def test_runs_made_with_other_settings_are_told(
    write_metrics: Write, keys: tuple[str, ...], value: Any, reason: str | None
) -> None:
    run = a_run(recipe="full")
    today = with_settings_of_today(run)

    def spoil(data: dict[str, Any]) -> dict[str, Any]:
        data = today(data)
        inner = data["settings"]
        for key in keys[:-1]:
            inner = inner[key]
        if keys:
            inner[keys[-1]] = value
        return data

    found = outdated_runs(configured(), [write_metrics(run, spoil)])
    assert len(found) == (reason is not None)
    for told in found.values():
        assert reason is not None
        assert told.startswith(reason)


def test_a_run_of_a_recipe_that_is_gone_is_outdated(write_metrics: Write) -> None:
    file = write_metrics(a_run(recipe="gone"))
    assert "unknown recipe 'gone'" in outdated_runs(configured(), [file])[file]


def test_a_student_of_another_teacher_than_today_s_is_told(write_metrics: Write) -> None:
    student, teacher = a_run(recipe="full"), a_run(arch="cnn", recipe="wo_dp_kd")
    weights = b"what taught"
    digest = hashlib.sha256(weights).hexdigest()
    inputs = {"inputs": {"teacher": digest}}
    file = write_metrics(student, lambda data: with_settings_of_today(student)(data) | inputs)
    assert outdated_runs(configured(), [file]) == {}

    record = write_metrics(teacher, with_settings_of_today(teacher))
    best = record.with_name("best.safetensors")
    best.write_bytes(weights)
    assert outdated_runs(configured(), [file, record]) == {}

    best.write_bytes(b"what was trained later")
    told = f"teacher: made with other bytes than runs/{teacher.path}/best.safetensors has today"
    assert outdated_runs(configured(), [file, record]) == {file: told}

    def slower(data: dict[str, Any]) -> dict[str, Any]:
        data = with_settings_of_today(teacher)(data)
        data["settings"]["optimizer"]["lr"] = 1e-5
        return data

    write_metrics(teacher, slower)
    reason = "settings.optimizer.lr: made with 1e-05, today 5e-05"
    assert outdated_runs(configured(), [file, record]) == {
        file: f"teacher {teacher.path}: {reason}",
        record: reason,
    }


def test_a_run_on_another_set_than_lies_there_now_is_told(tmp_path: Path) -> None:
    layout, student, teacher = (
        Layout(tmp_path),
        a_run(recipe="full"),
        a_run(arch="cnn", recipe="wo_dp_kd"),
    )
    path = layout.training_set(configured(), student.training_set, student.seed)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the set")

    def write(run: RunId, trained_on: bytes) -> Path:
        inputs = {"inputs": {"distilled": hashlib.sha256(trained_on).hexdigest()}}
        file = layout.run_metrics(run)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({**with_settings_of_today(run)(metrics_of(run)), **inputs}))
        return file

    file, record = write(student, b"the set"), write(teacher, b"the set")
    assert outdated_runs(configured(), [file, record]) == {}
    write(teacher, b"the set before")
    told = f"distilled: made with other bytes than {path.relative_to(tmp_path)} has today"
    assert outdated_runs(configured(), [file, record]) == {
        file: f"teacher {teacher.path}: {told}",
        record: told,
    }
    write(teacher, b"the set")
    path.write_bytes(b"a later set")
    assert set(outdated_runs(configured(), [file, record])) == {file, record}
    path.unlink()  # as where metrics alone are kept
    assert outdated_runs(configured(), [file, record]) == {}


def test_a_run_tested_on_another_set_than_lies_there_now_is_told(tmp_path: Path) -> None:
    layout, run = Layout(tmp_path), a_run()
    path = layout.test_set(run.dataset, "zca-frepo")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"the test set")
    inputs = {"inputs": {"test": hashlib.sha256(b"the test set").hexdigest()}}
    file = layout.run_metrics(run)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({**with_settings_of_today(run)(metrics_of(run)), **inputs}))
    assert outdated_runs(configured(), [file]) == {}
    path.write_bytes(b"a later one")
    told = "test: made with other bytes than data/cifar10/test/zca-frepo.safetensors has today"
    assert outdated_runs(configured(), [file]) == {file: told}
    path.unlink()
    assert outdated_runs(configured(), [file]) == {}


def test_every_leaves_damaged_records_out_and_names_them(write_metrics: Write, tmp_path: Path) -> None:
    kept = a_run()
    write_metrics(kept, with_settings_of_today(kept))
    damaged = write_metrics(a_run(seed=1))
    damaged.write_text('{"run": ')
    options = ["--config-dir", str(CONFIG), "--results", str(tmp_path)]
    told = CliRunner().invoke(app, [*options, "collect", "--every"])
    assert told.exit_code == 0, told.output
    assert f"left out: {damaged}: line 1, column 9: is not JSON" in told.stderr


@pytest.mark.parametrize("settings", [None, [1], "none"])
def test_settings_that_are_none_are_told(write_metrics: Write, settings: object) -> None:
    run = a_run(recipe="full")
    file = write_metrics(run, lambda data: {**with_settings_of_today(run)(data), "settings": settings})
    assert outdated_runs(configured(), [file])[file].startswith("settings: ")


def test_the_command_leaves_outdated_runs_out_and_names_them(
    write_metrics: Write, tmp_path: Path
) -> None:
    kept, old = a_run(), a_run(seed=1)
    write_metrics(kept, with_settings_of_today(kept))
    write_metrics(old, lambda data: {**with_settings_of_today(old)(data), "settings": {"epochs": 1000}})
    options = ["--config-dir", str(CONFIG), "--results", str(tmp_path)]
    left_out = f"left out: {tmp_path}/runs/{old.path}/metrics.json: settings: network"
    told = CliRunner().invoke(app, [*options, "collect", "--every"])
    assert told.exit_code == 0, told.output
    assert read_runs(tmp_path / "partial" / "metrics" / "runs.csv")["seed"].tolist() == [0]
    assert left_out in told.stderr


def test_the_command_refuses_outdated_runs_of_a_table(write_metrics: Write, tmp_path: Path) -> None:
    chosen = json.dumps({"ipc": [1], "archs": ["cnn"], "recipes": ["baseline"], "seeds": [0]})
    kept, old = (a_run(recipe="baseline", arch="cnn", source=source) for source in ("frepo", "mtt"))
    write_metrics(kept, with_settings_of_today(kept))
    today = metrics_of_today(configured(), old)
    file = write_metrics(old, lambda _: {**today, "settings": {**today["settings"], "epochs": 300}})
    options = ["--config-dir", str(CONFIG), "--results", str(tmp_path), "--selection", chosen]
    told = str(CliRunner().invoke(app, [*options, "collect", "table2"]).exception)
    assert told.startswith(f"{file}: settings.epochs: made with 300, today 1000; 1 of 2 runs")
    assert f"again: snakemake --forcerun {file};" in told
    assert not (tmp_path / "metrics").exists()


def test_the_command_refuses_gaps_and_says_how_many(write_metrics: Write, tmp_path: Path) -> None:
    chosen = json.dumps({"ipc": [1], "archs": ["cnn"], "recipes": ["baseline"], "seeds": [0]})
    run = a_run(recipe="baseline", arch="cnn")
    write_metrics(run, with_settings_of_today(run))
    options = ["--config-dir", str(CONFIG), "--results", str(tmp_path), "--selection", chosen]
    told = CliRunner().invoke(app, [*options, "collect", "table2"])
    assert told.exit_code != 0
    assert "/mtt/ipc1/cnn/baseline/seed0/metrics.json: no such file: 1 of 2 runs" in str(told.exception)
    assert not (tmp_path / "metrics").exists()


def complaint(*files: Path) -> str:
    with pytest.raises(DataError) as error:
        collect_runs(files)
    assert "\n" not in str(error.value)
    return str(error.value)
