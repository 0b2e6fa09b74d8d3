"""What the networks of finished runs answer on their test sets, from files to files."""

import torch
from torch import Tensor

from crossarch.analysis.chosen import tested_spaces
from crossarch.analysis.finished import read_taught
from crossarch.analysis.job import Job
from crossarch.analysis.predictions import (
    agreement,
    hit_rate,
    predictions,
    predictions_of_batches,
)
from crossarch.analysis.record import (
    AgreementRecord,
    StatisticsRecord,
    WhiteningRecord,
)
from crossarch.config.schema import Whitening
from crossarch.errors import ConfigError
from crossarch.files import sha256_of
from crossarch.models.layers import BatchNorm
from crossarch.running.evaluation import accuracy

STATISTICS_OF = 100  # test images that make the statistics of a batch


def measure_whitening(job: Job) -> WhiteningRecord:
    """Test the final weights of the run in each pixel space, its own first.

    The final weights and not the best: those were chosen by tests in one of the spaces.
    """
    finished = job.finished
    network = finished.network("last")
    own = finished.settings.whitening
    spaces: dict[Whitening, float] = {}
    inputs = {"weights": finished.check_weights("last")}
    with job.where.taken() as device:
        network = network.to(device)
        chosen = tested_spaces(own)
        for place, space in enumerate(chosen):
            job.progress("Test sets", place, len(chosen))
            path = job.layout.test_set(job.run.dataset, space)
            inputs[space] = sha256_of(path)
            test = finished.load_set(path)
            images, labels = test.images.to(device), test.labels.to(device)
            spaces[space] = round(accuracy(network, images, labels, job.run.path), 4)
        return WhiteningRecord(
            images=len(test.images),
            own=own,
            recorded=finished.metrics["accuracy"]["last"],
            accuracies=spaces,
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )


def measure_agreement(job: Job) -> AgreementRecord:
    """Compare a student's answers on its test set with its teacher's.

    The student has its final weights, the teacher those that it taught with. Raises ConfigError for a
    run without a teacher.
    """
    taught = read_taught(job.layout, job.finished, "agreement")
    student = taught.student
    path = job.layout.test_set(job.run.dataset, student.settings.whitening)
    inputs = {
        "weights": student.check_weights("last"),
        "teacher": taught.check_teacher(),
        "test": sha256_of(path),
    }
    test = student.load_set(path)
    networks = (student.network("last"), taught.teacher_network())
    with job.where.taken() as device:
        images, answers = test.images.to(device), list[Tensor]()
        for place, network in enumerate(networks):
            job.progress("Networks", place, len(networks))
            answers.append(predictions(network.to(device), images).cpu())
        found = agreement(answers[0], answers[1], test.labels, student.settings.network.classes)
        return AgreementRecord(
            images=len(test.images),
            teacher=taught.teacher.run,
            teacher_checkpoint=taught.distillation.checkpoint,
            agreement=round(found.agreement, 4),
            expected=round(found.expected, 4),
            both_right=round(found.both_right, 4),
            student_accuracy=round(found.first, 4),
            teacher_accuracy=round(found.second, 4),
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )


def measure_statistics(job: Job) -> StatisticsRecord:
    """Test the final weights of the run with running and with batch statistics.

    Raises ConfigError for a network without batch norm.
    """
    finished = job.finished
    network = finished.network("last")
    if not any(isinstance(module, BatchNorm) for module in network.modules()):
        raise ConfigError(f"{job.run.path}: found no batch norm, which statistics needs")
    path = job.layout.test_set(job.run.dataset, finished.settings.whitening)
    test = finished.load_set(path)
    inputs = {"weights": finished.check_weights("last"), "test": sha256_of(path)}
    with job.where.taken() as device:
        network, images, labels = network.to(device), test.images.to(device), test.labels.to(device)
        job.progress("Statistics", 0, 2)
        running = accuracy(network, images, labels, job.run.path)
        job.progress("Statistics", 1, 2)
        # A test set may be sorted by class, and a batch of one class has statistics of its own.
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0)).to(device)
        hits = predictions_of_batches(network, images[order], STATISTICS_OF) == labels[order]
        return StatisticsRecord(
            images=len(test.images),
            own=finished.settings.whitening,
            recorded=finished.metrics["accuracy"]["last"],
            running=round(running, 4),
            batch=round(hit_rate(hits), 4),
            batch_size=STATISTICS_OF,
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )
