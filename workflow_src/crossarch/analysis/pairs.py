"""Pairs of an original image and its copy in a data set that stands in for the original one.

A stand-in keeps the order of each class: its k-th image of a class is a copy of the original's k-th.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from crossarch.config.schema import Dataset
from crossarch.data.formats import channels_first, read_set
from crossarch.data.store import ImageSet, check_set
from crossarch.errors import DataError

Split = Literal["train", "test"]
ALIKE = 0.99  # of the copies have to be nearer to their original than the copy that comes next


@dataclass(frozen=True)
class Pairs:
    """Originals and their copies, both (N, C, H, W) uint8, classes (N,) int64, and their split."""

    originals: Tensor
    copies: Tensor
    labels: Tensor
    split: Split


def read_originals(file: Path, dataset: Dataset) -> ImageSet:
    """Images (N, C, H, W) uint8 and labels (N,) int64 of an .npz; it may have the channels last.

    Raises DataError where they are not images of `dataset`.
    """
    loaded = read_set("npz", [file])
    images = channels_first(loaded.images, dataset.channels)
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != dataset.image_shape:
        raise DataError(
            f"{file}: images: found {tuple(images.shape)} {images.dtype}, needed: any number of "
            f"{dataset.image_shape}, uint8"
        )
    if loaded.labels.ndim != 1 or loaded.labels.is_floating_point():
        found = f"{tuple(loaded.labels.shape)} {loaded.labels.dtype}"
        raise DataError(f"{file}: labels: found {found}, needed: (N,) whole numbers")
    originals = ImageSet(images.contiguous(), loaded.labels.long())
    check_set(originals, str(file), dataset.classes)
    return originals


def make_pairs(originals: ImageSet, copies: ImageSet, split: Split, file: str) -> Pairs:
    """Pair the k-th original of each class with the k-th copy of that class, in the originals' order.

    `file` has the originals, for messages. Raises DataError where a class has more originals than
    copies, or where the images of the pairs do not look alike.
    """
    places = torch.empty(len(originals.labels), dtype=torch.int64)
    for label in originals.labels.unique().tolist():
        of_class = (originals.labels == label).nonzero().squeeze(1)
        copied = (copies.labels == label).nonzero().squeeze(1)
        if len(copied) < len(of_class):
            raise DataError(
                f"{file}: found {len(of_class)} images of class {label}, but the stand-in has "
                f"{len(copied)} in its {split} set"
            )
        places[of_class] = copied[: len(of_class)]
    paired = copies.images[places]
    share = _share_alike(originals.images, paired)
    if share < ALIKE:
        raise DataError(
            f"{file}: found {100 * share:.0f}% of the images alike their copies in the stand-in's "
            f"{split} set, needed: {100 * ALIKE:.0f}%; its images have to be in the original order"
        )
    return Pairs(originals.images, paired, originals.labels, split)


def _share_alike(originals: Tensor, paired: Tensor) -> float:
    """The share of originals (N, C, H, W) that are nearer to their copy than to that of the next one."""
    if len(originals) < 2:
        return 1.0
    own, next_one = (
        (originals.short() - copies.short()).abs().float().mean((1, 2, 3))
        for copies in (paired, paired.roll(-1, 0))
    )
    return float((own < next_one).float().mean())
