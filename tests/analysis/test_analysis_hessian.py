"""Eigenvalues of the Hessian against the exact Hessian, power iteration and known spectra.

The loss around the weights against evaluating it at each place by hand.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from crossarch.analysis.hessian import (
    PlainGroupNorm,
    hessian_of_loss,
    landscape,
    mean_loss,
    top_eigenpairs,
    with_plain_group_norms,
    with_sign,
)
from crossarch.config import NetworkSettings
from crossarch.errors import ConfigError, CrossarchError
from crossarch.models import build

CLASSES, SIDE = 3, 8


def network(arch: str, norm: str) -> nn.Module:
    """A small network in float64 whose batch norms have seen images; in evaluation mode."""
    torch.manual_seed(0)
    if arch == "block":  # a residual block and all kinds of layers, of some hundred parameters
        made: nn.Module = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4) if norm == "batch" else nn.GroupNorm(4, 4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(16, CLASSES),
        )
    else:
        settings = {"arch": arch, "norm": norm, "first_norm": norm, "shortcut": "improved"}
        sizes = {"classes": CLASSES, "channels": 3, "image_size": SIDE, "widths": (2, 3)}
        made = build(NetworkSettings.model_validate({**settings, **sizes, "droppath": False}))
    made = made.double()
    for module in made.modules():  # as after a training: not 1 and 0
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    made.train()(images(20, seed=7))
    return made.eval()


def images(count: int, seed: int) -> Tensor:
    return torch.randn(
        count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def data(soft: bool) -> list[tuple[Tensor, Tensor]]:
    """Two batches of unequal size."""
    x = images(7, seed=1)
    y = torch.randn(7, CLASSES, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    targets = torch.softmax(y, 1) if soft else y.argmax(1)
    return [(x[:5], targets[:5]), (x[5:], targets[5:])]


def exact_hessian(made: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> np.ndarray:
    """By torch.autograd.functional, reverse over reverse, of the loss of all images at once."""
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    named = dict(made.named_parameters())
    sizes = [parameter.numel() for parameter in named.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = zip(named.items(), flat.split(sizes), strict=True)
        replaced = {name: part.view_as(parameter) for (name, parameter), part in parts}
        return F.cross_entropy(torch.func.functional_call(made, replaced, (x,)), y)

    flat = torch.cat([parameter.detach().flatten() for parameter in named.values()])
    hessian = torch.autograd.functional.hessian(loss, flat)
    return np.asarray(hessian)


def power_iteration(
    product: Callable[[np.ndarray], np.ndarray], size: int, count: int, steps: int = 5_000
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of the largest magnitude one after the other, each deflated, as the paper does it."""
    values, vectors = np.empty(count), np.empty((size, count))
    generator = np.random.default_rng(1)
    for place in range(count):
        found = vectors[:, :place]
        vector = generator.standard_normal(size)
        for _ in range(steps):
            vector -= found @ (found.T @ vector)
            vector /= np.linalg.norm(vector)
            before, vector = vector, product(vector)
            values[place] = before @ vector
            if np.linalg.norm(vector - values[place] * before) < 1e-9 * abs(values[place]):
                break
        vectors[:, place] = before
    return values, vectors


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize(
    ("arch", "norm"), [("block", "batch"), ("block", "instance"), ("cnn", "batch"), ("cnn", "instance")]
)
def test_products_are_those_of_the_exact_hessian(arch: str, norm: str, soft: bool) -> None:
    made, batches = network(arch, norm), data(soft)
    exact = exact_hessian(made, batches)
    operator = hessian_of_loss(made, batches)
    vectors = np.random.default_rng(0).standard_normal((len(exact), 3))
    for vector in vectors.T:
        np.testing.assert_allclose(operator.matvec(vector), exact @ vector, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("arch", "norm"), [("block", "batch"), ("cnn", "instance")])
def test_pairs_are_those_of_the_exact_hessian(arch: str, norm: str) -> None:
    made, batches = network(arch, norm), data(soft=True)
    exact = exact_hessian(made, batches)
    values, vectors = np.linalg.eigh(exact)
    order = np.argsort(-np.abs(values))[:6]
    pairs = top_eigenpairs(hessian_of_loss(made, batches), 6, 1e-10)
    np.testing.assert_allclose(pairs.values, values[order], rtol=1e-8)
    expected = with_sign(vectors[:, order])
    np.testing.assert_allclose(pairs.vectors, expected, atol=1e-6)
    distance = np.linalg.norm(exact @ pairs.vectors - pairs.vectors * pairs.values, axis=0)
    np.testing.assert_allclose(pairs.residuals, distance, atol=1e-12)
    assert (pairs.residuals < 1e-7 * np.abs(pairs.values)).all()


def test_pairs_are_those_of_power_iteration_with_deflation() -> None:
    made, batches = network("block", "batch"), data(soft=False)
    exact = exact_hessian(made, batches)
    values, vectors = power_iteration(lambda vector: exact @ vector, len(exact), 4)
    pairs = top_eigenpairs(hessian_of_loss(made, batches), 4, 1e-10)
    np.testing.assert_allclose(pairs.values, values, rtol=1e-6)
    np.testing.assert_allclose(pairs.vectors, with_sign(vectors), atol=1e-4)


def test_batch_norms_do_not_see_the_batch() -> None:
    """The loss is a mean over images: how they are split into batches changes nothing."""
    made, batches = network("block", "batch"), data(soft=True)
    whole = [tuple(torch.cat(parts) for parts in zip(*batches, strict=True))]
    vector = np.random.default_rng(0).standard_normal(hessian_of_loss(made, batches).shape[0])
    before = {name: buffer.clone() for name, buffer in made.named_buffers()}
    products = [hessian_of_loss(made, each).matvec(vector) for each in (batches, whole)]  # type: ignore[arg-type]
    np.testing.assert_allclose(*products, rtol=1e-9, atol=1e-12)
    for name, buffer in made.named_buffers():
        assert torch.equal(buffer, before[name])
    one = mean_loss(made, batches)
    torch.testing.assert_close(one, mean_loss(made, whole))  # type: ignore[arg-type]


@given(seed=st.integers(0, 1_000), size=st.integers(8, 30))
def test_quadratics_with_a_known_spectrum(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(generator.standard_normal((size, size)))
    spectrum = generator.uniform(0.5, 1.0, size).cumsum() * generator.choice([-1, 1], size)
    pairs = top_eigenpairs(aslinearoperator(basis * spectrum @ basis.T), 3, 1e-10)
    top = np.argsort(-np.abs(spectrum))[:3]
    np.testing.assert_allclose(pairs.values, spectrum[top], rtol=1e-6)
    np.testing.assert_allclose(pairs.vectors, with_sign(basis[:, top]), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(pairs.vectors, axis=0), 1.0)


def test_the_same_bits_each_time_and_every_product_counted() -> None:
    diagonal, calls = np.linspace(-3, 9, 40), 0

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return diagonal * vector

    operator = LinearOperator((40, 40), matvec=product, dtype=np.dtype("float32"))
    first = top_eigenpairs(operator, 5, 1e-4)
    assert first.products == calls
    second = top_eigenpairs(operator, 5, 1e-4)
    assert first.values.tobytes() == second.values.tobytes()
    assert first.vectors.tobytes() == second.vectors.tobytes()
    np.testing.assert_allclose(first.values, sorted(diagonal, key=abs)[:-6:-1], rtol=1e-4)


def test_sign_of_eigenvectors() -> None:
    vectors = np.array([[0.1, -0.2], [-0.9, 0.3], [0.2, 0.6]])
    np.testing.assert_array_equal(with_sign(vectors), vectors * [-1, 1])
    np.testing.assert_array_equal(with_sign(-vectors), with_sign(vectors))


def test_as_many_eigenvalues_as_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"eigenvalues: found 40, expected less than 40, the"):
        top_eigenpairs(aslinearoperator(np.eye(40)), 40, 1e-4)


def test_plain_group_norms_compute_the_same() -> None:
    made = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GroupNorm(6, 6), nn.ReLU(), nn.GroupNorm(2, 6))
    nn.init.normal_(made[1].weight)
    nn.init.normal_(made[3].bias)
    plain = with_plain_group_norms(made)
    assert [type(module) for module in plain][1::2] == [PlainGroupNorm, PlainGroupNorm]
    assert type(made[1]) is nn.GroupNorm
    assert list(plain.state_dict()) == list(made.state_dict())
    x = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(plain(x), made(x))


class NormOfOurOwn(nn.GroupNorm):
    """Not one of PyTorch's own class, so that it is left as it is."""


@pytest.mark.parametrize(
    "layers",
    [(nn.Conv2d(3, 2, 3), NormOfOurOwn(2, 2)), (weight_norm(nn.Conv2d(3, 2, 3)),)],
    ids=["norm", "weights"],
)
def test_a_network_without_second_derivatives_is_one_line(layers: tuple[nn.Module, ...]) -> None:
    made = nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * 6 * 6, CLASSES)).double()
    operator = hessian_of_loss(made, data(soft=False))
    with pytest.raises(CrossarchError, match="the Hessian of this network cannot be computed") as caught:
        operator.matvec(np.ones(operator.shape[0]))
    assert "\n" not in str(caught.value)


# --- the loss around the weights --------------------------------------------------------------------


def test_a_quadratic_in_one_layer_is_what_the_formula_says() -> None:
    """Against the loss written out for a linear layer, not against the code's own loss."""
    torch.manual_seed(0)
    made = nn.Linear(3, 2).double().eval()
    x, y = torch.randn(5, 3).double(), torch.tensor([0, 1, 1, 0, 1])
    draws = np.random.default_rng(0)
    directions = draws.standard_normal((8, 2))
    places = np.array([-0.7, 0.0, 0.7])
    before = [parameter.clone() for parameter in made.parameters()]
    found = landscape(made, [(x[:3], y[:3]), (x[3:], y[3:])], directions, places)
    for row, first in enumerate(places):
        for column, second in enumerate(places):
            moved = first * directions[:, 0] + second * directions[:, 1]
            weight = before[0].detach().numpy() + moved[:6].reshape(2, 3)
            bias = before[1].detach().numpy() + moved[6:]
            logits = x.numpy() @ weight.T + bias
            chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
            expected = -np.log(chances[np.arange(5), y.numpy()]).mean()
            np.testing.assert_allclose(found[row, column], expected, rtol=1e-10)
    for parameter, kept in zip(made.parameters(), before, strict=True):
        assert torch.equal(parameter, kept)


def test_batch_norms_and_soft_targets_as_in_evaluation() -> None:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )
    made.train()(torch.randn(9, 3, 4, 4))
    made.eval()
    x, y = torch.randn(4, 3, 4, 4), torch.softmax(torch.randn(4, 3), 1)
    size = sum(parameter.numel() for parameter in made.parameters())
    directions = np.random.default_rng(0).standard_normal((size, 2)).astype(np.float32)
    found = landscape(made, [(x, y)], directions, np.array([0.0, 0.1]))
    with torch.no_grad():
        np.testing.assert_allclose(found[0, 0], float(F.cross_entropy(made(x), y)), rtol=1e-6)
        start = 0
        for parameter in made.parameters():
            step = torch.tensor(directions[start : start + parameter.numel(), 1])
            parameter += 0.1 * step.view_as(parameter)
            start += parameter.numel()
        np.testing.assert_allclose(found[0, 1], float(F.cross_entropy(made(x), y)), rtol=1e-5)


def test_it_bends_as_the_eigenvalues_say() -> None:
    """Along each eigenvector the second difference of the loss is the eigenvalue (no kinks: Tanh)."""
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 3))
    made = nn.Sequential(*layers).double()
    made.train()(torch.randn(9, 3, 4, 4).double())
    made.eval()
    batches = [(torch.randn(4, 3, 4, 4).double(), torch.softmax(torch.randn(4, 3).double(), 1))]
    pairs = top_eigenpairs(hessian_of_loss(made, batches), 2, 1e-10)
    step = 1e-3
    losses = landscape(made, batches, pairs.vectors, np.array([-step, 0.0, step]))
    bends = losses[[0, 1], [1, 0]] + losses[[2, 1], [1, 2]] - 2 * losses[1, 1]
    np.testing.assert_allclose(bends / step**2, pairs.values, rtol=1e-4)
    twist = losses[2, 2] + losses[0, 0] - losses[0, 2] - losses[2, 0]
    assert abs(twist / (4 * step**2)) < 1e-4 * pairs.values[0]  # they are orthogonal in the Hessian
