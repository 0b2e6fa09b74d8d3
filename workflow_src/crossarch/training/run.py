"""One run from files to files: prepared sets in, weights and metrics out."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from crossarch.config import NetworkSettings, RunSettings
from crossarch.data import ImageSet
from crossarch.data.store import (
    load_fitting,
    load_pt,
    load_tensors,
    load_test_set,
    save_tensors,
)
from crossarch.errors import DataError, warn
from crossarch.files import mapping_at, read_mapping, write_text
from crossarch.models import build, describe, gflop_an_epoch, gflop_an_evaluation
from crossarch.running.progress import OnProgress
from crossarch.running.provenance import provenance
from crossarch.running.state import state_key
from crossarch.running.stop import StopRequest
from crossarch.running.task import Task, digests_of, run_once
from crossarch.training.trainer import Outcome, train

OUTPUTS = ("last.safetensors", "best.safetensors", "metrics.json")  # in the order they are written


@dataclass(frozen=True)
class Images:
    """How many images a run was trained on and tested on."""

    training: int
    test: int


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
    progress: OnProgress = lambda epoch, loss, accuracy: None,
) -> dict[str, Any]:
    """Train one run and write `last.safetensors`, `best.safetensors` and `metrics.json` to `folder`.

    `metrics.json` is written last: where it is, the run is whole. An interrupted run goes on from
    `state_root/<hash of settings, inputs and code>`; of two processes for the same run one trains and
    the other waits for its result. Returns the metrics. Raises DataError, also where the teacher's
    weights are not those of the metrics beside them, TrainingError and Interrupted.
    """
    inputs = {"distilled": distilled, "test": test} | ({"teacher": teacher} if teacher else {})
    digests = digests_of(inputs)
    if teacher:
        _check_teacher(teacher, digests["teacher"])
    last, best, record = outputs = tuple(folder / name for name in OUTPUTS)
    task = Task(
        name=settings.run.path,
        verb="trained",
        unit="epoch",
        states=state_root / state_key(settings, digests, "train"),
        outputs=outputs,
        hint=f"a lower slots_per_gpu (now {slots_per_gpu}), device: cpu, a GPU with more memory",
    )

    def do(chosen: torch.device, stop: StopRequest) -> dict[str, Any]:
        training_set, test_set = _load_sets(settings, distilled, test)
        _count_work(settings)
        outcome = train(
            settings,
            training_set,
            test_set,
            _load_teacher(settings, teacher),
            device=chosen,
            state_folder=task.unfinished,
            stop=stop,
            progress=progress,
        )
        metadata = {"run": settings.run.path, "digest": settings.digest}
        record.unlink(missing_ok=True)  # of an earlier training: it would speak of other weights
        save_tensors(last, outcome.last, metadata)
        save_tensors(best, outcome.best, metadata)
        images = Images(len(training_set.images), len(test_set.images))
        weights = digests_of({path.name: path for path in (last, best)})
        metrics = make_metrics(settings, outcome, chosen, threads, digests, weights, images)
        write_text(record, json.dumps(metrics, indent=1) + "\n")
        return metrics

    return run_once(task, do, device=device, slots_per_gpu=slots_per_gpu, threads=threads)


def make_metrics(
    settings: RunSettings,
    outcome: Outcome,
    device: torch.device,
    threads: int,
    inputs: dict[str, str],
    weights: dict[str, str],
    images: Images,
) -> dict[str, Any]:
    """The contents of `metrics.json`: accuracies in percent, seconds, mebibytes, provenance.

    `inputs` are the SHA-256 of what was read, by what it was used as, `weights` those of the files that
    were written, by name.
    `gflop_per_second` counts the nominal work of networks (`crossarch.models.describe`) over all that
    took time: augmentation, loss and optimiser, too. It is None where that cannot be counted.
    """
    history = outcome.history
    trained = settings.epochs * images.training
    an_epoch = gflop_an_epoch(settings, images.training)
    a_test = gflop_an_evaluation(settings, images.test)
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
        "images": asdict(images),
        "images_per_second": round(trained / history.seconds_training, 1),
        "gflop_per_second": {
            "training": _speed(settings.epochs, an_epoch, history.seconds_training),
            "evaluation": _speed(len(history.evaluations), a_test, history.seconds_evaluation),
        },
        "weights": weights,
        **provenance(device, threads, inputs),
    }


def _speed(times: int, gflop: float | None, seconds: float) -> float | None:
    """GFLOP a second of what was done so many times, as `metrics.json` has it."""
    return None if gflop is None else round(times * gflop / seconds, 2)


def check_weights(weights: Path, found: str, metrics: Mapping[str, Any]) -> None:
    """Raise DataError unless `found`, the SHA-256 of a run's `weights`, is the one in its `metrics`.

    Metrics that tell none of that file, as older ones do, agree with every file.
    """
    expected = mapping_at(metrics, "weights").get(weights.name, found)
    if found != expected:
        raise DataError(
            f"{weights}: found SHA-256 {found}, but {weights.with_name(OUTPUTS[-1])} has {expected}: it "
            "is damaged, or of another training"
        )


def load_network(settings: NetworkSettings, weights: Path) -> nn.Module:
    """The network of `settings` with weights from `.safetensors`, or from a file of PyTorch.

    That is a `state_dict`, or a dict with one under `state_dict`, `model` or `net`; its names may begin
    with `module.` or `_orig_mod.`, as DataParallel and torch.compile have them. Tensors are converted to
    float32. Shortcuts that only DropPath needs may be left over. Raises DataError when the file is
    damaged or its tensors do not fit the network: one is missing or has another shape, or statistics of
    a batch norm are left over, for the same names are then those of another norm.
    """
    network = build(settings)
    needed = network.state_dict()
    loaded = _read_weights(weights)
    for name, tensor in needed.items():
        found = loaded.get(name)
        if found is None:
            missing = [each for each in needed if each not in loaded]
            other = [each for each in loaded if each not in needed]
            raise DataError(
                f"{weights}: found no tensor {_some(missing)}, which {settings.arch} has"
                + (f"; found instead {_some(other)}" if other else "")
            )
        if found.shape != tensor.shape:
            raise DataError(
                f"{weights}: {name}: found shape {tuple(found.shape)}, needed: {tuple(tensor.shape)}"
            )
    layers = {name.rpartition(".")[0] for name in needed}
    surplus = {f"{layer}.running_mean" for layer in layers} & set(loaded) - set(needed)
    if surplus:
        raise DataError(
            f"{weights}: found statistics of a batch norm ({min(surplus)}), needed: weights of a "
            f"network with {settings.norm} norm, as the source has it"
        )
    network.load_state_dict({name: loaded[name] for name in needed})
    return network


WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before the names of tensors."""


def _read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a file of weights by their names in the network; DataError if it has none."""
    if file.suffix == ".safetensors":
        content: Any = load_tensors(file)
    else:
        content = load_pt(file)
    found = content
    for key in ("state_dict", "model", "net"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            found = content[key]
            break
    tensors = found if isinstance(found, Mapping) else {}
    named = {
        _unwrapped(name): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    if not named:
        held = ", ".join(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise DataError(
            f"{file}: found {held or 'nothing'}, expected a state_dict, or one under state_dict, model "
            "or net"
        )
    return named


def _unwrapped(name: str) -> str:
    """The name of a tensor without what wrappers of a network put before it."""
    while wrapper := next((each for each in WRAPPERS if name.startswith(each)), None):
        name = name.removeprefix(wrapper)
    return name


def _some(names: Iterable[str]) -> str:
    """The first six names."""
    listed = list(names)
    return ", ".join(listed[:6]) + (f" and {len(listed) - 6} more" if len(listed) > 6 else "")


def _load_sets(settings: RunSettings, distilled: Path, test: Path) -> tuple[ImageSet, ImageSet]:
    """What a run is trained on and tested on, which may be any files where it is trained by hand.

    Raises DataError for labels of another kind, and for a test set that tells another whitening.
    """
    network = settings.network
    training_set = load_fitting(distilled, network.classes, network.image_shape, torch.float32)
    kind = "soft" if training_set.labels.is_floating_point() else "hard"
    if kind != settings.labels.kind:
        raise DataError(
            f"{distilled}: found {kind} labels, needed: {settings.labels.kind}; prepare the set again"
        )
    test_set = load_test_set(test, network.classes, network.image_shape, settings.whitening)
    return training_set, test_set


def _count_work(settings: RunSettings) -> None:
    """Count the work of a run's networks, which is kept for its metrics, and tell where that fails."""
    for network in (settings.network, settings.teacher_network):
        if network and (uncounted := describe(network).uncounted):
            warn(f"{uncounted}; its speed is null in {OUTPUTS[-1]}")


def _check_teacher(weights: Path, found: str) -> None:
    """Hold a teacher's weights against the metrics beside them, where there are such."""
    metrics = weights.with_name(OUTPUTS[-1])
    if metrics.is_file():
        check_weights(weights, found, read_mapping(metrics))


def _load_teacher(settings: RunSettings, weights: Path | None) -> nn.Module | None:
    if not settings.teacher_network:
        return None
    if weights is None:
        raise DataError(f"{settings.run.path}: the recipe distils, but no teacher was given")
    return load_network(settings.teacher_network, weights)
