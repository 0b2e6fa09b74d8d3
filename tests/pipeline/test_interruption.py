"""A training that is asked to stop: its state is saved, and what follows is as if nothing had been."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
from miniature import Workspace, make_workspace
from safetensors.torch import load_file

from crossarch.config import load_configuration, parse_run, resolve

pytestmark = pytest.mark.slow

TEACHER = "cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0"
STUDENT = "cifar10/frepo/ipc1/alexnet/full/seed0"  # DropPath, distillation, Lion
EPOCHS = 60
VOLATILE = {"seconds", "images_per_second", "gflop_per_second", "peak_memory_mib", "finished", "commit"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Workspace:
    """A workspace in which teacher and student have been trained, into `results`."""
    workspace = make_workspace(tmp_path_factory.mktemp("undisturbed"), project)

    def lengthen(data: Any) -> None:
        data["recipes"]["wo_kd"]["epochs"] = EPOCHS

    workspace.edit("recipes.yaml", lengthen)
    workspace.edit("config.yaml", lambda data: data.update(evaluation={"every": 20}))
    finished = workspace.snakemake(f"results/runs/{STUDENT}/metrics.json")
    assert finished.returncode == 0, finished.stderr
    return workspace


def start(workspace: Workspace, results: Path) -> subprocess.Popen[str]:
    made = workspace.folder / "results"
    settings = resolve(load_configuration(workspace.folder / "config"), parse_run(STUDENT)).to_json()
    command = [sys.executable, "-m", "crossarch", "train", "--settings", settings]
    command += ["--metrics", str(results / "runs" / STUDENT / "metrics.json")]
    command += ["--states", str(results / "states")]
    command += ["--teacher", str(made / "runs" / TEACHER / "best.safetensors")]
    command += ["--distilled", str(made / "distilled/frepo/cifar10/ipc1.safetensors")]
    command += ["--test", str(made / "data/cifar10/test/zca-kornia.safetensors")]
    return subprocess.Popen(
        command,
        cwd=workspace.folder,
        env=workspace.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def first_epoch(stream: IO[str]) -> int:
    """Wait for a line that names an epoch."""
    for line in stream:
        if found := re.search(r"epoch (\d+) of", line):
            return int(found.group(1))
    raise AssertionError("the training ended without a word about an epoch")


def test_a_stopped_training_ends_as_an_undisturbed_one(undisturbed: Workspace, tmp_path: Path) -> None:
    """Stopped three times, each time by another signal."""
    folder = tmp_path / "runs" / STUDENT
    reached = 0
    for number, code in ((signal.SIGTERM, 143), (signal.SIGUSR1, 138), (signal.SIGINT, 130)):
        training = start(undisturbed, tmp_path)
        assert training.stderr is not None
        assert first_epoch(training.stderr) > reached, "it went on, not back"
        training.send_signal(number)
        said = training.communicate(timeout=60)[1].strip().splitlines()
        assert training.returncode == code
        assert any(f"{number.name}: stopping after this epoch" in line for line in said)
        stopped = re.fullmatch(
            rf"crossarch: interrupted by {number.name}: {STUDENT} after epoch (\d+) of {EPOCHS}; "
            "its state is saved",
            said[-1],
        )
        assert stopped, said
        reached = int(stopped.group(1))
        assert not folder.exists()
        assert list(tmp_path.glob(f"states/*/unfinished/state{reached:08d}.pt"))

    training = start(undisturbed, tmp_path)
    assert training.stderr is not None
    assert first_epoch(training.stderr) > reached
    training.communicate(timeout=120)
    assert training.returncode == 0
    assert not list(tmp_path.glob("states/*/unfinished")), "the run has ended"

    expected = undisturbed.folder / "results" / "runs" / STUDENT
    for weights in ("last.safetensors", "best.safetensors"):
        found, needed = load_file(folder / weights), load_file(expected / weights)
        assert found.keys() == needed.keys()
        assert all(found[name].equal(needed[name]) for name in needed), weights
    assert lasting(folder) == lasting(expected)


def test_a_killed_training_goes_on(undisturbed: Workspace, tmp_path: Path) -> None:
    """SIGKILL leaves no time to save: nothing half-written is in the way, its lock is free."""
    training = start(undisturbed, tmp_path)
    assert training.stderr is not None
    first_epoch(training.stderr)
    training.kill()
    training.communicate()
    training = start(undisturbed, tmp_path)
    training.communicate(timeout=120)
    assert training.returncode == 0
    assert lasting(tmp_path / "runs" / STUDENT) == lasting(
        undisturbed.folder / "results" / "runs" / STUDENT
    )


def test_of_two_trainings_of_one_run_one_waits_and_takes_the_result(
    undisturbed: Workspace, tmp_path: Path
) -> None:
    first = start(undisturbed, tmp_path)
    assert first.stderr is not None
    first_epoch(first.stderr)
    first.send_signal(signal.SIGSTOP)  # else it may have ended before the second one has begun
    second = start(undisturbed, tmp_path)
    assert second.stderr is not None
    waits = second.stderr.readline()
    assert f"{STUDENT}: waiting, it is being trained by process {first.pid} on " in waits
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=120)
    said = second.communicate(timeout=60)[1]
    assert (first.returncode, second.returncode) == (0, 0)
    assert "had ended already" in said
    assert "epoch" not in said


def lasting(folder: Path) -> dict[str, Any]:
    """What metrics.json says apart from time and place."""
    content = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in content.items() if key not in VOLATILE}
