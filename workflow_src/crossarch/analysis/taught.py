"""What teachers answer on the images that their students are trained on, from files to files."""

import time

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from crossarch.analysis.finished import read_finished
from crossarch.analysis.record import SoftnessRecord, write_record
from crossarch.analysis.where import OnProgress, Where, silent
from crossarch.config import Configuration, RunId
from crossarch.config.schema import Augmentation
from crossarch.data.ensure import ensure_training_set
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.running.evaluation import BATCH_SIZE, folded
from crossarch.running.provenance import provenance
from crossarch.training.augmentation import augment
from crossarch.training.losses import make_targets

DRAWS = 100  # of the augmentation


def measure_softness(
    configuration: Configuration,
    layout: Layout,
    run: RunId,
    where: Where,
    progress: OnProgress = silent,
) -> SoftnessRecord:
    """Tell how soft the targets are that the student `run` was given by its teacher, write the record.

    On its training images under its augmentation, at the temperature of its distillation. Raises
    ConfigError for a run without a teacher, DataError if files are not those that it was made from.
    """
    started = time.perf_counter()
    finished = read_finished(layout, run)
    distillation, teacher_run = finished.settings.distillation, finished.settings.teacher
    if distillation is None or teacher_run is None:
        raise ConfigError(
            f"{run.path}: found a run without a teacher, allowed for softness: students, whose recipes "
            "have distillation (wo_dp, full ...)"
        )
    teacher = read_finished(layout, teacher_run)
    path = ensure_training_set(configuration, layout, run)
    inputs = {
        "teacher": finished.check_input("teacher", teacher.weights(distillation.checkpoint)),
        "distilled": finished.check_input("distilled", path),
    }
    training_set = finished.load_set(path)
    network = teacher.network(distillation.checkpoint)
    with where.taken() as device:
        progress("Teacher", 0, 1)
        images = training_set.images.to(device)
        logits = augmented_logits(network.to(device), images, finished.settings.augmentation).cpu()
        taught = torch.softmax(logits / distillation.temperature, dim=1)
        labels = as_probabilities(
            make_targets(training_set.labels, finished.settings.labels), taught.shape[1]
        )
        right = taught.argmax(dim=1) == labels.argmax(dim=1).repeat(DRAWS)
        record = SoftnessRecord(
            run=run,
            digest=finished.digest,
            images=len(images),
            teacher=teacher_run,
            teacher_checkpoint=distillation.checkpoint,
            temperature=distillation.temperature,
            draws=DRAWS,
            entropy=round(mean_entropy(taught), 6),
            label_entropy=round(mean_entropy(labels), 6),
            likeliest=round(100 * float(taught.amax(dim=1).mean()), 4),
            right=round(100 * float(right.double().mean()), 4),
            student_accuracy=finished.metrics["accuracy"]["last"],
            teacher_accuracy=teacher.metrics["accuracy"][distillation.checkpoint],
            seconds=round(time.perf_counter() - started, 1),
            provenance=provenance(device, where.threads, inputs),
        )
    write_record(record, layout.analysis_record("softness", run))
    return record


@torch.inference_mode()
def augmented_logits(network: nn.Module, images: Tensor, settings: Augmentation) -> Tensor:
    """What a network in evaluation mode answers to `DRAWS` draws of augmented images (N, C, H, W).

    Logits (DRAWS * N, classes), draw by draw; the draws are the same for each network.
    """
    fast = folded(network)
    draws, values = Generator().manual_seed(0), Generator(images.device).manual_seed(1)
    return torch.cat(
        [
            fast(batch)
            for _ in range(DRAWS)
            for batch in augment(images, settings, draws, values).split(BATCH_SIZE)
        ]
    )


def mean_entropy(probabilities: Tensor) -> float:
    """The mean of -sum p ln p over probabilities (N, classes): 0 for hard ones, at most ln classes."""
    return float(torch.special.entr(probabilities.double()).sum(dim=1).mean())


def as_probabilities(targets: Tensor, classes: int) -> Tensor:
    """Class indices (N,) as probabilities (N, classes) of 0 and 1; what are such already, unchanged."""
    return F.one_hot(targets, classes).float() if targets.ndim == 1 else targets
