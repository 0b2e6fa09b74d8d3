"""Random class-balanced subsets of the real training images (Section 4.2, Figures 3 and 7)."""

from pathlib import Path

import torch
from torch import Tensor

from crossarch.data.content import content_order
from crossarch.data.store import ImageSet, check_set, save_tensors
from crossarch.data.whitening import Whitener
from crossarch.errors import DataError


def draw(real: ImageSet, ipc: int, seed: int) -> Tensor:
    """Indices of `ipc` random images of each class, (ipc classes,) int64, class by class.

    The images are uint8, labels (N,) int64. In whatever order the images come, one seed draws the same
    ones; a smaller subset is part of a larger one. Raises ValueError if a class has fewer images.
    """
    chosen, order = [], content_order(real.images)
    for label in range(int(real.labels.max()) + 1):
        of_class = order[real.labels[order] == label]
        if len(of_class) < ipc:
            raise ValueError(f"class {label} has {len(of_class)} images")
        generator = torch.Generator().manual_seed(seed * 1_000_003 + label)
        chosen.append(of_class[torch.randperm(len(of_class), generator=generator)[:ipc]])
    return torch.cat(chosen)


def prepare_drawn(real: ImageSet, whitener: Whitener, ipc: int, seed: int, destination: Path) -> None:
    """Write a subset of the training images `real`, whitened, with its `indices` among them."""
    try:
        indices = draw(real, ipc, seed)
    except ValueError as error:
        raise DataError(f"{destination}: {error}, needed: {ipc}") from None
    subset = ImageSet(whitener(real.images[indices]), real.labels[indices])
    check_set(subset, str(destination))
    tensors = {"images": subset.images, "labels": subset.labels, "indices": indices}
    metadata = {"labels": "hard", "ipc": str(ipc), "seed": str(seed), "whitening": whitener.name}
    save_tensors(destination, tensors, metadata)
