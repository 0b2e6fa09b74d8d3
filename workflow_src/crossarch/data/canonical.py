"""The canonical form of images and labels, whatever layout, dtype, scale and kind they were stored in.

What is unambiguous is recognised; what is not is an error that names the key of the set that decides.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from crossarch.config.schema import LabelForm, PixelLayout
from crossarch.errors import DataError

ROUNDING = 0.05
"""How far from 1 the sum of rounded probabilities may be."""

_SMALLEST = 1e-30
"""What a probability of 0 counts as, whose logarithm is not finite."""

Kind = Literal["one-hot", "probabilities", "log-probabilities", "centred one-hot", "logits", "unclear"]


def channels_first(
    images: Tensor, shape: tuple[int, int, int], layout: PixelLayout | None, file: str
) -> Tensor:
    """Images of `shape` (C, H, W) in any layout, as (N, C, H, W); those of another shape as they are.

    (N, H, W, C), (classes, IPC, C, H, W) and, of one channel, (N, H, W) are told by their shape. Raises
    DataError where that leaves two layouts, and for flat images (N, C H W), unless `layout` decides.
    """
    channels, height, width = shape
    last = (height, width, channels)
    sides = last if layout == "channels_last" else shape
    if images.ndim == 2 and images.shape[1] == math.prod(shape):
        if layout is None and channels > 1:
            raise DataError(
                f"{file}: images: found shape {tuple(images.shape)}, flat, expected `layout` in the "
                "set: channels_first or channels_last"
            )
        images = images.view(-1, *sides)
    if images.ndim == 3 and channels == 1 and images.shape[1:] == (height, width):
        return images[:, None]
    if images.ndim == 5 and images.shape[2:] in (shape, last):
        images = images.flatten(0, 1)
    found = tuple(images.shape[1:])
    if found == shape == last and layout is None and channels > 1:
        raise DataError(
            f"{file}: images: found shape {tuple(images.shape)}, expected `layout` in the set: "
            "channels_first or channels_last"
        )
    if channels == 1 and found in ((3, height, width), (height, width, 3)):
        return one_if_grey(images if found[0] == 3 else images.permute(0, 3, 1, 2))
    if found == last and (found != shape or layout == "channels_last"):
        return images.permute(0, 3, 1, 2)
    return images


def one_if_grey(images: Tensor) -> Tensor:
    """(N, 3, H, W) with three equal channels, as grey image files are decoded, as (N, 1, H, W)."""
    grey = images.ndim == 4 and images.shape[1] == 3 and bool((images == images[:, :1]).all())
    return images[:, :1] if grey else images


def raw_pixels(images: Tensor, file: str) -> Tensor:
    """Pixels from 0 to 255: uint8, or floats from 0 to 1 or 255. Raises DataError for any others."""
    if images.dtype == torch.uint8:
        return images
    low, high = float(images.min()), float(images.max())
    if images.is_floating_point() and low >= 0 and high <= 1:
        return images.float() * 255
    if low >= 0 and 1 < high <= 255:
        return images.float()
    raise DataError(
        f"{file}: images: found {low:.3g} to {high:.3g} ({images.dtype}), expected for `pixels: raw`: "
        "0 to 255 or 0 to 1"
    )


def hard_labels(labels: Tensor, file: str) -> Tensor:
    """Class indices (N,) int64 of whole numbers of any dtype, (N, 1) or one-hot (N, classes).

    Raises DataError for fractions, which would be cut off silently, and for soft labels.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and kind_of(labels) == "one-hot":
        labels = labels.to(torch.float32).argmax(1)
    if labels.ndim != 1:
        raise DataError(
            f"{file}: labels: found shape {tuple(labels.shape)}, needed: (N,), since the source has "
            "`labels: hard`; for (N, classes) write `labels: soft`"
        )
    whole = labels.long()
    if labels.is_floating_point() and not torch.equal(whole.to(labels.dtype), labels):
        raise DataError(f"{file}: labels: found fractions, needed: whole numbers, or soft labels")
    return whole


def soft_labels(labels: Tensor, form: LabelForm | None, file: str) -> Tensor:
    """Logits (N, classes) float32 of soft labels; of probabilities p they are ln p.

    `form` says what they are, else their rows do. Raises DataError where these leave it open.
    """
    if labels.ndim != 2 or labels.shape[1] == 1:
        raise DataError(
            f"{file}: labels: found shape {tuple(labels.shape)}, needed: (N, classes), since the source "
            "has `labels: soft`; for class indices write `labels: hard`"
        )
    labels = labels.float()
    kind = kind_of(labels)
    if form is None and kind == "unclear":
        raise DataError(
            f"{file}: labels: found {float(labels.min()):.3g} to {float(labels.max()):.3g} in rows that "
            "do not sum to 1, expected `label_form` in the set: logits or probabilities"
        )
    if form == "logits" or (form is None and kind not in ("one-hot", "probabilities")):
        return labels
    if not bool((labels >= 0).all()):
        raise DataError(
            f"{file}: labels: found {float(labels.min()):.3g}, below 0, which no probability is; write "
            "`label_form: logits`"
        )
    return F.normalize(labels, p=1, dim=1).clamp(min=_SMALLEST).log()


def kind_of(labels: Tensor) -> Kind:
    """What the rows of labels (N, classes) are, by their values and sums, perhaps rounded."""
    rows = labels.double()
    sums = rows.sum(1)
    if bool(((rows == 0) | (rows == 1)).all()) and bool((sums == 1).all()):
        return "one-hot"
    if bool((rows >= 0).all()):
        if any(bool((sums / whole - 1).abs().max() < ROUNDING) for whole in (1, 100)):
            return "probabilities"
        return "unclear" if bool((rows <= 1).all()) else "logits"
    if bool((rows <= 0).all()) and bool((rows.exp().sum(1) - 1).abs().max() < 1e-3):
        return "log-probabilities"
    values = rows.float().mul(1e4).round().unique() / 1e4
    if len(values) == 2 and bool((((rows - values[1]).abs() < 1e-3).sum(1) == 1).all()):
        return "centred one-hot"
    return "logits"
