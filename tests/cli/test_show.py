"""`show` on the metrics of finished runs."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crossarch.cli import app
from crossarch.errors import ConfigError, DataError

PROJECT = Path(__file__).parents[2]
SET = "cifar10/frepo/ipc1"
FULL, WITHOUT_KD = f"{SET}/alexnet/full/seed0", f"{SET}/alexnet/wo_dp/seed0"


@pytest.fixture(autouse=True)
def _in_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", str(kept))


def invoke(*arguments: str, results: Path | None = None) -> Result:
    folder = results or os.environ["KEPT"]
    options = ("--config-dir", str(PROJECT / "config"), "--results", str(folder))
    # As wide as it takes: lines are not broken.
    runner = CliRunner(env={"COLUMNS": "400"})
    return runner.invoke(app, [*options, *arguments])


def told(*arguments: str, results: Path | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(invoke(*arguments, "--json", results=results).stdout)
    return answer


def metrics(run: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path(os.environ["KEPT"], "runs", run, "metrics.json").read_text())
    return data


@pytest.fixture
def results(kept: Path, tmp_path: Path) -> Path:
    """The metrics of two runs, whatever others there are, to be spoiled."""
    for run in (FULL, WITHOUT_KD):
        shutil.copytree(kept / "runs" / run, tmp_path / "runs" / run)
    return tmp_path


def spoil(results: Path, run: str, change: Callable[[dict[str, Any]], Any]) -> None:
    file = results / "runs" / run / "metrics.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_show_names_what_was_found_about_such_runs() -> None:
    """`full` on FRePo's set: nothing is known of it in particular, but what holds of every run."""
    title = "The best evaluation is selected on the test set"
    assert told("show", FULL)["findings"] == [title]
    assert title in invoke("show", FULL).stdout


def test_show_tells_what_the_metrics_say() -> None:
    data, page = metrics(FULL), invoke("show", FULL).stdout
    accuracy = data["accuracy"]
    assert f"{accuracy['best']:.2f}% (epoch {data['best_epoch']}" in page
    assert f"{accuracy['last']:.2f}%" in page
    assert f"50.7%; best is {accuracy['best'] - 50.7:+.1f} points" in page  # Table 2
    assert "lion, lr 5e-05, betas 0.95 0.98, weight_decay 0.005" in page
    assert "cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0" in page
    assert f"{data['seconds']['training']:.0f} s, {data['images_per_second']} images a second" in page
    for text in (data["commit"], data["versions"]["torch"], *data["inputs"].values(), data["finished"]):
        assert text in page
    assert "as the configuration asks today" in page
    assert "on FRePo, 1 image per class; " in page


def test_show_tells_what_the_recipe_changes_of_its_base() -> None:
    answer = told("show", WITHOUT_KD)
    assert answer["base"] == "wo_dp_kd"
    assert [change["key"] for change in answer["changes"]] == ["distillation"]
    assert answer["changes"][0]["base"] is None
    assert answer["changes"][0]["run"]["weight"] == 0.5
    of_teacher = told("show", f"{SET}/cnn/wo_dp_kd/seed0")
    assert of_teacher["base"] == "baseline"
    changed = {change["key"]: change["run"] for change in of_teacher["changes"]}
    assert changed["augmentation.folds"] == 2  # of the sets' own network
    assert changed["optimizer.name"] == "lion"
    assert "epochs" not in changed
    assert told("show", f"{SET}/alexnet/baseline/seed0")["base"] is None
    assert "changes from wo_dp_kd" in invoke("show", WITHOUT_KD).stdout


@pytest.mark.parametrize(
    "form", ["{run}", "{folder}/{run}", "{folder}/{run}/", "{folder}/{run}/metrics.json"]
)
def test_a_run_is_found_by_its_path_or_its_folder(form: str, kept: Path, tmp_path: Path) -> None:
    given = form.format(run=FULL, folder=kept / "runs")
    elsewhere = kept if form == "{run}" else tmp_path
    answer = told("show", given, results=elsewhere)
    assert answer["run"] == FULL
    assert answer["digest"] == metrics(FULL)["digest"]
    assert answer["settings"] == metrics(FULL)["settings"]
    assert answer["paper"] == 50.7


def test_show_says_why_a_run_is_outdated(results: Path) -> None:
    assert told("show", FULL, results=results)["outdated"] is None
    spoil(results, FULL, lambda data: data["settings"]["keep_rate"].update(min=0.4))
    reason = "settings.keep_rate.min: made with 0.4, today 0.5"
    assert told("show", FULL, results=results)["outdated"] == reason
    assert f"outdated: {reason}" in invoke("show", FULL, results=results).stdout


def test_what_cannot_be_shown_is_one_line(results: Path) -> None:
    missing = invoke("show", FULL.replace("seed0", "seed7"), results=results).exception
    assert isinstance(missing, DataError)
    told = f"the run has not finished (finished under {results}: 2; the nearest is {FULL})"
    assert str(missing).endswith(told)
    nothing = invoke("show", FULL, results=results / "empty").exception
    assert str(nothing).endswith(f"has not finished (finished under {results / 'empty'}: none)")
    assert isinstance(invoke("show", "alexnet").exception, ConfigError)
    spoil(results, FULL, lambda data: data["accuracy"].update(best=101))
    broken = invoke("show", FULL, results=results).exception
    assert isinstance(broken, DataError)
    assert "accuracy.best: found 101" in str(broken)
    (results / "runs" / FULL / "metrics.json").write_text("{")
    assert isinstance(invoke("show", FULL, results=results).exception, DataError)


def test_another_run_than_the_path_says_is_one_line(results: Path) -> None:
    file = results / "runs" / FULL / "metrics.json"
    file.write_text(json.dumps(metrics(WITHOUT_KD)))
    told = f"{file}: run.recipe: found 'wo_dp', but its path says 'full'"
    for arguments in (("show", FULL), ("show", str(file.parent))):
        refused = invoke(*arguments, results=results).exception
        assert isinstance(refused, DataError)
        assert str(refused) == told


def test_a_run_of_what_is_configured_no_longer_is_still_shown(results: Path) -> None:
    gone = FULL.replace("/full/", "/fuller/")
    shutil.copytree(results / "runs" / FULL, results / "runs" / gone)
    spoil(results, gone, lambda data: data["run"].update(recipe="fuller"))
    answer = told("show", gone, results=results)
    assert "found unknown recipe 'fuller'" in answer["outdated"]
    assert (answer["base"], answer["paper"]) == (None, None)
    assert "AlexNet trained by fuller on FRePo" in invoke("show", gone, results=results).stdout
