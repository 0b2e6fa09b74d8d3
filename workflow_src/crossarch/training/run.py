"""One run from files to files: prepared sets in, weights and metrics out."""

import hashlib
import json
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossarch import __version__
from crossarch.config import NetworkSettings, RunSettings
from crossarch.data import ImageSet, load_set
from crossarch.data.store import check_set, load_pt, load_tensors, save_tensors
from crossarch.digests import stage_digest
from crossarch.errors import DataError, TrainingError
from crossarch.files import write_text
from crossarch.models import build
from crossarch.training.ended import keep_ended, take_ended
from crossarch.training.memory import keep_freed_memory
from crossarch.training.slots import taking_device
from crossarch.training.state import alone, remove_states
from crossarch.training.stop import hearing_signals
from crossarch.training.trainer import Outcome, Progress, train


def train_run(
    settings: RunSettings,
    *,
    distilled: Path,
    test: Path,
    teacher: Path | None,
    folder: Path,
    state_root: Path,
    device: str = "auto",
    slots_per_gpu: int = 1,
    threads: int = 1,
    progress: Progress = lambda epoch, loss, accuracy: None,
) -> dict[str, Any]:
    """Train one run and write `last.safetensors`, `best.safetensors` and `metrics.json` to `folder`.

    `metrics.json` is written last: where it is, the run is whole. An interrupted run goes on from
    `state_root/<hash of settings, inputs and code>`; of two processes for the same run one trains and
    the other waits for its result. Returns the metrics. Raises DataError, TrainingError and Interrupted.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    inputs = {"distilled": distilled, "test": test} | ({"teacher": teacher} if teacher else {})
    digests = {name: sha256(path) for name, path in inputs.items()}
    record = state_root / _state_key(settings, digests)
    with alone(record, settings.run.path):
        if take_ended(record, folder):
            print(f"{settings.run.path}: had ended already ({record})", file=sys.stderr)
            return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
        with taking_device(device, slots_per_gpu) as chosen, hearing_signals() as stop:
            training_set, test_set = _load_sets(settings, distilled, test)
            try:
                outcome = train(
                    settings,
                    training_set,
                    test_set,
                    _load_teacher(settings, teacher),
                    device=chosen,
                    state_folder=record / "unfinished",
                    stop=stop,
                    progress=progress,
                )
            except torch.OutOfMemoryError:
                raise TrainingError(
                    f"{settings.run.path}: out of memory on {_device_name(chosen)}, slots_per_gpu "
                    f"{slots_per_gpu}: set it lower, or device: cpu, or take a GPU with more memory"
                ) from None
            metadata = {"run": settings.run.path, "digest": settings.digest}
            save_tensors(folder / "last.safetensors", outcome.last, metadata)
            save_tensors(folder / "best.safetensors", outcome.best, metadata)
            images = len(training_set.images)
            metrics = make_metrics(settings, outcome, chosen, threads, digests, images)
            write_text(folder / "metrics.json", json.dumps(metrics, indent=1) + "\n")
            keep_ended(record, folder)
            remove_states(record / "unfinished")
            return metrics


def make_metrics(
    settings: RunSettings,
    outcome: Outcome,
    device: torch.device,
    threads: int,
    inputs: dict[str, str],
    images: int,
) -> dict[str, Any]:
    """The contents of `metrics.json`: accuracies in percent, seconds, mebibytes, provenance."""
    history = outcome.history
    return {
        "run": settings.run.model_dump(),
        "settings": settings.model_dump(mode="json", exclude={"run"}),
        "digest": settings.digest,
        "accuracy": {
            "last": round(history.evaluations[-1]["accuracy"], 4),
            "best": round(history.best["accuracy"], 4),
        },
        "best_epoch": int(history.best["epoch"]),
        "evaluations": history.evaluations,
        "losses": history.losses,
        "seconds": {
            "training": round(history.seconds_training, 1),
            "evaluation": round(history.seconds_evaluation, 1),
        },
        "images_per_second": round(settings.epochs * images / history.seconds_training, 1),
        "peak_memory_mib": _peak_memory_mib(device),
        "device": _device_name(device),
        "threads": threads,
        "versions": {
            "crossarch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.system()} {platform.machine()}",
        "commit": _commit(),
        "inputs": inputs,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def load_network(settings: NetworkSettings, weights: Path) -> nn.Module:
    """The network of `settings` with weights from `.safetensors`, or from a `.pth` as the authors'.

    Raises DataError when the file is damaged or its tensors do not fit the network.
    """
    network = build(settings)
    needed = network.state_dict()
    if weights.suffix == ".safetensors":
        loaded: dict[str, Any] = load_tensors(weights, tuple(needed))
    else:
        content = load_pt(weights)
        loaded = content.get("state_dict", content) if isinstance(content, dict) else {}
    for name, tensor in needed.items():
        found = loaded.get(name)
        if not isinstance(found, Tensor):
            raise DataError(f"{weights}: has no tensor {name}, so it is not a {settings.arch}")
        if found.shape != tensor.shape:
            raise DataError(
                f"{weights}: {name}: found shape {tuple(found.shape)}, needed: {tuple(tensor.shape)}"
            )
    network.load_state_dict({name: loaded[name] for name in needed})
    return network


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _load_sets(settings: RunSettings, distilled: Path, test: Path) -> tuple[ImageSet, ImageSet]:
    training_set, test_set = load_set(distilled), load_set(test)
    network = settings.network
    for path, image_set in ((distilled, training_set), (test, test_set)):
        check_set(image_set, str(path), network.classes)
        expected = (network.channels, network.image_size, network.image_size)
        if tuple(image_set.images.shape[1:]) != expected:
            found = tuple(image_set.images.shape[1:])
            raise DataError(f"{path}: found images of shape {found}, needed: {expected}")
        if not image_set.images.is_floating_point():
            raise DataError(f"{path}: found images of {image_set.images.dtype}, needed: float32")
    return training_set, test_set


def _load_teacher(settings: RunSettings, weights: Path | None) -> nn.Module | None:
    if not settings.teacher_network:
        return None
    if weights is None:
        raise DataError(f"{settings.run.path}: the recipe distils, but no teacher was given")
    return load_network(settings.teacher_network, weights)


def _state_key(settings: RunSettings, inputs: dict[str, str]) -> str:
    text = settings.to_json() + json.dumps(inputs, sort_keys=True) + stage_digest("train")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _peak_memory_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kibibyte = 1 if platform.system() == "Darwin" else 1024  # macOS counts bytes, Linux KiB
    return round(peak * kibibyte / 2**20, 1)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _commit() -> str:
    """The commit of the checkout that runs, with `+` when it has changes; empty outside of git."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()
