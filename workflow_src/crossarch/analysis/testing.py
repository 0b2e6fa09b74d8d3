"""What the networks of finished runs answer on their test sets, from files to files."""

from pathlib import Path

import torch
from torch import Tensor

from crossarch.analysis.chosen import compared_spaces, originals_of, tested_spaces
from crossarch.analysis.finished import read_taught
from crossarch.analysis.job import Job
from crossarch.analysis.pairs import Pairs, Split, make_pairs, read_originals
from crossarch.analysis.predictions import (
    agreement,
    hit_rate,
    paired_hits,
    predictions,
    predictions_of_batches,
)
from crossarch.analysis.record import (
    AgreementRecord,
    PairedAccuracies,
    StandInRecord,
    StatisticsRecord,
    WhiteningRecord,
)
from crossarch.config.schema import Whitening
from crossarch.data.ensure import ensure_images, ensure_test_set, ensure_whitener
from crossarch.data.store import load_set
from crossarch.data.whitening import load_whitener
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
            path = ensure_test_set(job.configuration, job.layout, job.run.dataset, space)
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
    path = ensure_test_set(job.configuration, job.layout, job.run.dataset, student.settings.whitening)
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
    path = ensure_test_set(job.configuration, job.layout, job.run.dataset, finished.settings.whitening)
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


def measure_stand_in(job: Job) -> StandInRecord:
    """Test the final weights of the run on copies and on their originals.

    In the run's own space and in both ZCA spaces, each fitted as for the test set. Raises ConfigError
    for a data set that stands in for no other, DataError where the pairs cannot be made.
    """
    finished = job.finished
    own = finished.settings.whitening
    pairs, files = _pairs(job)
    network = finished.network("last")
    inputs = {"weights": finished.check_weights("last")}
    inputs |= {name: sha256_of(file) for name, file in files.items()}
    accuracies: dict[Whitening, PairedAccuracies] = {}
    with job.where.taken() as device:
        network = network.to(device)
        spaces = compared_spaces(own)
        for place, space in enumerate(spaces):
            job.progress("Pairs", place, len(spaces))
            fitted = ensure_whitener(job.configuration, job.layout, job.run.dataset, space)
            inputs[space] = sha256_of(fitted)
            whitener = load_whitener(fitted)
            first, second = (
                predictions(network, whitener(images).to(device)).cpu()
                for images in (pairs.originals, pairs.copies)
            )
            hits = paired_hits(first, second, pairs.labels)
            accuracies[space] = PairedAccuracies(
                original=round(hits.first, 4),
                copied=round(hits.second, 4),
                only_original=round(hits.only_first, 4),
                only_copied=round(hits.only_second, 4),
            )
        return StandInRecord(
            images=len(pairs.labels),
            own=own,
            originals=originals_of(job.configuration, job.run),
            split=pairs.split,
            accuracies=accuracies,
            seconds=job.seconds,
            **job.stamp(device, inputs),
        )


def _pairs(job: Job) -> tuple[Pairs, dict[str, Path]]:
    """Originals and copies for the data set of the run, and the files of both."""
    configuration, layout, run = job.configuration, job.layout, job.run
    original = configuration.distilled_from(run.dataset)
    if original == run.dataset:
        raise ConfigError(
            f"{run.path}: found data set {run.dataset}, allowed for stand_in: one that stands in for "
            "another (`stands_in_for` in datasets.yaml)"
        )
    train, test = ensure_images(configuration, layout, run.dataset)
    given = configuration.selection.stand_in.originals
    if given:
        files = {"originals": Path(given), "copies": train}
        originals = read_originals(files["originals"], configuration.dataset(run.dataset))
    else:
        files = {"originals": ensure_images(configuration, layout, original)[1], "copies": test}
        originals = load_set(files["originals"])
    split: Split = "train" if given else "test"
    copies = load_set(files["copies"])
    return make_pairs(originals, copies, split, str(files["originals"])), files
