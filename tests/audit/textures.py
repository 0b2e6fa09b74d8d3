"""Pretend photographs: textures with a falling spectrum and little colour, (N, 3, 16, 16) uint8."""

from functools import cache

import torch
from torch import Tensor

from crossarch.config import load_configuration
from crossarch.config.schema import Dataset
from crossarch.data.whitening import Whitener, fit_whitener

SIDE = 16
SPACES = ("none", "standardise", "zca-kornia", "zca-frepo")
DATASET: Dataset = (
    load_configuration().dataset("cifar10").model_copy(update={"image_size": SIDE, "classes": 2})
)


def textures(count: int, seed: int = 0) -> Tensor:
    """Images whose amplitude falls as 1 / frequency; channels share nine tenths of it."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.fft.fftfreq(SIDE)[:, None], torch.fft.rfftfreq(SIDE)
    amplitude = 1 / (rows.square() + columns.square()).sqrt().clamp(min=1 / SIDE)

    def field(channels: int) -> Tensor:
        noise = torch.randn(count, channels, SIDE, SIDE, generator=generator)
        smooth = torch.fft.irfft2(torch.fft.rfft2(noise) * amplitude, s=(SIDE, SIDE))
        return smooth / smooth.std()

    mixed = 0.9 * field(1) + (1 - 0.9**2) ** 0.5 * field(3)
    return ((0.48 + 0.22 * mixed).clamp(0, 1) * 255).round().to(torch.uint8)


@cache
def whiteners() -> dict[str, Whitener]:
    """All four spaces, fitted on the same images."""
    train = textures(2_000, seed=1)
    return {name: fit_whitener(name, DATASET, train) for name in SPACES}  # type: ignore[arg-type]
