"""Kernel ridge regression against a dense solve by hand and scikit-learn, and its gradient."""

import math

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from crossarch.distil.ridge import centred_targets, ridge_loss, ridge_predictions


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize(("images", "width"), [(4, 30), (12, 5)])
def test_predictions_are_those_of_a_dense_solve_and_of_scikit_learn(
    ridge: float, images: int, width: int
) -> None:
    support, targets, queries = drawn(images, width), drawn(images, 3, seed=1), drawn(7, width, seed=2)
    found = ridge_predictions(support, targets, queries, ridge).numpy()
    kernel = support.numpy() @ support.numpy().T
    weight = ridge * np.trace(kernel) / images
    dual = np.linalg.inv(kernel + weight * np.eye(images)) @ targets.numpy()
    by_hand = queries.numpy() @ support.numpy().T @ dual
    np.testing.assert_allclose(found, by_hand, rtol=1e-6, atol=1e-9)
    model = KernelRidge(alpha=weight, kernel="linear").fit(support.numpy(), targets.numpy())
    np.testing.assert_allclose(found, model.predict(queries.numpy()), rtol=1e-6, atol=1e-9)


def test_the_ridge_grows_with_the_features() -> None:
    """So that predictions do not hang on how large a network's features are."""
    support, targets, queries = drawn(6, 9), drawn(6, 3, seed=1), drawn(5, 9, seed=2)
    once = ridge_predictions(support, targets, queries, 0.1)
    larger = ridge_predictions(100 * support, targets, 100 * queries, 0.1)
    torch.testing.assert_close(larger, once)


def test_the_loss_is_half_the_squared_error_a_query() -> None:
    support, targets, queries = drawn(6, 9), drawn(6, 3, seed=1), drawn(5, 9, seed=2)
    wanted = drawn(5, 3, seed=3)
    error = (wanted - ridge_predictions(support, targets, queries, 0.1)).numpy()
    found = ridge_loss(support, targets, queries, wanted, 0.1)
    assert float(found) == pytest.approx(sum(0.5 * (row @ row) for row in error) / 5)


@pytest.mark.parametrize("ridge", [1e-3, 0.5])
def test_gradients_by_finite_differences(ridge: float) -> None:
    support = drawn(5, 8).requires_grad_()
    targets = drawn(5, 3, seed=1).requires_grad_()
    queries, wanted = drawn(6, 8, seed=2), drawn(6, 3, seed=3)
    torch.autograd.gradcheck(
        lambda x, y: ridge_loss(x, y, queries, wanted, ridge), (support, targets), atol=1e-7
    )


def test_few_images_in_wide_features_of_one_direction_keep_float32_finite() -> None:
    """Rectified features share a large mean, so that the kernel is nearly singular."""
    support = (10 + 1e-3 * drawn(20, 500)).float()
    loss = ridge_loss(support, drawn(20, 10).float(), support, drawn(20, 10).float(), 1e-6)
    assert math.isfinite(float(loss))


@pytest.mark.parametrize("classes", [2, 10, 200])
def test_targets_are_centred(classes: int) -> None:
    targets = centred_targets(torch.arange(classes), classes)
    assert targets.dtype == torch.float32
    np.testing.assert_allclose(targets.numpy(), np.eye(classes) - 1 / classes, atol=1e-6)
