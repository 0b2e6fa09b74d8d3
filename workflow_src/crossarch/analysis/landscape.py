"""The training loss around a network's weights, in the plane of two directions (Figure 8 b, c)."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from crossarch.analysis.hessian import Batches, mean_loss
from crossarch.files import write_text
from crossarch.models.copies import copied

COLUMNS = ("alpha1", "alpha2", "loss")


def offsets(extent: float, points: int) -> NDArray[Any]:
    """Evenly spaced places from -extent to extent, (points,); an odd number has 0 among them."""
    return np.linspace(-extent, extent, points)


@torch.no_grad()
def landscape(
    network: nn.Module,
    batches: Batches,
    directions: NDArray[Any],
    places: NDArray[Any],
    progress: Callable[[int], None] = lambda points: None,
) -> NDArray[Any]:
    """The losses L(theta + a1 v1 + a2 v2), (m, m): a1 by row, a2 by column, both going through `places`.

    `directions` (n, 2) are v1 and v2 as columns, in the order of `network.parameters()`; `places` is
    (m,). The network keeps its weights and its mode. `progress` is told the number of points so far.
    """
    moved = copied(network)
    weights = parameters_to_vector(moved.parameters())
    first, second = (torch.as_tensor(column).to(weights) for column in directions.T)
    losses = np.empty((len(places), len(places)))
    for row, along_first in enumerate(places):
        base = weights + float(along_first) * first
        for column, along_second in enumerate(places):
            vector_to_parameters(base + float(along_second) * second, moved.parameters())
            losses[row, column] = float(mean_loss(moved, batches))
            progress(row * len(places) + column + 1)
    return losses


def write_landscape(places: NDArray[Any], losses: NDArray[Any], destination: Path) -> None:
    """Write a landscape as CSV, `alpha1, alpha2, loss`, a row a point, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, along_first in enumerate(places):
        for column, along_second in enumerate(places):
            numbers = (along_first, along_second, losses[row, column])
            writer.writerow([f"{number:.8g}" for number in numbers])
    write_text(destination, text.getvalue())
