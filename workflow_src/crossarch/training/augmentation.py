"""k-fold augmentation (Section 3.3): k operations a batch, each with its own parameters a sample.

The pool and its strengths are those of differentiable siamese augmentation (Zhao and Bilen 2021), as
used by MTT: color, crop, cutout, flip, scale, rotate. Images are (N, C, H, W) float of any range (also
whitened); nothing here loops over samples, and every random number comes from the given generator.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from crossarch.config.schema import Augmentation

Operation = Callable[[Tensor, Augmentation, Generator], Tensor]


def augment(images: Tensor, settings: Augmentation, draws: Generator, values: Generator) -> Tensor:
    """Apply `settings.folds` operations, drawn without replacement, in the drawn order.

    `draws` (a CPU generator) chooses the operations, `values` (on the images' device) their parameters.
    """
    order = torch.randperm(len(OPERATIONS), generator=draws)[: settings.folds]
    for index in order.tolist():
        images = OPERATIONS[index](images, settings, values)
    return images


def color(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Brightness, then saturation, then contrast; all are linear in the pixels."""
    u = _uniform(images, values)
    images = images + (u - 0.5) * settings.brightness
    u = _uniform(images, values)
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, u * settings.saturation)
    u = _uniform(images, values)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, u + settings.contrast)


def crop(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Shift by up to `crop_pad` of the side in each direction; what comes in is zero."""
    count, _, height, width = images.shape
    pad_y, pad_x = round(height * settings.crop_pad), round(width * settings.crop_pad)
    rows = _integers(count, 2 * pad_y + 1, images, values)[:, None] + _range(height, images)
    columns = _integers(count, 2 * pad_x + 1, images, values)[:, None] + _range(width, images)
    padded = F.pad(images, (pad_x, pad_x, pad_y, pad_y)).permute(0, 2, 3, 1)
    samples = _range(count, images)[:, None, None]
    return padded[samples, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Zero a square of `cutout` of the side whose centre lies anywhere; it is clipped at the border."""
    count, _, height, width = images.shape
    inside_y = _window(count, height, round(height * settings.cutout), images, values)
    inside_x = _window(count, width, round(width * settings.cutout), images, values)
    hole = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    return images.masked_fill(hole, 0.0)


def flip(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Mirror left and right with probability `flip`."""
    return torch.where(_uniform(images, values) < settings.flip, images.flip(3), images)


def scale(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Zoom each axis by its own U(1 / scale, scale); a factor over 1 shrinks the picture."""
    low = 1.0 / settings.scale
    factors = low + (settings.scale - low) * _uniform(images, values, 2)
    zero = torch.zeros_like(factors[:, 0])
    rows = (factors[:, 0], zero, zero, zero, factors[:, 1], zero)
    return _warp(images, torch.stack(rows, dim=1).view(-1, 2, 3))


def rotate(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
    """Rotate by U(-rotate, rotate) degrees about the centre."""
    angle = (_uniform(images, values, 1)[:, 0] - 0.5) * (2.0 * settings.rotate * math.pi / 180.0)
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = (cosine, -sine, zero, sine, cosine, zero)
    return _warp(images, torch.stack(rows, dim=1).view(-1, 2, 3))


OPERATIONS: tuple[Operation, ...] = (color, crop, cutout, flip, scale, rotate)


def _warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Affine warp (N, 2, 3) by bilinear sampling; outside is zero."""
    grid = F.affine_grid(matrices, list(images.shape), align_corners=True)
    return F.grid_sample(images, grid, align_corners=True)


def _window(count: int, side: int, length: int, like: Tensor, values: Generator) -> Tensor:
    """(N, side) bool: `length` pixels round a centre drawn from 0..side, clipped at the border."""
    centre = _integers(count, side + 1 - length % 2, like, values)[:, None]
    position = _range(side, like)[None, :]
    return (position >= centre - length // 2) & (position < centre - length // 2 + length)


def _uniform(like: Tensor, values: Generator, *shape: int) -> Tensor:
    """U(0, 1), by default (N, 1, 1, 1): one number a sample."""
    size = (like.shape[0], *(shape or (1, 1, 1)))
    return torch.rand(size, generator=values, device=like.device, dtype=like.dtype)


def _integers(count: int, high: int, like: Tensor, values: Generator) -> Tensor:
    """(N,) integers from 0 to high - 1."""
    return torch.randint(high, (count,), generator=values, device=like.device)


def _range(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, device=like.device)
