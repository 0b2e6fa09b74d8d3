"""What is left takes as long as it took elsewhere: against metrics whose times are known."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from uncounted import UNCOUNTED

from crossarch.config import Configuration, load_configuration, parse_run, resolve
from crossarch.overview import plan_view
from crossarch.overview.cost import costs, read_measured
from crossarch.overview.plan import Plan

CONFIG = Path(__file__).parents[2] / "config"
STUDENT = "cifar10/frepo/ipc1/alexnet/full/seed0"  # 4000 epochs, tested 40 times


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load_configuration(CONFIG)


def measured_file(configuration: Configuration, folder: Path, run: str, **changes: Any) -> Path:
    """`metrics.json` of a run that trained for an hour and was tested for half an hour."""
    settings = resolve(configuration, parse_run(run))
    content = {
        "run": settings.run.model_dump(),
        "settings": settings.model_dump(mode="json", exclude={"run"}),
        "evaluations": [
            {"epoch": 100 * i, "accuracy": 10.0} for i in range(1, settings.epochs // 100 + 1)
        ],
        "seconds": {"training": 3600.0, "evaluation": 1800.0},
        "images": {"training": 10 * settings.run.ipc, "test": 10_000},
        "device": "cpu",
    }
    file = folder / f"{len(list(folder.iterdir()))}.json"
    file.write_text(json.dumps(content | changes))
    return file


def hours(configuration: Configuration, files: list[Path], *runs: str) -> dict[str, float]:
    found = costs(configuration, [parse_run(run) for run in runs], read_measured(files))
    return {cost.device: cost.hours for cost in found}


def test_the_same_run_takes_the_same_time(configuration: Configuration, tmp_path: Path) -> None:
    file = measured_file(configuration, tmp_path, STUDENT)
    other_seeds = STUDENT.replace("seed0", "seed1"), STUDENT.replace("seed0", "seed2")
    assert hours(configuration, [file], STUDENT)["cpu"] == pytest.approx(1.5)
    assert hours(configuration, [file], *other_seeds)["cpu"] == pytest.approx(3.0)


def test_the_last_epoch_is_always_tested(configuration: Configuration, tmp_path: Path) -> None:
    """Every 3,000 epochs: after 3,000 and after the 4,000th, 2 tests where the measured run had 40."""
    file = measured_file(configuration, tmp_path, STUDENT)
    rarely = load_configuration(CONFIG, overrides=[("test", {"evaluation": {"every": 3000}})])
    assert hours(rarely, [file], STUDENT)["cpu"] == pytest.approx(1.0 + 0.5 * 2 / 40)


def test_ten_times_the_images_train_ten_times_as_long(
    configuration: Configuration, tmp_path: Path
) -> None:
    file = measured_file(configuration, tmp_path, STUDENT)
    larger = STUDENT.replace("ipc1", "ipc10")
    assert hours(configuration, [file], larger)["cpu"] == pytest.approx(10 * 1.0 + 0.5)


def test_a_quarter_of_the_epochs_without_a_teacher(configuration: Configuration, tmp_path: Path) -> None:
    """The teacher's forward passes are a part of what a step of the student costs."""
    file = measured_file(configuration, tmp_path, STUDENT)
    baseline = hours(configuration, [file], STUDENT.replace("full", "baseline"))["cpu"]
    assert 0.15 + 0.5 / 4 < baseline < 0.25 + 0.5 / 4


def test_devices_are_apart_and_the_median_counts(configuration: Configuration, tmp_path: Path) -> None:
    files = [measured_file(configuration, tmp_path, STUDENT) for _ in range(2)]
    slow = {"training": 36_000.0, "evaluation": 18_000.0}
    files.append(measured_file(configuration, tmp_path, STUDENT, seconds=slow))
    fast = {"training": 36.0, "evaluation": 18.0}
    files.append(measured_file(configuration, tmp_path, STUDENT, seconds=fast, device="A GPU"))
    found = hours(configuration, files, STUDENT)
    assert found == {"A GPU": pytest.approx(0.015), "cpu": pytest.approx(1.5)}


def test_a_network_that_was_not_measured_is_counted_as_such(
    configuration: Configuration, tmp_path: Path
) -> None:
    file = measured_file(configuration, tmp_path, STUDENT)
    runs = [parse_run(run) for run in (STUDENT, STUDENT.replace("alexnet", "vgg11"))]
    [cost] = costs(configuration, runs, read_measured([file]))
    assert (cost.measured, cost.of_other_networks) == (1, 1)
    assert cost.hours > 1.5


def test_runs_whose_work_cannot_be_counted_are_left_out_and_told(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(UNCOUNTED)
    networks = {"own_networks": {"mine": str(own)}}
    taught = {"taught": {"base": "full", "distillation": {"arch": "mine"}}}
    configuration = load_configuration(
        CONFIG, overrides=[("mine.yaml", networks | {"own_recipes": taught})]
    )
    runs = [
        parse_run(STUDENT),
        parse_run(STUDENT.replace("alexnet/full", "mine/baseline")),
        parse_run(STUDENT.replace("/full", "/taught")),
    ]
    (tmp_path / "metrics").mkdir()
    files = [measured_file(configuration, tmp_path / "metrics", run.path) for run in runs]
    measured = read_measured(files)
    assert [one.arch for one in measured] == ["alexnet"]
    [cost] = costs(configuration, runs, measured)
    assert cost.hours == pytest.approx(1.5)
    assert (cost.measured, cost.of_other_networks, cost.uncounted) == (1, 0, 2)
    assert cost.to_json()["runs_not_counted"] == 2
    planned_runs = Plan((), tuple(runs), tuple(runs))
    console = Console(record=True, width=200)
    console.print(plan_view(planned_runs, [cost], None))
    assert (
        "3 left on cpu: 1.5 hours one after the other (from the speed of 1 measured runs; without 2 "
        "whose work cannot be counted)"
    ) in console.export_text()


def test_what_tells_no_speed_is_left_out(configuration: Configuration, tmp_path: Path) -> None:
    whole = measured_file(configuration, tmp_path, STUDENT)
    of_edited = json.loads(whole.read_text())
    of_edited["settings"]["network"] |= {
        "arch": "mine",
        "own": {"file": "mine.py", "code": "0" * 16},
    }
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(of_edited))
    broken = tmp_path / "broken.json"
    broken.write_text(whole.read_text()[:-20])
    files = [
        broken,
        tmp_path / "missing.json",
        edited,
        measured_file(configuration, tmp_path, STUDENT, device="synthetic"),
        measured_file(configuration, tmp_path, STUDENT, seconds={"training": 0.0, "evaluation": 0.0}),
    ]
    assert read_measured(files) == []
    assert costs(configuration, [parse_run(STUDENT)], []) == []
