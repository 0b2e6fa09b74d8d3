"""Mistakes in a set whose shapes are all right: an error or a warning of one line each."""

import math

import torch
from torch import Tensor

from crossarch.config.schema import Dataset, Whitening
from crossarch.data.canonical import kind_of
from crossarch.data.whitening import MIXING, RIDGE
from crossarch.errors import DataError, warn

LARGEST = 1e4
"""Pixels beyond this are an error: real ones reach 1 in `none`, a few times that in any other space."""

SCALES = 10.0
"""How many times the deviation of real images a set's own may be, or be smaller, without a warning."""

OUTSIDE = 0.01
"""How far pixels of `none` may lie outside of 0 to 1 without a warning: learned ones overshoot."""


def check_scale(images: Tensor, dataset: Dataset, whitening: Whitening, file: str) -> None:
    """Warn where images (N, C, H, W), float32, are hardly on the scale of real ones in their space.

    Raises DataError for values that no space has, and for a set without a value below 0 in a centred
    space (any but `none`).
    """
    low, high = float(images.min()), float(images.max())
    found = f"{file}: images: found {low:.3g} to {high:.3g}"
    if max(-low, high) > LARGEST:
        raise DataError(f"{found}, allowed in every space: -{LARGEST:g} to {LARGEST:g}")
    scales = dataset.standardisation(whitening)
    centred = whitening in MIXING or (scales is not None and min(scales.mean) > 0)
    if centred and 0 <= low < high:
        raise DataError(
            f"{found}, no value below 0, which no set in {whitening!r} has; for pixels from 0 to 1 or "
            "255 write `pixels: raw` in the source, or `whitening: none`"
        )
    usual, deviation = usual_deviation(dataset, whitening), float(images.double().std(correction=0))
    if not usual / SCALES <= deviation <= usual * SCALES:
        span = ", expected 0 to 1" if whitening == "none" else ""
        warn(
            f"{found}{span}, with a standard deviation of {deviation:.3g}; real images in {whitening!r} "
            f"have about {usual:.2g}: are these on another scale?"
        )
    elif whitening == "none" and not (low >= -OUTSIDE and high <= 1 + OUTSIDE):
        warn(f"{found}, expected in 'none': 0 to 1; are these standardised or on another scale?")


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
    ridge = RIDGE if whitening == "zca-kornia" else RIDGE * variance  # `zca-kip`: as if not scaled
    return math.sqrt(variance / (variance + ridge))


def check_soft_labels(labels: Tensor, logits: Tensor, temperature: float, file: str) -> None:
    """Warn where labels (N, classes) are of a kind that softmax(logits / temperature) hardly means."""
    kind = kind_of(labels)
    if kind in ("probabilities", "log-probabilities") and temperature != 1:
        warn(
            f"{file}: the labels are {kind}, which `label_temperature` {temperature:g} makes others; 1 "
            "would keep them"
        )
    if kind == "centred one-hot":
        largest = float((logits / temperature).softmax(1).max())
        warn(
            f"{file}: the labels are {kind}, whose targets at `label_temperature` {temperature:g} are "
            f"{largest:.2g} for the class itself"
        )
    classes = logits.argmax(1).unique()
    if len(labels) > 1 and len(classes) == 1:
        warn(
            f"{file}: labels: found the largest of every image in class {int(classes)}, expected: some "
            f"in each of {labels.shape[1]} classes"
        )


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
