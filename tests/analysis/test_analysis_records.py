"""Analyses of a finished run, from files to files, on trainings of a second."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from crossarch.analysis.curvature import measure_curvature
from crossarch.analysis.record import (
    AgreementRecord,
    CurvatureRecord,
    WhiteningRecord,
    read_record,
    write_record,
)
from crossarch.analysis.testing import measure_agreement, measure_whitening
from crossarch.analysis.where import Where
from crossarch.config.sets import AUDITED
from crossarch.data.store import load_set, load_tensors, save_tensors
from crossarch.errors import ConfigError, CrossarchError, DataError
from crossarch.running.evaluation import accuracy
from crossarch.training.run import load_network

CPU = Where(device="cpu")


def test_curvature(bench: Any) -> None:
    told: list[tuple[str, int, int | None]] = []
    made = measure_curvature(
        bench.configuration, bench.layout, bench.teacher, CPU, lambda *news: told.append(news)
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
    first = measure_curvature(bench.configuration, bench.layout, bench.teacher, CPU)
    landscape = bench.layout.landscape(bench.teacher).read_bytes()
    second = measure_curvature(bench.configuration, bench.layout, bench.teacher, CPU)
    assert second.eigenvalues == first.eigenvalues
    assert second.residuals == first.residuals
    assert bench.layout.landscape(bench.teacher).read_bytes() == landscape


def test_whitening(bench: Any) -> None:
    made = measure_whitening(bench.configuration, bench.layout, bench.teacher, CPU)
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
    made = measure_agreement(taught.configuration, taught.layout, taught.student, CPU)
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
        measure_agreement(taught.configuration, taught.layout, taught.teacher, CPU)


def complaint(action: Callable[[], object], kind: type[CrossarchError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mistakes_are_one_line(bench: Any) -> None:
    layout, configuration = bench.layout, bench.configuration

    def curvature() -> object:
        return measure_curvature(configuration, layout, bench.teacher, CPU)

    missing = bench.teacher.model_copy(update={"seed": 9})
    said = complaint(lambda: measure_whitening(configuration, layout, missing, CPU))
    assert said.endswith(f"train the run first: crossarch train {missing.path}")

    last, best = (layout.run(bench.teacher) / f"{name}.safetensors" for name in ("last", "best"))
    kept = last.read_bytes()
    last.write_bytes(best.read_bytes()[:100])
    assert "is not a whole safetensors file" in complaint(curvature)
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
        lambda: measure_curvature(bench.configuration, bench.layout, bench.teacher, CPU), ConfigError
    )
    assert said.startswith("curvature.eigenvalues: found 100000000, allowed: less than the ")


def test_records_come_back_and_broken_ones_are_named(tmp_path: Path, taught: Any) -> None:
    record = measure_agreement(taught.configuration, taught.layout, taught.student, CPU)
    file = tmp_path / "seed0.json"
    write_record(record, file)
    assert read_record(AgreementRecord, file) == record
    said = complaint(lambda: read_record(CurvatureRecord, file))
    assert said.startswith(f"{file}: settings: found nothing")
    assert complaint(lambda: read_record(AgreementRecord, tmp_path / "no.json")).endswith(
        "no.json: no such file"
    )
