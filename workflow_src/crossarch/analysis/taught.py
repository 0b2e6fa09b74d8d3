"""What teachers answer on the images that their students are trained on, from files to files."""

import torch
import torch.nn.functional as F
from torch import Tensor

from crossarch.analysis.finished import read_taught
from crossarch.analysis.job import Job
from crossarch.analysis.predictions import augmented_logits
from crossarch.analysis.record import SoftnessRecord
from crossarch.models.folding import folded
from crossarch.training.losses import make_targets

DRAWS = 100  # of the augmentation


def measure_softness(job: Job) -> SoftnessRecord:
    """Tell how soft the targets are that a student was given by its teacher.

    On its training images under its augmentation, at the temperature of its distillation. Raises
    ConfigError for a run without a teacher, DataError if files are not those that it was made from.
    """
    taught = read_taught(job.layout, job.finished, "softness")
    student, distillation = taught.student, taught.distillation
    path = job.layout.training_set(job.configuration, job.run.training_set, job.run.seed)
    inputs = {"teacher": taught.check_teacher(), "distilled": student.check_input("distilled", path)}
    training_set, network = student.load_set(path), taught.teacher_network()
    with job.where.taken() as device:
        job.progress("Teacher", 0, 1)
        images = training_set.images.to(device)
        fast = folded(network.to(device))
        answers = augmented_logits(fast, images, student.settings.augmentation, DRAWS, values_seed=1)
        targets = torch.softmax(torch.cat(list(answers)).cpu() / distillation.temperature, dim=1)
        labels = as_probabilities(
            make_targets(training_set.labels, student.settings.labels), targets.shape[1]
        )
        right = targets.argmax(dim=1) == labels.argmax(dim=1).repeat(DRAWS)
        return SoftnessRecord(
            images=len(images),
            teacher=taught.teacher.run,
            teacher_checkpoint=distillation.checkpoint,
            temperature=distillation.temperature,
            draws=DRAWS,
            entropy=round(mean_entropy(targets), 6),
            label_entropy=round(mean_entropy(labels), 6),
            likeliest=round(100 * float(targets.amax(dim=1).mean()), 4),
            right=round(100 * float(right.double().mean()), 4),
            student_accuracy=student.metrics["accuracy"]["last"],
            teacher_accuracy=taught.teacher.metrics["accuracy"][distillation.checkpoint],
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )


def mean_entropy(probabilities: Tensor) -> float:
    """The mean of -sum p ln p over probabilities (N, classes): 0 for hard ones, at most ln classes."""
    return float(torch.special.entr(probabilities.double()).sum(dim=1).mean())


def as_probabilities(targets: Tensor, classes: int) -> Tensor:
    """Class indices (N,) as probabilities (N, classes) of 0 and 1; what are such already, unchanged."""
    return F.one_hot(targets, classes).float() if targets.ndim == 1 else targets
