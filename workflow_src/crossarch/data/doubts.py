"""What a set of one's own may be mistaken in, though all of its shapes are right: one line for each."""

import math

import torch
from torch import Tensor

from crossarch.config.schema import Dataset, Whitening
from crossarch.data.whitening import MIXING, RIDGE
from crossarch.errors import DataError, warn

LARGEST = 1e4
"""Pixels beyond this are an error: real ones reach 1 in `none`, a few times that in any other space."""

SCALES = 10.0
"""How many times the deviation of real images a set's own may be, or be smaller, without a warning."""

ROUNDING = 0.05
"""How far from 1 the sum of rounded probabilities may be."""


def check_scale(images: Tensor, dataset: Dataset, whitening: Whitening, file: str) -> None:
    """Warn where images (N, C, H, W), float32, deviate far more or less than real ones in their space.

    Raises DataError for values that no space has.
    """
    low, high = float(images.min()), float(images.max())
    found = f"{file}: images: found {low:.3g} to {high:.3g}"
    if max(-low, high) > LARGEST:
        raise DataError(f"{found}, allowed in every space: -{LARGEST:g} to {LARGEST:g}")
    usual, deviation = usual_deviation(dataset, whitening), float(images.double().std(correction=0))
    if not usual / SCALES <= deviation <= usual * SCALES:
        span = ", expected 0 to 1" if whitening == "none" else ""
        warn(
            f"{found}{span}, with a standard deviation of {deviation:.3g}; real images in {whitening!r} "
            f"have about {usual:.2g}: are these on another scale?"
        )


def usual_deviation(dataset: Dataset, whitening: Whitening) -> float:
    """About the standard deviation of the real images in a space, by the constants of the data set.

    In the spaces that mix pixels it is sqrt(v / (v + ridge)), as if all directions had the same variance
    v: real images, of which a few directions have most, stay below it.
    """
    scales = dataset.standardisation(whitening)
    if scales is None:  # which is an error wherever it is needed
        return 1.0
    of_channels = zip(dataset.std, scales.std, strict=True)
    variance = sum((std / scale) ** 2 for std, scale in of_channels) / dataset.channels
    if whitening not in MIXING:
        return math.sqrt(variance)
    ridge = RIDGE if whitening == "zca-kornia" else RIDGE * variance
    return math.sqrt(variance / (variance + ridge))


def doubt_soft_labels(labels: Tensor, temperature: float, file: str) -> None:
    """Warn where labels (N, classes) are hardly logits of softmax(label / temperature)."""
    if kind := _kind_of_probabilities(labels):
        others = f"targets are softmax(label / {temperature}), which are others"
        warn(f"{file}: the labels are {kind}; {others}; {temperature} ln(p) would keep them")
    largest = labels.argmax(1).unique()
    if len(labels) > 1 and len(largest) == 1:
        warn(
            f"{file}: labels: found the largest of every image in class {int(largest)}, expected: some "
            f"in each of {labels.shape[1]} classes"
        )


def _kind_of_probabilities(labels: Tensor) -> str | None:
    """What rows of labels (N, classes) are if each sums up as probabilities do, perhaps rounded."""
    sums = labels.double().sum(1)
    if bool((labels >= 0).all()):
        for whole, kind in ((1, "probabilities"), (100, "probabilities in percent")):
            if bool((sums / whole - 1).abs().max() < ROUNDING):
                return kind
    return None


def check_balance(labels: Tensor, names: list[str], ipc: int, file: str) -> None:
    """Raise DataError unless every class has `ipc` images.

    `labels` are class indices (N,), `names` what the classes are called in the file.
    """
    counts = zip(torch.bincount(labels, minlength=len(names)).tolist(), names, strict=True)
    uneven = [
        f"{count} {'image' if count == 1 else 'images'} of class {name}"
        for count, name in counts
        if count != ipc
    ]
    if uneven:
        more = f" and {len(uneven) - 5} more" if len(uneven) > 5 else ""
        raise DataError(
            f"{file}: labels: found {', '.join(uneven[:5])}{more}, needed: {ipc} of each of "
            f"{len(names)} classes (ipc {ipc})"
        )
