"""A training of ours as far as the authors' published teacher was trained, and how the two compare."""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossarch.analysis.job import Job
from crossarch.analysis.predictions import augmented_logits
from crossarch.analysis.record import Compared, ParameterNorms, TeacherRecord
from crossarch.analysis.taught import mean_entropy
from crossarch.config import Configuration, RunId, published_teacher
from crossarch.config.schema import Augmentation
from crossarch.data.store import load_pt
from crossarch.errors import ConfigError, DataError
from crossarch.fetch.ensure import ensure_download
from crossarch.files import sha256_of
from crossarch.models.folding import folded
from crossarch.training.augmentation import OPERATIONS
from crossarch.training.run import load_network
from crossarch.training.trainer import Training

DRAWS = 40  # of the augmentation, for each loss


def measure_teachers(job: Job) -> TeacherRecord:
    """Train the run again up to the epoch of the published teacher, compare the two.

    The weights of that epoch are not kept by a training; its settings are. Raises ConfigError for a run
    of which nothing is published, or that has a teacher itself; DataError for a file that tells no
    epoch, or one that is not within the run.
    """
    finished = job.finished
    settings, file = finished.settings, published_teacher(job.configuration, job.run)
    if file is None or settings.distillation is not None:
        raise ConfigError(
            f"{job.run.path}: found a run that the authors published no weights of, allowed for "
            "teachers: runs of a source's own network, without a teacher, on a set with `teacher` in "
            "sources.yaml"
        )
    published = ensure_download(job.configuration, job.layout, file)
    epoch = published_epoch(published, settings.epochs)
    theirs = load_network(settings.network, published)
    paths = {
        "distilled": job.layout.training_set(job.configuration, job.run.training_set, job.run.seed),
        "test": job.layout.test_set(job.run.dataset, settings.whitening),
    }
    training_set, test = (finished.load_set(path) for path in paths.values())
    inputs = {name: sha256_of(path) for name, path in {**paths, "published": published}.items()}
    with job.where.taken() as device:
        training = Training(settings, training_set, test, None, device)
        initial = training.weights()
        for done in range(epoch):
            job.progress("Epochs", done, epoch)
            training.train_epoch(done)
        training.check_losses()
        networks = (training.network, theirs.to(device))
        losses = [
            augmented_losses(network, training.images, training.targets, settings.augmentation)
            for network in networks
        ]
        temperature = distillation_temperature(job.configuration, job.run)
        entropies = [
            target_entropies(network, training.images, settings.augmentation, temperature)
            for network in (finished.network("best").to(device), networks[1])
        ]
        accuracies = [training.exact_test.accuracy(network, job.run.path) for network in networks]
        return TeacherRecord(
            images=len(test.images),
            epoch=epoch,
            teacher=file.url,
            parameters=compare_parameters(initial, training.weights(), theirs.cpu()),
            losses=tuple(_compared(*pair) for pair in zip(*losses, strict=True)),
            draws=DRAWS,
            accuracy=_compared(*accuracies),
            peak=int(finished.metrics["best_epoch"]),
            temperature=temperature,
            entropies=tuple(_compared(*pair) for pair in zip(*entropies, strict=True)),
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )


def published_epoch(file: Path, epochs: int) -> int:
    """How many epochs published weights were trained for: `epoch` of a `.pth` file.

    Raises DataError unless it is within 1 to `epochs`.
    """
    content = load_pt(file)
    found = content.get("epoch") if isinstance(content, dict) else None
    if not isinstance(found, int) or not 1 <= found <= epochs:
        raise DataError(f"{file}: epoch: found {found!r}, needed: 1 to {epochs}, the epochs of the run")
    return found


def distillation_temperature(configuration: Configuration, run: RunId) -> float:
    """The temperature of the first recipe that is distilled from the recipe of `run`; 1 if none is."""
    book = configuration.recipe_book
    for name in book.recipes:
        recipe = book.recipe(name, run.protocol, ipc=run.ipc, arch="", source=run.source)
        if recipe.distillation and recipe.distillation.recipe == run.recipe:
            return recipe.distillation.temperature
    return 1.0


def augmented_losses(
    network: nn.Module, images: Tensor, targets: Tensor, settings: Augmentation
) -> list[float]:
    """Cross-entropy of `images` (N, C, H, W) after 0, 1 ... all operations of augmentation.

    In evaluation mode. `targets` are indices (N,) int64 or probabilities (N, classes).
    """
    return _means_by_folds(
        network, images, settings, lambda logits: float(F.cross_entropy(logits, targets))
    )


def target_entropies(
    network: nn.Module, images: Tensor, settings: Augmentation, temperature: float
) -> list[float]:
    """Entropy (nats) of a teacher's targets on `images` (N, C, H, W) after 0, 1 ... all operations."""
    return _means_by_folds(
        network,
        images,
        settings,
        lambda logits: mean_entropy(torch.softmax(logits.cpu() / temperature, dim=1)),
    )


@torch.inference_mode()
def _means_by_folds(
    network: nn.Module, images: Tensor, settings: Augmentation, measure: Callable[[Tensor], float]
) -> list[float]:
    """What is measured of logits after 0, 1 ... all operations of augmentation.

    Each is the mean over `DRAWS` draws from the same seed, whatever the network; that of no operation
    needs one.
    """
    fast, means = folded(network), []
    for folds in range(len(OPERATIONS) + 1):
        chosen = settings.model_copy(update={"folds": folds})
        answers = augmented_logits(fast, images, chosen, DRAWS if folds else 1, values_seed=0)
        means.append(fmean(map(measure, answers)))
    return means


def compare_parameters(
    initial: dict[str, Tensor], ours: dict[str, Tensor], published: nn.Module
) -> dict[str, ParameterNorms]:
    """Norms and largest entries of each trained parameter by name; no buffers."""
    return {
        name: ParameterNorms(
            initial=_rounded(float(initial[name].norm())),
            ours=_rounded(float(ours[name].norm())),
            published=_rounded(float(theirs.detach().norm())),
            largest=_compared(float(ours[name].abs().max()), float(theirs.detach().abs().max())),
        )
        for name, theirs in published.named_parameters()
    }


def _compared(ours: float, published: float) -> Compared:
    return Compared(ours=_rounded(ours), published=_rounded(published))


def _rounded(value: float) -> float:
    """Six significant digits."""
    return float(f"{value:.6g}")
