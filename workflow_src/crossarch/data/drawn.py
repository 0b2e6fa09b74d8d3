"""Random class-balanced subsets of the real training images (Section 4.2, Figures 3 and 7)."""

from pathlib import Path

import torch
from torch import Tensor

from crossarch.data.store import ImageSet, check_set, save_tensors
from crossarch.data.whitening import Whitener
from crossarch.errors import DataError


def draw(labels: Tensor, ipc: int, seed: int) -> Tensor:
    """Indices of `ipc` random images of each class, (ipc classes,) int64, class by class.

    `labels` are (N,) int64. With one seed a smaller subset is part of a larger one. Raises ValueError
    if a class has fewer images.
    """
    chosen = []
    for label in range(int(labels.max()) + 1):
        of_class = torch.nonzero(labels == label).flatten()
        if len(of_class) < ipc:
            raise ValueError(f"class {label} has {len(of_class)} images")
        generator = torch.Generator().manual_seed(seed * 1_000_003 + label)
        chosen.append(of_class[torch.randperm(len(of_class), generator=generator)[:ipc]])
    return torch.cat(chosen)


def prepare_drawn(real: ImageSet, whitener: Whitener, ipc: int, seed: int, destination: Path) -> None:
    """Write a subset of the training images `real`, whitened, with its `indices` among them."""
    try:
        indices = draw(real.labels, ipc, seed)
    except ValueError as error:
        raise DataError(f"{destination}: {error}, needed: {ipc}") from None
    subset = ImageSet(whitener(real.images[indices]), real.labels[indices])
    check_set(subset, str(destination))
    tensors = {"images": subset.images, "labels": subset.labels, "indices": indices}
    metadata = {"labels": "hard", "ipc": str(ipc), "seed": str(seed), "whitening": whitener.name}
    save_tensors(destination, tensors, metadata)
