"""One distillation from files to files: real images in, a distilled set and its record out."""

import json
from pathlib import Path
from typing import Any

import torch

from crossarch.config import DistilSettings
from crossarch.data import load_whitener
from crossarch.data.store import load_fitting, load_test_set, save_set
from crossarch.distil.frepo import Distilled, distil
from crossarch.errors import DataError
from crossarch.files import write_text
from crossarch.running.progress import OnProgress
from crossarch.running.provenance import provenance
from crossarch.running.state import state_key
from crossarch.running.stop import StopRequest
from crossarch.running.task import Task, digests_of, run_once


def distil_set(
    settings: DistilSettings,
    *,
    real: Path,
    test: Path,
    whitener: Path,
    distilled: Path,
    record: Path,
    state_root: Path,
    device: str = "auto",
    slots_per_gpu: int = 1,
    threads: int = 1,
    progress: OnProgress = lambda step, loss, accuracy: None,
) -> dict[str, Any]:
    """Distil one set; write it to `distilled`, then what was done and measured to `record` (JSON).

    `real` are the training images (uint8) and `whitener` moves them into the space of `test`. An
    interrupted distillation goes on from `state_root/<hash of settings, inputs and code>`; of two
    processes for the same set one distils and the other waits for its result. Returns the record.
    Raises DataError, TrainingError and Interrupted.
    """
    inputs = digests_of({"real": real, "test": test, "whitener": whitener})
    task = Task(
        name=settings.target.path,
        verb="distilled",
        unit="step",
        states=state_root / state_key(settings, inputs, "distil"),
        outputs=(distilled, record),
        hint="a smaller real_batch or pool, device: cpu, a GPU with more memory",
    )

    def do(chosen: torch.device, stop: StopRequest) -> dict[str, Any]:
        network = settings.network
        moved = load_whitener(whitener)
        if moved.name != settings.whitening:
            raise DataError(f"{whitener}: found {moved.name}, needed: {settings.whitening}")
        outcome = distil(
            settings,
            load_fitting(real, network.classes, network.image_shape, torch.uint8),
            load_test_set(test, network.classes, network.image_shape, settings.whitening),
            moved,
            device=chosen,
            state_folder=task.unfinished,
            stop=stop,
            progress=progress,
        )
        metadata = {
            "labels": "soft",
            "ipc": str(settings.target.ipc),
            "source": settings.target.source,
            "origin": f"distilled from {settings.target.dataset} by FRePo ({settings.digest})",
            "whitening": settings.whitening,
        }
        for earlier in (record, distilled):  # each would speak of another one, were this cut short
            earlier.unlink(missing_ok=True)
        save_set(distilled, outcome.image_set, metadata)
        content = make_record(settings, outcome, chosen, threads, inputs)
        write_text(record, json.dumps(content, indent=1) + "\n")
        return content

    return run_once(task, do, device=device, slots_per_gpu=slots_per_gpu, threads=threads)


def make_record(
    settings: DistilSettings,
    outcome: Distilled,
    device: torch.device,
    threads: int,
    inputs: dict[str, str],
) -> dict[str, Any]:
    """The contents of a distillation's `metrics.json`: accuracies in percent, seconds, provenance."""
    history = outcome.history
    return {
        "target": settings.target.model_dump(),
        "settings": settings.model_dump(mode="json", exclude={"target"}),
        "digest": settings.digest,
        "evaluations": history.evaluations,
        "losses": history.losses,
        "seconds": {
            "distilling": round(history.seconds_distilling, 1),
            "evaluation": round(history.seconds_evaluation, 1),
        },
        **provenance(device, threads, inputs),
    }
