"""`show` and `compare` on the metrics of finished runs."""

import json
import os
import re
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
INPUTS = ("distilled", "test", "teacher")


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
    assert page.count("┤") == 16  # two curves of eight lines


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
    assert isinstance(invoke("compare", FULL, FULL, results=results).exception, DataError)


def test_another_run_than_the_path_says_is_one_line(results: Path) -> None:
    file = results / "runs" / FULL / "metrics.json"
    file.write_text(json.dumps(metrics(WITHOUT_KD)))
    told = f"{file}: run.recipe: found 'wo_dp', but its path says 'full'"
    for arguments in (("show", FULL), ("show", str(file.parent)), ("compare", WITHOUT_KD, FULL)):
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


def test_compare_tells_only_what_differs() -> None:
    answer = told("compare", FULL, WITHOUT_KD)
    found = {one["key"]: (one["a"], one["b"]) for one in answer["differences"]}
    assert found["recipe"] == ("full", "wo_dp")
    assert found["epochs"] == (4000, 1000)
    assert found["keep_rate"][1] is None
    assert found["network.droppath"] == (True, False)
    assert not {"whitening", "distillation", "batch_size", "dataset", "teacher"} & set(found)
    best = answer["accuracy"]["best"]
    assert best["a"] == metrics(FULL)["accuracy"]["best"]
    assert best["difference"] == pytest.approx(best["b"] - best["a"])
    page = invoke("compare", FULL, WITHOUT_KD).stdout
    assert f"{best['difference']:+.2f}" in page
    assert len(re.findall(r"^ *[\d.e+-]* ┤", page, re.MULTILINE)) == 24  # twice two curves of six lines
    same = told("compare", FULL, FULL)
    assert (same["differences"], same["warnings"]) == ([], [])
    assert same["accuracy"]["last"]["difference"] == 0


def test_compare_prints_settings_as_they_are(results: Path) -> None:
    again = FULL.replace("seed0", "seed1")
    shutil.copytree(results / "runs" / FULL, results / "runs" / again)
    own = {"file": "nets/[/mine].py", "code": "0123456789abcdef"}
    spoil(results, again, lambda data: data["run"].update(seed=1))
    spoil(results, again, lambda data: data["settings"]["network"].update(own=own))
    answer = invoke("compare", FULL, again, results=results)
    assert answer.exit_code == 0
    assert "nets/[/mine].py" in answer.stdout


def test_compare_warns_where_runs_are_not_like_with_like(results: Path) -> None:
    again = FULL.replace("seed0", "seed1")
    shutil.copytree(results / "runs" / FULL, results / "runs" / again)
    spoil(results, again, lambda data: data["run"].update(seed=1))
    assert told("compare", FULL, again, results=results)["warnings"] == []
    spoil(
        results,
        again,
        lambda data: data.update(commit="0123456789ab", inputs=dict.fromkeys(INPUTS, "f")),
    )
    prepared_anew = told("compare", FULL, again, results=results)["warnings"]
    for name, warning in zip(INPUTS, prepared_anew, strict=True):
        assert f"(inputs.{name})" in warning
        commits = f"(commits {metrics(FULL)['commit']} and 0123456789ab)"
        assert (commits in warning) == (name != "teacher")
    spoil(results, again, lambda data: data.update(inputs={}, evaluations=data["evaluations"][-2:]))
    fewer = told("compare", FULL, again, results=results)["warnings"]
    assert fewer == ["`best` is the best of 8 and of 2 evaluations: compare `last`"]

    other_set = told("compare", FULL, FULL.replace("/frepo/", "/mtt/"))["warnings"]
    assert {one.split(":")[0] for one in other_set} == {"not like with like"}
    for part in ("inputs.distilled", "inputs.test", "inputs.teacher", "zca-frepo and zca-kornia"):
        assert any(part in one for one in other_set)
    assert not any("by name they are one" in one for one in other_set)
    page = invoke("compare", FULL, FULL.replace("/frepo/", "/mtt/")).stdout
    assert "warning: not like with like" in page
