"""What the networks of finished runs answer on their test sets, from files to files."""

import time

from torch import Tensor

from crossarch.analysis.finished import read_finished
from crossarch.analysis.predictions import agreement, predictions
from crossarch.analysis.record import AgreementRecord, WhiteningRecord, write_record
from crossarch.analysis.where import OnProgress, Where, silent
from crossarch.config import Configuration, RunId
from crossarch.config.schema import Whitening
from crossarch.config.sets import AUDITED
from crossarch.data.ensure import ensure_test_set
from crossarch.errors import ConfigError
from crossarch.files import sha256_of
from crossarch.layout import Layout
from crossarch.running.evaluation import accuracy
from crossarch.running.provenance import provenance


def measure_whitening(
    configuration: Configuration,
    layout: Layout,
    run: RunId,
    where: Where,
    progress: OnProgress = silent,
) -> WhiteningRecord:
    """Test the final weights of `run` in each pixel space, its own first, and write the record.

    The final weights and not the best: those were chosen by tests in one of the spaces.
    """
    started = time.perf_counter()
    finished = read_finished(layout, run)
    network = finished.network("last")
    own = finished.settings.whitening
    spaces: dict[Whitening, float] = {}
    inputs = {"weights": sha256_of(finished.weights("last"))}
    with where.taken() as device:
        network = network.to(device)
        chosen = list(dict.fromkeys([own, *AUDITED]))
        for place, space in enumerate(chosen):
            progress("Test sets", place, len(chosen))
            path = ensure_test_set(configuration, layout, run.dataset, space)
            inputs[space] = sha256_of(path)
            test = finished.load_set(path)
            percent = accuracy(network, test.images.to(device), test.labels.to(device))
            spaces[space] = round(percent, 4)
        record = WhiteningRecord(
            run=run,
            digest=finished.digest,
            images=len(test.images),
            own=own,
            recorded=finished.metrics["accuracy"]["last"],
            accuracies=spaces,
            seconds=round(time.perf_counter() - started, 1),
            provenance=provenance(device, where.threads, inputs),
        )
    write_record(record, layout.analysis_record("whitening", run))
    return record


def measure_agreement(
    configuration: Configuration,
    layout: Layout,
    run: RunId,
    where: Where,
    progress: OnProgress = silent,
) -> AgreementRecord:
    """Compare the student `run`'s answers on its test set with its teacher's, and write the record.

    The student has its final weights, the teacher those that it taught with. Raises ConfigError for a
    run without a teacher.
    """
    started = time.perf_counter()
    finished = read_finished(layout, run)
    distillation, teacher_run = finished.settings.distillation, finished.settings.teacher
    if distillation is None or teacher_run is None:
        raise ConfigError(
            f"{run.path}: found a run without a teacher, allowed for agreement: students, whose recipes "
            "have distillation (wo_dp, full ...)"
        )
    teacher = read_finished(layout, teacher_run)
    path = ensure_test_set(configuration, layout, run.dataset, finished.settings.whitening)
    inputs = {
        "weights": sha256_of(finished.weights("last")),
        "teacher": finished.check_input("teacher", teacher.weights(distillation.checkpoint)),
        "test": sha256_of(path),
    }
    test = finished.load_set(path)
    networks = (finished.network("last"), teacher.network(distillation.checkpoint))
    with where.taken() as device:
        images, answers = test.images.to(device), list[Tensor]()
        for place, network in enumerate(networks):
            progress("Networks", place, len(networks))
            answers.append(predictions(network.to(device), images).cpu())
        found = agreement(answers[0], answers[1], test.labels, finished.settings.network.classes)
        record = AgreementRecord(
            run=run,
            digest=finished.digest,
            images=len(test.images),
            teacher=teacher_run,
            teacher_checkpoint=distillation.checkpoint,
            agreement=round(found.agreement, 4),
            expected=round(found.expected, 4),
            both_right=round(found.both_right, 4),
            student_accuracy=round(found.first, 4),
            teacher_accuracy=round(found.second, 4),
            seconds=round(time.perf_counter() - started, 1),
            provenance=provenance(device, where.threads, inputs),
        )
    write_record(record, layout.analysis_record("agreement", run))
    return record
