"""Analyses of a finished run, from files to files, on trainings of a second."""

import csv
import functools
import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from crossarch.analysis.job import Job
from crossarch.analysis.measure import measure
from crossarch.analysis.record import (
    AgreementRecord,
    CurvatureRecord,
    SoftnessRecord,
    StatisticsRecord,
    TeacherRecord,
    WhiteningRecord,
    read_record,
    write_record,
)
from crossarch.analysis.summary import write_findings
from crossarch.analysis.taught import as_probabilities, mean_entropy
from crossarch.analysis.where import OnTask, Where
from crossarch.config import Configuration, RunId
from crossarch.config.sets import AUDITED
from crossarch.data.store import load_metadata, load_set, load_tensors, save_tensors
from crossarch.errors import ConfigError, CrossarchError, DataError
from crossarch.files import read_mapping, sha256_of
from crossarch.layout import Layout
from crossarch.models import build
from crossarch.running.evaluation import accuracy
from crossarch.training.augmentation import augment
from crossarch.training.run import load_network
from crossarch.training.trainer import train

CPU = Where(device="cpu")


def made_by(
    analysis: str, configuration: Configuration, layout: Layout, run: RunId, *progress: OnTask
) -> Any:
    """The record that an analysis makes of a run on the CPU, and writes."""
    return measure(analysis, Job(configuration, layout, run, CPU, *progress))


def test_what_every_record_says(bench: Any) -> None:
    job = Job(bench.configuration, bench.layout, bench.teacher, replace(CPU, threads=2), started=0.0)
    said = job.stamp(torch.device("cpu"), {"weights": "abc"}, solver={"scipy": "1"})
    metrics = json.loads(bench.layout.run_metrics(bench.teacher).read_text())
    assert (said["run"], said["digest"]) == (bench.teacher, metrics["digest"])
    told = said["provenance"]
    assert (told["device"], told["threads"]) == ("cpu", 2)
    assert (told["inputs"], told["solver"]) == ({"weights": "abc"}, {"scipy": "1"})
    before = time.perf_counter()
    assert before - 0.1 <= job.seconds <= time.perf_counter() + 0.1  # begun at 0, to a tenth
    missing = replace(job, run=bench.teacher.model_copy(update={"seed": 9}))
    assert "train the run first" in complaint(lambda: missing.finished)


def without_checksums(record: Path) -> None:
    """Make the record of a run one of before there were checksums of its weights."""
    metrics = json.loads(record.read_text())
    assert metrics.pop("weights")
    record.write_text(json.dumps(metrics))


def test_curvature(bench: Any) -> None:
    told: list[tuple[str, int, int | None]] = []
    made = made_by(
        "curvature", bench.configuration, bench.layout, bench.teacher, lambda *news: told.append(news)
    )
    record = read_record(CurvatureRecord, bench.layout.analysis_record("curvature", bench.teacher))
    assert record == made
    # the loss by hand: soft targets with the temperature of CIFAR-10, batch norms in evaluation mode
    network = load_network(
        bench.settings(bench.teacher).network,
        bench.layout.run(bench.teacher) / "last.safetensors",
    ).eval()
    training = load_set(bench.layout.distilled("frepo", "cifar10", 1))
    logits = network(training.images)
    loss = F.cross_entropy(logits, torch.softmax(training.labels / 0.3, 1))
    assert record.loss == pytest.approx(loss.item(), rel=1e-5)
    assert record.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert record.images == 6
    assert len(record.eigenvalues) == len(record.residuals) == 3
    magnitudes = np.abs(record.eigenvalues)
    assert (np.diff(magnitudes) <= 0).all()
    assert (np.array(record.residuals) < 0.02 * magnitudes).all()
    assert record.provenance["inputs"].keys() == {"weights", "distilled"}
    assert record.provenance["solver"].keys() == {"scipy", "curvlinops-for-pytorch"}
    assert told[-1] == ("Landscape", 9, 9)
    assert ("Hessian-vector products", record.products, None) in told
    rows = list(csv.DictReader(bench.layout.landscape(bench.teacher).open()))
    middle = [row for row in rows if (float(row["alpha1"]), float(row["alpha2"])) == (0, 0)]
    assert len(rows) == 9
    assert [float(row["loss"]) for row in middle] == [pytest.approx(record.loss, rel=1e-5)]


def test_the_same_numbers_each_time(bench: Any) -> None:
    first = made_by("curvature", bench.configuration, bench.layout, bench.teacher)
    landscape = bench.layout.landscape(bench.teacher).read_bytes()
    second = made_by("curvature", bench.configuration, bench.layout, bench.teacher)
    assert second.eigenvalues == first.eigenvalues
    assert second.residuals == first.residuals
    assert bench.layout.landscape(bench.teacher).read_bytes() == landscape


def test_whitening(bench: Any) -> None:
    made = made_by("whitening", bench.configuration, bench.layout, bench.teacher)
    record = read_record(WhiteningRecord, bench.layout.analysis_record("whitening", bench.teacher))
    assert record == made
    assert (record.own, record.images, set(record.accuracies)) == ("zca-frepo", 30, set(AUDITED))
    assert next(iter(record.accuracies)) == "zca-frepo"
    metrics = json.loads(bench.layout.run_metrics(bench.teacher).read_text())
    assert record.recorded == metrics["accuracy"]["last"]
    assert record.accuracies["zca-frepo"] == pytest.approx(record.recorded, abs=1e-3)
    network = load_network(
        bench.settings(bench.teacher).network, bench.layout.run(bench.teacher) / "last.safetensors"
    )
    test = load_set(bench.layout.test_set("cifar10", "none"))
    again = accuracy(network, test.images, test.labels)
    assert record.accuracies["none"] == pytest.approx(again, abs=1e-3)


def test_agreement(taught: Any) -> None:
    made = made_by("agreement", taught.configuration, taught.layout, taught.student)
    record = read_record(AgreementRecord, taught.layout.analysis_record("agreement", taught.student))
    assert record == made
    assert (record.teacher, record.teacher_checkpoint) == (taught.teacher, "best")
    test = load_set(taught.layout.test_set("cifar10", "zca-frepo"))
    answers = []
    for run, checkpoint in ((taught.student, "last"), (taught.teacher, "best")):
        weights = taught.layout.run(run) / f"{checkpoint}.safetensors"
        network = load_network(taught.settings(run).network, weights).eval()
        answers.append(network(test.images).argmax(1))
    assert record.agreement == pytest.approx(
        100 * (answers[0] == answers[1]).double().mean().item(), abs=1e-3
    )
    metrics = json.loads(taught.layout.run_metrics(taught.student).read_text())
    assert record.student_accuracy == pytest.approx(metrics["accuracy"]["last"], abs=1e-3)
    with pytest.raises(ConfigError, match=r"found a run without a teacher, allowed for agreement"):
        made_by("agreement", taught.configuration, taught.layout, taught.teacher)


@pytest.mark.parametrize(
    "probabilities", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3] * 3, [0.7, 0.2, 0.1]]
)
def test_entropy_in_nats(probabilities: list[float]) -> None:
    expected = -sum(p * math.log(p) for p in probabilities if p)
    both = torch.tensor([probabilities, [1.0, 0.0, 0.0]])
    assert mean_entropy(both) == pytest.approx(expected / 2, abs=1e-6)


def test_softness(taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossarch.analysis.taught.DRAWS", 3)
    made = made_by("softness", taught.configuration, taught.layout, taught.student)
    record = read_record(SoftnessRecord, taught.layout.analysis_record("softness", taught.student))
    assert record == made
    assert (record.teacher, record.teacher_checkpoint) == (taught.teacher, "best")
    assert (record.images, record.draws) == (6, 3)
    settings = taught.settings(taught.student)
    training = load_set(taught.layout.distilled("frepo", "cifar10", 1))
    weights = taught.layout.run(taught.teacher) / "best.safetensors"
    network = load_network(taught.settings(taught.teacher).network, weights).eval()
    draws, values = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    entropies, largest, right = [], [], []
    for _ in range(3):
        answers = network(augment(training.images, settings.augmentation, draws, values)).detach()
        for logits, label in zip(answers.double() / record.temperature, training.labels, strict=True):
            p = [math.exp(x) / sum(map(math.exp, logits.tolist())) for x in logits.tolist()]
            entropies.append(-sum(x * math.log(x) for x in p))
            largest.append(100 * max(p))
            right.append(100 * (p.index(max(p)) == int(label.argmax())))
    assert record.temperature == 1.5
    assert record.entropy == pytest.approx(np.mean(entropies), abs=1e-4)
    assert record.likeliest == pytest.approx(np.mean(largest), abs=1e-2)
    assert record.right == pytest.approx(np.mean(right), abs=1e-3)
    soft = np.exp([0.5 / 0.3, 0.0, 0.0]) / np.exp([0.5 / 0.3, 0.0, 0.0]).sum()  # labels of 0.5 at 0.3
    assert record.label_entropy == pytest.approx(-(soft * np.log(soft)).sum(), abs=1e-5)
    metrics = {
        run: json.loads(taught.layout.run_metrics(run).read_text())["accuracy"]
        for run in (taught.student, taught.teacher)
    }
    assert record.student_accuracy == metrics[taught.student]["last"]
    assert record.teacher_accuracy == metrics[taught.teacher]["best"]
    with pytest.raises(ConfigError, match=r"found a run without a teacher, allowed for softness"):
        made_by("softness", taught.configuration, taught.layout, taught.teacher)


def test_intervals_are_explained_where_there_are_any(taught: Any) -> None:
    made_by("softness", taught.configuration, taught.layout, taught.student)
    _, told = write_findings(taught.configuration, taught.layout, "softness", [taught.student])
    assert told.startswith("Of 1 cell, the teacher")
    assert "intervals" not in told
    both = [taught.teacher, taught.student]
    _, told = write_findings(taught.configuration, taught.layout, "selection", both)
    assert "on average over 2 runs above" in told
    assert "intervals" not in told
    third = taught.student.model_copy(update={"seed": 1})
    shutil.copytree(taught.layout.run(taught.student), taught.layout.run(third))
    metrics = json.loads(taught.layout.run_metrics(third).read_text())
    metrics["run"]["seed"] = 1
    taught.layout.run_metrics(third).write_text(json.dumps(metrics))
    _, told = write_findings(taught.configuration, taught.layout, "selection", [*both, third])
    assert "on average over 3 runs (" in told
    assert "In brackets: 95% intervals of the mean" in told


def test_softness_of_another_teacher_is_refused(taught: Any) -> None:
    folder = taught.layout.run(taught.teacher)
    without_checksums(folder / "metrics.json")
    (folder / "best.safetensors").write_bytes((folder / "best.safetensors").read_bytes() + b" ")
    with pytest.raises(DataError, match=r"best\.safetensors: found SHA-256 \w+, but .* was made from"):
        made_by("softness", taught.configuration, taught.layout, taught.student)
    assert not taught.layout.analysis_record("softness", taught.student).exists()


def test_hard_labels_have_no_entropy() -> None:
    hard = as_probabilities(torch.tensor([2, 0]), 3)
    assert hard.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert mean_entropy(hard) == 0.0


def test_statistics(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossarch.analysis.testing.STATISTICS_OF", 7)
    made = made_by("statistics", bench.configuration, bench.layout, bench.teacher)
    record = read_record(StatisticsRecord, bench.layout.analysis_record("statistics", bench.teacher))
    assert record == made
    assert (record.own, record.images, record.batch_size) == ("zca-frepo", 30, 7)
    metrics = json.loads(bench.layout.run_metrics(bench.teacher).read_text())
    assert record.recorded == metrics["accuracy"]["last"]
    assert record.running == pytest.approx(record.recorded, abs=1e-3)
    # by hand: this network has nothing but batch norms that knows of training
    weights = bench.layout.run(bench.teacher) / "last.safetensors"
    network = load_network(bench.settings(bench.teacher).network, weights).train()
    path = bench.layout.test_set("cifar10", "zca-frepo")
    test = load_set(path)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    hits = 0
    for places in order.view(5, 6):  # at most 7 each, as equally many as can be
        hits += int((network(test.images[places]).argmax(1) == test.labels[places]).sum())
    assert record.batch == pytest.approx(100 * hits / 30, abs=1e-3)
    assert record.provenance["inputs"] == {"weights": sha256_of(weights), "test": sha256_of(path)}


def test_no_statistics_without_batch_norm(bench: Any) -> None:
    file = bench.layout.run_metrics(bench.teacher)
    metrics = json.loads(file.read_text())
    metrics["settings"]["network"]["norm"] = "instance"
    file.write_text(json.dumps(metrics))
    without_checksums(file)
    settings = bench.settings(bench.teacher).network.model_copy(update={"norm": "instance"})
    weights = bench.layout.run(bench.teacher) / "last.safetensors"
    save_file(build(settings).state_dict(), weights, {"digest": metrics["digest"]})
    said = complaint(
        lambda: made_by("statistics", bench.configuration, bench.layout, bench.teacher), ConfigError
    )
    assert said == f"{bench.teacher.path}: found no batch norm, which statistics needs"


def complaint(action: Callable[[], object], kind: type[CrossarchError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("analysis", ["curvature", "whitening", "statistics"])
def test_weights_that_are_not_those_of_the_record_are_not_measured(bench: Any, analysis: str) -> None:
    """The other file is of the same settings, so that nothing in it tells them apart."""
    record = bench.layout.run_metrics(bench.teacher)
    last = record.with_name("last.safetensors")
    recorded = sha256_of(last)
    names = tuple(load_network(bench.settings(bench.teacher).network, last).state_dict())
    other = {name: tensor + 1 for name, tensor in load_tensors(last, names).items()}
    save_tensors(last, other, load_metadata(last))

    def measured() -> object:
        return made_by(analysis, bench.configuration, bench.layout, bench.teacher)

    assert complaint(measured) == (
        f"{last}: found SHA-256 {sha256_of(last)}, but {record} has {recorded}: it is damaged, or of "
        "another training"
    )
    without_checksums(record)
    measured()


def test_weights_that_are_not_those_of_the_teacher_s_record_are_not_compared(taught: Any) -> None:
    best = taught.layout.run(taught.teacher) / "best.safetensors"
    best.write_bytes(best.read_bytes() + b" ")
    for analysis in ("agreement", "softness"):
        said = complaint(
            functools.partial(made_by, analysis, taught.configuration, taught.layout, taught.student)
        )
        assert said.startswith(f"{best}: found SHA-256 ")
        assert said.endswith(": it is damaged, or of another training")


def test_mistakes_are_one_line(bench: Any) -> None:
    layout, configuration = bench.layout, bench.configuration

    def curvature() -> object:
        return made_by("curvature", configuration, layout, bench.teacher)

    def whitening() -> object:
        return made_by("whitening", configuration, layout, bench.teacher)

    missing = bench.teacher.model_copy(update={"seed": 9})
    said = complaint(lambda: made_by("whitening", configuration, layout, missing))
    assert said.endswith(f"train the run first: crossarch train {missing.path}")

    without_checksums(layout.run_metrics(bench.teacher))
    last, best = (layout.run(bench.teacher) / f"{name}.safetensors" for name in ("last", "best"))
    kept = last.read_bytes()
    last.write_bytes(best.read_bytes()[:100])
    assert "is not a whole safetensors file" in complaint(curvature)
    last.unlink()
    for make in (curvature, whitening):
        said = complaint(make)
        assert said == f"{last}: no such file; train the run: crossarch train {bench.teacher.path}"
    last.write_bytes(kept)
    names = tuple(load_network(bench.settings(bench.teacher).network, last).state_dict())
    save_tensors(last, load_tensors(last, names), {"digest": "fedcba9876543210"})
    assert "the two are not of one training" in complaint(curvature)
    last.write_bytes(kept)

    path = layout.distilled("frepo", "cifar10", 1)
    training = load_set(path)
    save_tensors(path, {"images": training.images + 1, "labels": training.labels}, {})
    assert "make the file again, or the run" in complaint(curvature)


def test_more_eigenvalues_than_parameters(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(eigenvalues=100_000_000)
    said = complaint(
        lambda: made_by("curvature", bench.configuration, bench.layout, bench.teacher), ConfigError
    )
    assert said.startswith("curvature.eigenvalues: found 100000000, allowed: less than the ")


def test_records_come_back_and_broken_ones_are_named(tmp_path: Path, taught: Any) -> None:
    record = made_by("agreement", taught.configuration, taught.layout, taught.student)
    file = tmp_path / "seed0.json"
    write_record(record, file)
    assert read_record(AgreementRecord, file) == record
    said = complaint(lambda: read_record(CurvatureRecord, file))
    assert said.startswith(f"{file}: settings: found nothing")
    assert complaint(lambda: read_record(AgreementRecord, tmp_path / "no.json")).endswith(
        "no.json: no such file"
    )


# --- teachers ----------------------------------------------------------------------------------------


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Path]:
    """Puts what is given in the place of the published teacher: a file that no checksum is known of."""
    file = tmp_path / "checkpoint_best.pth"
    monkeypatch.setattr("crossarch.analysis.retrace.ensure_file", lambda *_: file)

    def put(content: Any) -> Path:
        torch.save(content, file)
        return file

    return put


def trained_for(bench: Any, epochs: int, seed: int) -> dict[str, torch.Tensor]:
    """The weights of the bench's teacher after some epochs, by a training that ends there."""
    settings = bench.settings(bench.teacher)
    run = bench.teacher.model_copy(update={"seed": seed})
    settings = settings.model_copy(update={"run": run, "epochs": epochs})
    training = load_set(bench.layout.distilled("frepo", "cifar10", 1))
    test = load_set(bench.layout.test_set("cifar10", "zca-frepo"))
    return train(settings, training, test, device=torch.device("cpu")).last


def test_our_own_training_is_retraced_exactly(bench: Any, publish: Any) -> None:
    weights = trained_for(bench, epochs=3, seed=0)
    file = publish({"state_dict": weights, "epoch": 3})
    told: list[tuple[str, int, int | None]] = []
    made = made_by(
        "teachers", bench.configuration, bench.layout, bench.teacher, lambda *news: told.append(news)
    )
    record = read_record(TeacherRecord, bench.layout.analysis_record("teachers", bench.teacher))
    assert record == made
    assert (record.epoch, record.images, record.checkpoint, len(record.losses)) == (3, 30, "epoch", 7)
    assert record.teacher.endswith("/snapshots/cifar10_1_frepo_convnet/checkpoint_best.pth")
    assert told == [("Epochs", done, 3) for done in range(3)]
    for norms in record.parameters.values():
        assert norms.ours == norms.published
        assert norms.largest.ours == norms.largest.published
    assert all(loss.ours == loss.published for loss in record.losses)
    assert record.accuracy.ours == record.accuracy.published
    # by hand: norms of parameters and of no buffer, the loss on soft targets, hits
    network = load_network(bench.settings(bench.teacher).network, file).eval()
    assert record.parameters.keys() == dict(network.named_parameters()).keys()
    for name, parameter in network.named_parameters():
        length, largest = parameter.square().sum().sqrt().item(), parameter.abs().max().item()
        assert record.parameters[name].ours == pytest.approx(length, rel=1e-5)
        assert record.parameters[name].largest.ours == pytest.approx(largest, rel=1e-5)
    assert record.parameters["features.1.weight"].initial == 2.0  # four ones
    training = load_set(bench.layout.distilled("frepo", "cifar10", 1))
    loss = F.cross_entropy(network(training.images), torch.softmax(training.labels / 0.3, 1))
    assert record.losses[0].ours == pytest.approx(loss.item(), rel=1e-5)
    test = load_set(bench.layout.test_set("cifar10", "zca-frepo"))
    hits = int((network(test.images).argmax(1) == test.labels).sum())
    assert record.accuracy.ours == pytest.approx(100 * hits / 30, abs=1e-3)
    assert record.provenance["inputs"]["published"] == sha256_of(file)
    # the best weights, which teach, at the temperature of Equation 2
    folder = bench.layout.run(bench.teacher)
    assert record.peak == read_mapping(folder / "metrics.json")["best_epoch"]
    assert record.temperature == 1.5
    for side, weights_file in (("ours", folder / "best.safetensors"), ("published", file)):
        teacher = load_network(bench.settings(bench.teacher).network, weights_file).eval()
        chances = torch.softmax(teacher(training.images) / 1.5, dim=1)
        entropy = -(chances * chances.log()).sum(dim=1).mean().item()
        assert getattr(record.entropies[0], side) == pytest.approx(entropy, rel=1e-4)


def test_another_training_is_told_from_ours(bench: Any, publish: Any) -> None:
    publish({"state_dict": trained_for(bench, epochs=2, seed=1), "epoch": 3})
    record = made_by("teachers", bench.configuration, bench.layout, bench.teacher)
    for norms in record.parameters.values():
        assert norms.ours != norms.published
    assert all(loss.ours != loss.published for loss in record.losses)
    files, told = write_findings(bench.configuration, bench.layout, "teachers", [bench.teacher])
    assert told.startswith("`wo_dp_kd` on frepo IPC 1, 3 epochs as the published teacher: ")
    rows = list(csv.DictReader(files[0].open()))
    assert len(rows) == 2 * len(record.parameters) + 7 + 1 + 1 + 7
    assert all(file.exists() for file in files)


@pytest.mark.parametrize(
    ("epoch", "said"),
    [(None, "found None"), (0, "found 0"), (5, "found 5"), ("4", "found '4'")],
)
def test_an_epoch_outside_of_the_run(epoch: Any, said: str, bench: Any, publish: Any) -> None:
    file = publish({"state_dict": trained_for(bench, epochs=1, seed=0), "epoch": epoch})
    found = complaint(lambda: made_by("teachers", bench.configuration, bench.layout, bench.teacher))
    assert found == f"{file}: epoch: {said}, needed: 1 to 4, the epochs of the run"
    assert not bench.layout.analysis_record("teachers", bench.teacher).exists()


def test_weights_without_an_epoch(bench: Any, publish: Any) -> None:
    publish(trained_for(bench, epochs=1, seed=0))
    found = complaint(lambda: made_by("teachers", bench.configuration, bench.layout, bench.teacher))
    assert "epoch: found None, needed: 1 to 4" in found


def test_no_published_weights_of_a_student(taught: Any) -> None:
    found = complaint(
        lambda: made_by("teachers", taught.configuration, taught.layout, taught.student),
        ConfigError,
    )
    assert found.startswith(
        f"{taught.student.path}: found a run that the authors published no weights of"
    )
