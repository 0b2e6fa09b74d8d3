"""The Hessian of a training loss, its eigenvalues of the largest magnitude, and the loss around weights.

Appendix B.5 has power iteration with deflation; Lanczos (ARPACK, through SciPy) finds the same pairs
from a fraction of the Hessian-vector products, which curvlinops computes.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from crossarch.errors import ConfigError, CrossarchError
from crossarch.models.copies import copied

# PyTorch and a library below curvlinops use what PyTorch is about to drop.
warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
from curvlinops import HessianLinearOperator  # noqa: E402

Batches = Sequence[tuple[Tensor, Tensor]]
"""Images (n, C, H, W) and targets, (n,) class indices or (n, classes) probabilities."""

RESTARTS = 300  # of Lanczos before it is given up
SEED = 0  # of the vector that it starts from


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues (k,) by falling magnitude, eigenvectors (n, k) of length 1, and how good they are.

    `residuals` (k,) are the lengths of H v - lambda v. `products` counts the matrix-vector products,
    those for the residuals among them. The entry of largest magnitude of each eigenvector is positive.
    """

    values: NDArray[Any]
    vectors: NDArray[Any]
    residuals: NDArray[Any]
    products: int


def hessian_of_loss(network: nn.Module, batches: Batches) -> LinearOperator:
    """The Hessian of the mean cross-entropy over `batches` with respect to all parameters of `network`.

    Parameters are those of `network.parameters()`, one after the other, flattened. The network is used
    in the mode that it is in: in evaluation mode batch norms have their running statistics, so that the
    loss is a mean over images. dtype and device are those of the parameters. A product raises
    CrossarchError where a layer of the network has no second derivative in PyTorch.
    """
    differentiable = with_plain_group_norms(network)
    parameters = [parameter.requires_grad_() for parameter in differentiable.parameters()]
    operator = HessianLinearOperator(
        differentiable,
        nn.CrossEntropyLoss(),
        parameters,
        list(batches),
        check_deterministic=False,  # it refuses parameters that evaluation has no use for
        num_data=sum(len(images) for images, _ in batches),
    )
    dtype = np.dtype(str(parameters[0].dtype).removeprefix("torch."))
    hessian = operator.to_scipy(dtype=dtype)

    def product(vector: NDArray[Any]) -> NDArray[Any]:
        try:
            return np.asarray(hessian.matvec(vector))
        except NotImplementedError as error:
            why, *_ = str(error).splitlines() or ["no message"]
            raise CrossarchError(f"the Hessian of this network cannot be computed: {why}") from None

    return LinearOperator(hessian.shape, matvec=product, dtype=dtype)


class PlainGroupNorm(nn.GroupNorm):
    """Group norm in plain operations: forward-mode derivatives know no others of it."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, ...) to the same."""
        grouped = input.unflatten(1, (self.num_groups, -1)).flatten(2)
        centred = grouped - grouped.mean(2, keepdim=True)
        normal = centred * (centred.square().mean(2, keepdim=True) + self.eps).rsqrt()
        scaled = normal.view_as(input)
        if self.affine:
            a_channel = (-1, *(1,) * (input.ndim - 2))
            scaled = scaled * self.weight.view(a_channel) + self.bias.view(a_channel)
        return cast(Tensor, scaled)


def with_plain_group_norms(network: nn.Module) -> nn.Module:
    """A copy of `network` that computes the same, its group norms as `PlainGroupNorm`."""
    plain = copied(network)
    for module in plain.modules():
        if type(module) is nn.GroupNorm:
            module.__class__ = PlainGroupNorm  # parameters, names and mode stay as they are
    return plain


def top_eigenpairs(operator: LinearOperator, count: int, tolerance: float) -> Eigenpairs:
    """The `count` eigenpairs of the largest magnitude of a symmetric operator (n, n), by Lanczos.

    An eigenvalue is accepted when its error is estimated at `tolerance` of its magnitude. The start
    vector is fixed, so that the same operator gives the same pairs. Raises ConfigError unless count < n,
    CrossarchError where Lanczos does not converge.
    """
    size, products = operator.shape[0], 0
    if count >= size:
        raise ConfigError(
            f"curvature.eigenvalues: found {count}, expected less than {size}, the network's parameters"
        )

    def product(vector: NDArray[Any]) -> NDArray[Any]:
        nonlocal products
        products += 1
        return np.asarray(operator.matvec(vector))

    counted = LinearOperator(operator.shape, matvec=product, dtype=operator.dtype)
    start = np.random.default_rng(SEED).standard_normal(size).astype(operator.dtype)
    try:
        values, vectors = eigsh(counted, k=count, which="LM", v0=start, tol=tolerance, maxiter=RESTARTS)
    except ArpackNoConvergence as error:
        found = len(error.eigenvalues)
        raise CrossarchError(
            f"found {found} of {count} eigenvalues after {products} products; a larger "
            "curvature.tolerance or fewer curvature.eigenvalues may help"
        ) from None
    order = np.argsort(-np.abs(values), kind="stable")
    values, vectors = values[order].astype(float), with_sign(vectors[:, order])
    residuals = [
        float(np.linalg.norm(product(vector) - value * vector))
        for value, vector in zip(values, vectors.T, strict=True)
    ]
    return Eigenpairs(values, vectors, np.array(residuals), products)


def with_sign(vectors: NDArray[Any]) -> NDArray[Any]:
    """Columns (n, k) times 1 or -1, so that the entry of the largest magnitude of each is positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return np.asarray(vectors * np.where(largest < 0, -1, 1).astype(vectors.dtype))


def mean_loss(network: nn.Module, batches: Batches) -> Tensor:
    """The mean cross-entropy over all images of `batches`, a scalar."""
    losses = [
        nn.functional.cross_entropy(network(images), targets, reduction="sum")
        for images, targets in batches
    ]
    return torch.stack(losses).sum() / sum(len(images) for images, _ in batches)


@torch.no_grad()
def landscape(
    network: nn.Module, batches: Batches, directions: NDArray[Any], offsets: NDArray[Any]
) -> NDArray[Any]:
    """The losses L(theta + a1 v1 + a2 v2), (m, m): a1 by row, a2 by column, each one of `offsets` (m,).

    `directions` (n, 2) are v1 and v2 as columns, in the order of `network.parameters()`. The network
    keeps its weights and its mode.
    """
    moved = copied(network)
    weights = parameters_to_vector(moved.parameters())
    first, second = (torch.as_tensor(column).to(weights) for column in directions.T)

    def loss(along_first: float, along_second: float) -> float:
        vector_to_parameters(weights + along_first * first + along_second * second, moved.parameters())
        return float(mean_loss(moved, batches))

    return np.array([[loss(float(row), float(column)) for column in offsets] for row in offsets])
