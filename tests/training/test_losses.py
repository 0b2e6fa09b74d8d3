"""Targets, Equation 2 and the optimisers against numpy written from their formulas."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crossarch.config import LabelSettings, load_configuration, parse_run, resolve
from crossarch.config.schema import AdamW, Lion
from crossarch.training.losses import distillation_loss, make_targets
from crossarch.training.optimizers import make_optimizer

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
Array = np.ndarray[Any, np.dtype[Any]]


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def one_hot(indices: Array, classes: int) -> Array:
    return np.asarray(np.eye(classes)[indices.astype(int)])


def equation_2(student: Array, teacher: Array, y: Array, alpha: float, tau: float) -> float:
    """Sample by sample: alpha tau^2 KL(teacher || student) + (1 - alpha) cross-entropy, mean."""
    p, q, plain = softmax(teacher / tau), softmax(student / tau), softmax(student)
    total = 0.0
    for i in range(len(student)):
        divergence = sum(p[i, c] * (np.log(p[i, c]) - np.log(q[i, c])) for c in range(p.shape[1]))
        entropy = -sum(y[i, c] * np.log(plain[i, c]) for c in range(p.shape[1]))
        total += alpha * tau**2 * divergence + (1 - alpha) * entropy
    return float(total / len(student))


def logits(seed: int, samples: int = 7, classes: int = 5) -> tuple[Array, Array, Array]:
    draws = np.random.default_rng(seed)
    student, teacher = draws.normal(0, 2, (2, samples, classes))
    return student, teacher, draws.integers(0, classes, samples)


@pytest.mark.parametrize(("alpha", "tau"), [(0.5, 1.5), (0.3, 1.0), (0.9, 4.0), (0.5, 0.7)])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("samples", [1, 7])
def test_loss_is_equation_2(alpha: float, tau: float, soft: bool, samples: int) -> None:
    student, teacher, indices = logits(3, samples)
    y = softmax(logits(4, samples)[0]) if soft else one_hot(indices, 5)
    targets = torch.from_numpy(y if soft else indices)
    loss = distillation_loss(torch.from_numpy(student), torch.from_numpy(teacher), targets, alpha, tau)
    assert loss.ndim == 0
    assert float(loss) == pytest.approx(equation_2(student, teacher, y, alpha, tau), rel=1e-9)


def test_weight_0_is_cross_entropy_alone() -> None:
    student, teacher, indices = logits(5)
    loss = distillation_loss(*map(torch.from_numpy, (student, teacher, indices)), 0.0, 1.5)
    expected = -np.mean(np.log(softmax(student)[np.arange(7), indices]))
    assert float(loss) == pytest.approx(expected)


def test_weight_1_knows_no_target_and_vanishes_for_equal_networks() -> None:
    student, teacher, indices = logits(6)
    first = distillation_loss(*map(torch.from_numpy, (student, teacher, indices)), 1.0, 1.5)
    other = (indices + 1) % 5
    second = distillation_loss(*map(torch.from_numpy, (student, teacher, other)), 1.0, 1.5)
    assert float(first) == float(second) > 0.0
    shifted = teacher + 3.0  # softmax does not see a constant
    same = distillation_loss(*map(torch.from_numpy, (shifted, teacher, indices)), 1.0, 1.5)
    assert float(same) == pytest.approx(0.0, abs=1e-12)


def test_divergence_is_that_of_the_student_from_the_teacher() -> None:
    """KL(teacher || student) punishes a student that rules out what the teacher holds likely."""
    broad, narrow = np.array([[0.0, 0.0]]), np.array([[9.0, -9.0]])
    target = np.array([0])
    missed = distillation_loss(*map(torch.from_numpy, (narrow, broad, target)), 1.0, 1.0)
    spread = distillation_loss(*map(torch.from_numpy, (broad, narrow, target)), 1.0, 1.0)
    assert float(missed) == pytest.approx(9.0 - np.log(2), rel=1e-3)
    assert float(spread) == pytest.approx(np.log(2), rel=1e-3)


def test_gradient_pulls_the_student_towards_teacher_and_target() -> None:
    """d/ds: (alpha tau (q - p) + (1 - alpha) (softmax(s) - y)) / N; none for the teacher."""
    alpha, tau = 0.5, 1.5
    student, teacher, indices = logits(7)
    s = torch.from_numpy(student).requires_grad_()
    distillation_loss(s, torch.from_numpy(teacher), torch.from_numpy(indices), alpha, tau).backward()
    divergence = tau * (softmax(student / tau) - softmax(teacher / tau))
    entropy = softmax(student) - one_hot(indices, 5)
    expected = (alpha * divergence + (1 - alpha) * entropy) / len(student)
    assert s.grad is not None
    np.testing.assert_allclose(s.grad.numpy(), expected, atol=1e-10)
    flat = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    wanted = torch.tensor([[4.0, 0.0, 0.0]], dtype=torch.float64)
    distillation_loss(flat, wanted, torch.tensor([0]), alpha, tau).backward()
    assert flat.grad is not None
    assert flat.grad[0, 0] < 0 < flat.grad[0, 1]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1), st.floats(0.2, 10))
def test_loss_is_never_negative_and_linear_in_the_weight(seed: int, alpha: float, tau: float) -> None:
    tensors = [torch.from_numpy(array) for array in logits(seed)]
    none, some, whole = (distillation_loss(*tensors, a, tau) for a in (0.0, alpha, 1.0))
    assert float(some) >= 0.0
    assert float(some) == pytest.approx(float(none) * (1 - alpha) + float(whole) * alpha, rel=1e-9)


def test_loss_is_finite_for_confident_networks() -> None:
    student = torch.tensor([[300.0, -300.0]], requires_grad=True)
    loss = distillation_loss(student, -student.detach(), torch.tensor([1]), 0.5, 1.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("temperature", [0.3, 0.04, 0.02])
def test_soft_labels_become_a_softmax(temperature: float) -> None:
    labels = np.random.default_rng(0).normal(0, 0.2, (6, 10)).astype(np.float32)
    made = make_targets(torch.from_numpy(labels), LabelSettings(kind="soft", temperature=temperature))
    np.testing.assert_allclose(made, softmax(labels.astype(float) / temperature), atol=1e-5)
    np.testing.assert_allclose(made.sum(1), 1.0, atol=1e-5)


def test_hard_labels_stay_indices() -> None:
    labels = torch.tensor([3, 0, 9])
    made = make_targets(labels, LabelSettings(kind="hard", temperature=0.3))
    assert made.dtype == torch.int64
    assert torch.equal(made, labels)


def test_configured_distillation_and_label_temperatures() -> None:
    for ipc in (1, 10, 50):
        for source, kind in (("frepo", "soft"), ("mtt", "hard")):
            run = parse_run(f"cifar10/{source}/ipc{ipc}/vgg11/full/seed2")
            resolved = resolve(CONFIGURATION, run)
            assert resolved.labels.kind == kind
            assert resolved.distillation is not None
            assert resolved.distillation.weight == 0.5
            assert resolved.distillation.temperature == 1.5
            teacher = parse_run(f"cifar10/{source}/ipc{ipc}/cnn/wo_dp_kd/seed2")
            assert resolved.teacher == teacher
            assert resolved.teacher_network == resolve(CONFIGURATION, teacher).network
    assert resolve(CONFIGURATION, parse_run("cifar10/datm/ipc10/cnn/baseline/seed0")).labels == (
        LabelSettings(kind="soft", temperature=1.0)
    )
    for source in ("frepo", "mtt"):  # of hard labels it is recorded alone
        run = parse_run(f"cifar10/{source}/ipc10/cnn/baseline/seed0")
        assert resolve(CONFIGURATION, run).labels.temperature == 0.3
    expected = {"cifar10": 0.3, "cifar100": 0.04, "tiny-imagenet": 0.02}
    assert {name: CONFIGURATION.dataset(name).label_temperature for name in expected} == expected


# --- Optimisers -----------------------------------------------------------------------------------


def steps(settings_: Lion | AdamW, rates: list[float], gradients: Array, start: Array) -> Tensor:
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = make_optimizer(settings_, [parameter])
    for rate, gradient in zip(rates, gradients, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("weight_decay", [0.0, 5e-3, 0.5])
def test_lion(weight_decay: float) -> None:
    """c = b1 m + (1 - b1) g; p <- p - lr (sign(c) + wd p); m <- b2 m + (1 - b2) g."""
    draws = np.random.default_rng(1)
    start, gradients = draws.normal(size=(4, 3)), draws.normal(size=(8, 4, 3))
    gradients[3:5] *= 0.01  # so that the momentum decides the sign
    rates = [0.0, 1e-3, 2e-3, 5e-2, 5e-2, 1e-2, 1e-3, 1e-4]
    p, m = start.copy(), np.zeros_like(start)
    for rate, g in zip(rates, gradients, strict=True):
        c = 0.95 * m + 0.05 * g
        p = p - rate * (np.sign(c) + weight_decay * p)
        m = 0.98 * m + 0.02 * g
    settings_ = Lion(name="lion", lr=5e-5, betas=(0.95, 0.98), weight_decay=weight_decay)
    np.testing.assert_allclose(steps(settings_, rates, gradients, start), p, atol=1e-12)


@pytest.mark.parametrize("weight_decay", [0.0, 5e-4, 0.5])
def test_adamw(weight_decay: float) -> None:
    draws = np.random.default_rng(2)
    start, gradients = draws.normal(size=(4, 3)), draws.normal(size=(8, 4, 3))
    rates = [1e-3, 1e-3, 2e-3, 5e-2, 0.0, 1e-2, 1e-3, 1e-4]
    p, m, v = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step, (rate, g) in enumerate(zip(rates, gradients, strict=True), start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        corrected_m, corrected_v = m / (1 - 0.9**step), v / (1 - 0.999**step)
        p = p * (1 - rate * weight_decay) - rate * corrected_m / (np.sqrt(corrected_v) + 1e-8)
    settings_ = AdamW(name="adamw", lr=5e-4, betas=(0.9, 0.999), weight_decay=weight_decay)
    np.testing.assert_allclose(steps(settings_, rates, gradients, start), p, atol=1e-10)


def test_configured_optimisers() -> None:
    for recipe in ("wo_dp_kd", "wo_dp", "wo_kd", "full"):
        run = parse_run(f"cifar10/mtt/ipc10/resnet18/{recipe}/seed0")
        expected = Lion(name="lion", lr=5e-5, betas=(0.95, 0.98), weight_decay=5e-3)
        assert resolve(CONFIGURATION, run).optimizer == expected
    baseline = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc10/resnet18/baseline/seed0"))
    assert baseline.optimizer.name == "adamw"
    assert (baseline.optimizer.lr, baseline.optimizer.weight_decay) == (5e-4, 5e-4)
