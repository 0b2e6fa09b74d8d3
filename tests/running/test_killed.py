"""A training killed at any moment and started again ends as one that was left alone, bit for bit."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from crossarch.config import RunSettings, load_configuration, parse_run, resolve
from crossarch.data import ImageSet, save_set
from crossarch.data.store import save_tensors
from crossarch.errors import Interrupted
from crossarch.models import build
from crossarch.running import state
from crossarch.training.run import OUTPUTS, train_run

pytestmark = pytest.mark.slow

KILLS = 8
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
CLASSES, SIDE = 3, 8
VOLATILE = {"seconds", "images_per_second", "gflop_per_second", "peak_memory_mib", "finished", "commit"}
# Processes fork from one that has torch loaded, and what its optimisers load, and has computed nothing.
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["crossarch.training.run", "torch._dynamo", __name__])


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    """`train_run` of a small AlexNet with all that has a state: DropPath, a teacher, Lion, 4 folds."""
    configuration = load_configuration(Path(__file__).parents[2] / "config")
    whole = resolve(configuration, parse_run("cifar10/mtt/ipc1/alexnet/full/seed0"))
    assert whole.teacher_network
    assert whole.keep_rate
    small = {"classes": CLASSES, "image_size": SIDE, "widths": (4, 4)}
    settings: RunSettings = whole.model_copy(
        update={
            "network": whole.network.model_copy(update=small),
            "teacher_network": whole.teacher_network.model_copy(update=small),
            "keep_rate": whole.keep_rate.model_copy(update={"warmup": 5, "period": 5}),
            "epochs": 60,
            "batch_size": 4,
            "evaluate_every": 7,
        }
    )
    generator = torch.Generator().manual_seed(0)
    for name in ("distilled", "test"):
        images = torch.randn(9, 3, SIDE, SIDE, generator=generator)
        save_set(tmp_path / f"{name}.safetensors", ImageSet(images, torch.arange(9) % CLASSES), {})
    save_tensors(tmp_path / "teacher.safetensors", build(settings.teacher_network).state_dict(), {})
    inputs = {name: tmp_path / f"{name}.safetensors" for name in ("distilled", "test", "teacher")}
    return {"settings": settings, "device": "cpu", **inputs}


def train_saving_always(arguments: dict[str, Any], root: Path) -> None:
    """Train into `root`, with a saved state after each epoch."""
    state.SAVE_EVERY = -1.0
    try:
        train_run(**arguments, folder=root / "run", state_root=root / "states")
    except Interrupted:
        os._exit(1)


def start(arguments: dict[str, Any], root: Path) -> Any:
    process = processes.Process(target=train_saving_always, args=(arguments, root))
    process.start()
    return process


def result(root: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    metrics = json.loads((root / "run" / "metrics.json").read_text())
    weights = {
        f"{name} {key}": tensor
        for name in ("last", "best")
        for key, tensor in load_file(root / "run" / f"{name}.safetensors").items()
    }
    return {key: value for key, value in metrics.items() if key not in VOLATILE}, weights


def test_killed_at_random_moments(arguments: dict[str, Any], tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    first = processes.Process(target=int)  # loads torch, which the time of a training does not count
    first.start()
    first.join(timeout=120)
    process = start(arguments, calm)
    begun = time.monotonic()
    process.join(timeout=120)
    seconds = time.monotonic() - begun
    assert process.exitcode == 0
    expected_metrics, expected_weights = result(calm)

    draw = random.Random(20)
    kills = trainings = 0
    while kills < KILLS:
        root = tmp_path / f"restless{trainings}"
        trainings += 1
        while not (root / "run" / "metrics.json").exists():
            process = start(arguments, root)
            process.join(timeout=draw.uniform(0.0, 0.4 * seconds) if kills < KILLS else 120)
            if process.is_alive():
                os.kill(process.pid, draw.choice(SIGNALS))
                kills += 1
            process.join(timeout=120)
            assert process.exitcode is not None
        if process.exitcode != 0:  # killed between its last output and its end
            process = start(arguments, root)
            process.join(timeout=120)
        assert process.exitcode == 0
        metrics, weights = result(root)
        assert metrics == expected_metrics
        assert weights.keys() == expected_weights.keys()
        assert all(weights[key].equal(expected_weights[key]) for key in weights)
        assert not list((root / "states").glob("*/unfinished")), "a run that has ended keeps no state"
        assert sorted(path.name for path in (root / "run").iterdir()) == sorted(OUTPUTS)
