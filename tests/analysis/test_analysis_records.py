"""Analyses of a finished run, from files to files, on trainings of a second."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from crossarch.analysis.agreement import AgreementRecord
from crossarch.analysis.base import find_analysis, read_record
from crossarch.analysis.curvature import CurvatureRecord
from crossarch.analysis.predictions import mean_entropy
from crossarch.config.sets import AUDITED
from crossarch.data.store import load_metadata, load_set, load_tensors, save_tensors
from crossarch.errors import ConfigError, CrossarchError, DataError
from crossarch.files import read_mapping, sha256_of
from crossarch.models import build
from crossarch.running.evaluation import accuracy
from crossarch.training.augmentation import augment
from crossarch.training.run import load_network
from crossarch.training.trainer import train

SMALL = {"eigenvalues": 3, "tolerance": 1e-3, "extent": 0.5, "points": 3}


def metrics_of(bench: Any, run: Any) -> dict[str, Any]:
    return dict(read_mapping(bench.layout.run_metrics(run)))


def complaint(action: Callable[[], object], kind: type[CrossarchError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_every_record_says(bench: Any) -> None:
    made = bench.measure("whitening", bench.teacher)
    file = bench.layout.analysis_record("whitening", bench.teacher)
    assert read_record(find_analysis("whitening").record, file) == made
    metrics = bench.layout.run_metrics(bench.teacher)
    assert (made.run, made.digest) == (bench.teacher, read_mapping(metrics)["digest"])
    assert made.provenance["device"] == "cpu"
    inputs = made.provenance["inputs"]
    assert inputs["metrics"] == sha256_of(metrics)
    assert inputs["tests/none"] == sha256_of(bench.test_set("none"))
    assert inputs.keys() == {"metrics", "weights", *(f"tests/{space}" for space in AUDITED)}


def test_curvature(bench: Any) -> None:
    record = bench.measure("curvature", bench.teacher, curvature=SMALL)
    # the loss by hand: soft targets with the temperature of CIFAR-10, batch norms in evaluation mode
    network = load_network(bench.settings(bench.teacher).network, bench.weights(bench.teacher)).eval()
    training = load_set(bench.distilled)
    loss = F.cross_entropy(network(training.images), torch.softmax(training.labels / 0.3, 1))
    assert record.loss == pytest.approx(loss.item(), rel=1e-5)
    loss.backward()
    squares = [
        parameter.grad.square().sum() for parameter in network.parameters() if parameter.grad is not None
    ]
    assert record.gradient_norm == pytest.approx(sum(squares).sqrt().item(), rel=1e-4)
    assert record.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert record.images == 6
    assert len(record.eigenvalues) == len(record.residuals) == 3
    magnitudes = np.abs(record.eigenvalues)
    assert (np.diff(magnitudes) <= 0).all()
    assert (np.array(record.residuals) < 0.02 * magnitudes).all()
    assert record.solver.keys() == {"scipy", "curvlinops-for-pytorch"}
    assert record.offsets == (-0.5, 0.0, 0.5)
    assert np.shape(record.landscape) == (3, 3)
    assert record.landscape[1][1] == pytest.approx(record.loss, rel=1e-5)
    again = bench.measure("curvature", bench.teacher, curvature=SMALL)
    same = ("eigenvalues", "residuals", "landscape")
    assert [getattr(again, name) for name in same] == [getattr(record, name) for name in same]


def test_more_eigenvalues_than_parameters(bench: Any) -> None:
    many = SMALL | {"eigenvalues": 100_000_000}
    said = complaint(lambda: bench.measure("curvature", bench.teacher, curvature=many), ConfigError)
    assert said.startswith("curvature.eigenvalues: found 100000000, expected less than ")


def test_whitening(bench: Any) -> None:
    record = bench.measure("whitening", bench.teacher)
    assert (record.own, record.images, set(record.accuracies)) == ("zca-frepo", 30, set(AUDITED))
    assert record.recorded == metrics_of(bench, bench.teacher)["accuracy"]["last"]
    assert record.accuracies["zca-frepo"] == pytest.approx(record.recorded, abs=1e-3)
    network = load_network(bench.settings(bench.teacher).network, bench.weights(bench.teacher))
    test = load_set(bench.test_set("none"))
    again = accuracy(network, test.images, test.labels)
    assert record.accuracies["none"] == pytest.approx(again, abs=1e-3)


def test_agreement(taught: Any) -> None:
    record = taught.measure("agreement", taught.student)
    assert record.taught_by == "cnn/wo_dp_kd"
    test = load_set(taught.test_set())
    answers = []
    for run, checkpoint in ((taught.student, "last"), (taught.teacher, "best")):
        network = load_network(taught.settings(run).network, taught.weights(run, checkpoint)).eval()
        answers.append(network(test.images).argmax(1))
    same = (answers[0] == answers[1]).double().mean().item()
    assert record.agreement == pytest.approx(100 * same, abs=1e-3)
    metrics = metrics_of(taught, taught.student)
    assert record.student == pytest.approx(metrics["accuracy"]["last"], abs=1e-3)
    right = (answers[1] == test.labels).double().mean().item()
    assert record.teacher == pytest.approx(100 * right, abs=1e-3)


@pytest.mark.parametrize(
    "probabilities", [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3] * 3, [0.7, 0.2, 0.1]]
)
def test_entropy_in_nats(probabilities: list[float]) -> None:
    expected = -sum(p * math.log(p) for p in probabilities if p)
    both = torch.tensor([probabilities, [1.0, 0.0, 0.0]])
    assert mean_entropy(both) == pytest.approx(expected / 2, abs=1e-6)


def test_softness(taught: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossarch.analysis.softness.DRAWS", 3)
    record = taught.measure("softness", taught.student)
    assert (record.taught_by, record.images, record.draws) == ("cnn/wo_dp_kd", 6, 3)
    settings = taught.settings(taught.student)
    training = load_set(taught.distilled)
    weights = taught.weights(taught.teacher, "best")
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
    assert record.student == metrics_of(taught, taught.student)["accuracy"]["last"]
    assert record.teacher == metrics_of(taught, taught.teacher)["accuracy"]["best"]


def test_statistics(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossarch.analysis.statistics.BATCH_SIZE", 7)
    record = bench.measure("statistics", bench.teacher)
    assert (record.images, record.batch_size) == (30, 7)
    recorded = metrics_of(bench, bench.teacher)["accuracy"]["last"]
    assert record.running == pytest.approx(recorded, abs=1e-3)
    # by hand: this network has nothing but batch norms that knows of training
    network = load_network(bench.settings(bench.teacher).network, bench.weights(bench.teacher)).train()
    test = load_set(bench.test_set())
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    hits = 0
    for places in order.view(5, 6):  # at most 7 each, as equally many as can be
        hits += int((network(test.images[places]).argmax(1) == test.labels[places]).sum())
    assert record.batch == pytest.approx(100 * hits / 30, abs=1e-3)


def test_no_statistics_without_batch_norm(bench: Any) -> None:
    file, weights = bench.layout.run_metrics(bench.teacher), bench.weights(bench.teacher)
    metrics = json.loads(file.read_text())
    metrics["settings"]["network"]["norm"] = "instance"
    settings = bench.settings(bench.teacher).network.model_copy(update={"norm": "instance"})
    save_file(build(settings).state_dict(), weights)
    metrics["weights"]["last.safetensors"] = sha256_of(weights)
    file.write_text(json.dumps(metrics))
    said = complaint(lambda: bench.measure("statistics", bench.teacher), ConfigError)
    assert said == f"{bench.teacher.path}: found no batch norm, which statistics needs"


@pytest.mark.parametrize(
    ("analysis", "changed"),
    [
        ("curvature", "weights"),
        ("whitening", "weights"),
        ("curvature", "distilled"),
        ("statistics", "test"),
        ("agreement", "teacher"),
        ("softness", "teacher"),
    ],
)
def test_files_that_are_not_those_of_the_run_are_not_measured(
    taught: Any, analysis: str, changed: str
) -> None:
    """The other file has the same names and shapes, so that nothing else in it differs."""
    run = taught.student if changed == "teacher" else taught.teacher
    file = {
        "weights": taught.weights(run),
        "distilled": taught.distilled,
        "test": taught.test_set(),
        "teacher": taught.weights(taught.teacher, "best"),
    }[changed]
    found = sha256_of(file)
    other = {name: tensor + 1 for name, tensor in load_tensors(file).items()}
    save_tensors(file, other, load_metadata(file))
    said = complaint(lambda: taught.measure(analysis, run, curvature=SMALL))
    assert said == (
        f"{file}: found SHA-256 {sha256_of(file)}, but {taught.layout.run_metrics(run)} has {found}: "
        "the two are of different runs"
    )
    assert not taught.layout.analysis_record(analysis, run).exists()


def test_missing_and_damaged_files_are_one_line(bench: Any) -> None:
    weights, metrics = bench.weights(bench.teacher), bench.layout.run_metrics(bench.teacher)
    kept = weights.read_bytes()
    weights.unlink()
    assert complaint(lambda: bench.measure("whitening", bench.teacher)) == f"{weights}: no such file"
    weights.write_bytes(kept[:100])
    older = {key: value for key, value in read_mapping(metrics).items() if key != "weights"}
    metrics.write_text(json.dumps(older))
    said = complaint(lambda: bench.measure("whitening", bench.teacher))
    assert "is not a whole safetensors file" in said
    metrics.write_text(json.dumps(older | {"settings": {}}))
    said = complaint(lambda: bench.measure("whitening", bench.teacher))
    assert said.startswith(f"{metrics}: ")


def test_records_come_back_and_broken_ones_are_named(tmp_path: Path, taught: Any) -> None:
    record = taught.measure("agreement", taught.student)
    file = taught.layout.analysis_record("agreement", taught.student)
    assert read_record(AgreementRecord, file) == record
    said = complaint(lambda: read_record(CurvatureRecord, file))
    assert re.match(rf"{file}: \w+: found ", said)
    missing = complaint(lambda: read_record(AgreementRecord, tmp_path / "no.json"))
    assert missing.endswith("no.json: no such file")


# --- teachers ----------------------------------------------------------------------------------------


def trained_for(bench: Any, epochs: int, seed: int) -> dict[str, torch.Tensor]:
    """The weights of the bench's teacher after some epochs, by a training that ends there."""
    settings = bench.settings(bench.teacher)
    run = bench.teacher.model_copy(update={"seed": seed})
    settings = settings.model_copy(update={"run": run, "epochs": epochs})
    training, test = load_set(bench.distilled), load_set(bench.test_set())
    return train(settings, training, test, device=torch.device("cpu")).last


def compared(bench: Any, content: Any) -> tuple[Any, dict[tuple[str, str], Any]]:
    """The record beside published weights, and its numbers by quantity and what they are of."""
    file = bench.layout.results / "checkpoint_best.pth"
    torch.save(content, file)
    record = bench.measure("teachers", bench.teacher, file, temperature=1.5)
    return record, {(number.quantity, number.of): number for number in record.numbers}


def test_our_own_training_is_retraced_exactly(bench: Any) -> None:
    weights = trained_for(bench, epochs=3, seed=0)
    record, numbers = compared(bench, {"state_dict": weights, "epoch": 3})
    assert (record.epoch, record.images, record.temperature) == (3, 30, 1.5)
    exact = {"norm", "largest entry", "loss", "test accuracy"}
    assert all(n.ours == n.published for n in record.numbers if n.quantity in exact)
    # by hand: norms of parameters and of no buffer, the loss on soft targets, hits
    network = build(bench.settings(bench.teacher).network).eval()
    network.load_state_dict(weights)
    parameters = dict(network.named_parameters())
    for quantity, measure in (
        ("norm", torch.linalg.vector_norm),
        ("largest entry", lambda x: x.abs().max()),
    ):
        assert {of for each, of in numbers if each == quantity} == parameters.keys()
        for name, parameter in parameters.items():
            expected = pytest.approx(measure(parameter).item(), rel=1e-5)
            assert numbers[quantity, name].ours == expected
    assert numbers["norm", "features.1.weight"].initial == 2.0  # four ones
    training, test = load_set(bench.distilled), load_set(bench.test_set())
    loss = F.cross_entropy(network(training.images), torch.softmax(training.labels / 0.3, 1))
    assert numbers["loss", "0-fold"].ours == pytest.approx(loss.item(), rel=1e-5)
    assert len({of for quantity, of in numbers if quantity == "loss"}) == 7
    hits = int((network(test.images).argmax(1) == test.labels).sum())
    assert numbers["test accuracy", ""].ours == pytest.approx(100 * hits / 30, abs=1e-3)
    # the best weights, which teach, at the temperature of Equation 2
    peak = numbers["epoch of the best", ""]
    assert (peak.ours, peak.published) == (metrics_of(bench, bench.teacher)["best_epoch"], 3)
    best = build(bench.settings(bench.teacher).network).eval()
    best.load_state_dict(load_tensors(bench.weights(bench.teacher, "best")))
    entropies = numbers["entropy of targets", "0-fold"]
    for teacher, entropy in ((best, entropies.ours), (network, entropies.published)):
        chances = torch.softmax(teacher(training.images) / 1.5, dim=1)
        expected = -(chances * chances.log()).sum(dim=1).mean().item()
        assert entropy == pytest.approx(expected, rel=1e-4)


def test_another_training_is_told_from_ours(bench: Any) -> None:
    _, numbers = compared(bench, {"state_dict": trained_for(bench, epochs=2, seed=1), "epoch": 3})
    told = [n for (quantity, _), n in numbers.items() if quantity in ("norm", "largest entry", "loss")]
    assert all(number.ours != number.published for number in told)


@pytest.mark.parametrize(
    ("epoch", "said"),
    [(None, "found None"), (0, "found 0"), (5, "found 5"), ("4", "found '4'")],
)
def test_an_epoch_outside_of_the_run(epoch: Any, said: str, bench: Any) -> None:
    content = {"state_dict": trained_for(bench, epochs=1, seed=0), "epoch": epoch}
    found = complaint(lambda: compared(bench, content))
    assert found.endswith(f"pth: epoch: {said}, expected 1 to 4, the epochs of the run")
    found = complaint(lambda: compared(bench, content["state_dict"]))
    assert "epoch: found None, expected 1 to 4" in found
    assert not bench.layout.analysis_record("teachers", bench.teacher).exists()
