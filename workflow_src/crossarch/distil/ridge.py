"""Kernel ridge regression on the features of a network, and its error on real images."""

import torch
import torch.nn.functional as F
from torch import Tensor


def centred_targets(labels: Tensor, classes: int) -> Tensor:
    """Class indices (N,) as FRePo codes those of real images: one-hot - 1/C, (N, classes) float32.

    Each row sums to 0; for ten classes 0.9 and -0.1.
    """
    return F.one_hot(labels, classes).float() - 1.0 / classes


def ridge_predictions(support: Tensor, targets: Tensor, queries: Tensor, ridge: float) -> Tensor:
    """What kernel ridge regression on `support` (n, d) with `targets` (n, c) says of `queries` (m, d).

    The kernel is the dot product of features; `ridge` is added to its diagonal as a fraction of its
    mean eigenvalue, trace(K) / n. Returns (m, c). The small system is solved in float64 where the device
    has it: few images in a wide network make it ill-conditioned.
    """
    exact = torch.float32 if support.device.type == "mps" else torch.float64
    features = support.to(exact)
    kernel = features @ features.T
    weight = ridge * kernel.trace() / len(kernel)
    identity = torch.eye(len(kernel), dtype=exact, device=kernel.device)
    factor, _ = torch.linalg.cholesky_ex(
        kernel + weight * identity
    )  # NaN, not an exception, if it fails
    dual = torch.cholesky_solve(targets.to(exact), factor)
    return queries @ (features.T @ dual).to(queries.dtype)


def ridge_loss(
    support: Tensor, targets: Tensor, queries: Tensor, query_targets: Tensor, ridge: float
) -> Tensor:
    """Half the squared error of `ridge_predictions`: sum over classes, mean over queries; a scalar."""
    error = query_targets - ridge_predictions(support, targets, queries, ridge)
    return 0.5 * error.square().sum(1).mean()
