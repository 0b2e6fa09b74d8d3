"""The loss around the weights: against evaluating the loss at each place by hand."""

import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from crossarch.analysis.hessian import hessian_of_loss, top_eigenpairs
from crossarch.analysis.landscape import landscape, offsets, write_landscape


def test_places_hold_the_weights_themselves() -> None:
    np.testing.assert_allclose(offsets(0.5, 5), [-0.5, -0.25, 0.0, 0.25, 0.5])
    assert 0.0 in offsets(0.3, 25)


def test_a_quadratic_in_one_layer_is_what_the_formula_says() -> None:
    """Against the loss written out for a linear layer, not against the code's own loss."""
    torch.manual_seed(0)
    made = nn.Linear(3, 2).double().eval()
    x, y = torch.randn(5, 3).double(), torch.tensor([0, 1, 1, 0, 1])
    draws = np.random.default_rng(0)
    directions = draws.standard_normal((8, 2))
    places, told = offsets(0.7, 3), list[int]()
    before = [parameter.clone() for parameter in made.parameters()]
    found = landscape(made, [(x[:3], y[:3]), (x[3:], y[3:])], directions, places, told.append)
    assert told == list(range(1, 10))
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
    losses = landscape(made, batches, pairs.vectors, offsets(step, 3))
    bends = losses[[0, 1], [1, 0]] + losses[[2, 1], [1, 2]] - 2 * losses[1, 1]
    np.testing.assert_allclose(bends / step**2, pairs.values, rtol=1e-4)
    twist = losses[2, 2] + losses[0, 0] - losses[0, 2] - losses[2, 0]
    assert abs(twist / (4 * step**2)) < 1e-4 * pairs.values[0]  # they are orthogonal in the Hessian


def test_the_file_has_a_row_a_point(tmp_path: Path) -> None:
    losses = np.array([[1.0, 2.0], [3.0, 4.25]])
    write_landscape(np.array([-0.5, 0.5]), losses, tmp_path / "deep" / "landscape.csv")
    rows = list(csv.DictReader((tmp_path / "deep" / "landscape.csv").open()))
    assert rows[1] == {"alpha1": "-0.5", "alpha2": "0.5", "loss": "2"}
    assert [float(row["loss"]) for row in rows] == [1.0, 2.0, 3.0, 4.25]
