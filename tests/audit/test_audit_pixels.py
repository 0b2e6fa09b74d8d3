"""Statistics of pixels against numpy and hand-computed values."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from crossarch.audit.pixels import (
    band_sizes,
    grey_power,
    neighbour_correlation,
    pixel_statistics,
)


def images(count: int = 7, channels: int = 3, side: int = 16) -> torch.Tensor:
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(3))


def test_neighbour_correlation_is_pearsons() -> None:
    some = images() + torch.linspace(0, 3, 16)
    expected = np.corrcoef(some[..., :-1].flatten().numpy(), some[..., 1:].flatten().numpy())[0, 1]
    assert neighbour_correlation(some) == pytest.approx(expected, abs=1e-5)


def test_neighbour_correlation_of_known_images() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(2, 3, 16, 16)
    assert neighbour_correlation(stripes) == pytest.approx(-1.0, abs=0.01)
    assert neighbour_correlation(torch.full((2, 3, 8, 8), 0.5)) == 0.0


def dct_matrix(size: int) -> np.ndarray:
    """The orthonormal DCT-II by its definition, rows ordered by frequency."""
    position = np.arange(size)
    matrix = np.cos(np.pi / size * (position + 0.5) * position[:, None]) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return matrix


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_grey_power_is_that_of_the_dct_by_its_definition(side: int) -> None:
    some = images(side=side)
    coefficients = dct_matrix(side) @ some.mean(1).double().numpy() @ dct_matrix(side).T
    rows, columns = np.mgrid[:side, :side]
    frequency = np.hypot(rows, columns)
    edges = [0, 0.5, *(2 ** (half / 2) for half in range(1, 20))]
    expected = [
        (coefficients[:, inside] ** 2).mean(1)
        for low, high in pairwise(edges)
        if (inside := (frequency >= low - 1e-9) & (frequency < high - 1e-9)).any()
    ]
    np.testing.assert_allclose(grey_power(some), np.stack(expected, 1), rtol=1e-3)


def test_no_power_is_lost() -> None:
    some = images(channels=1)
    energy = (grey_power(some) * band_sizes(16, 16)).sum(1)
    torch.testing.assert_close(energy, some.square().sum((1, 2, 3)))


def test_zero_frequency_holds_the_mean_level() -> None:
    power = grey_power(torch.full((1, 3, 8, 8), 0.5))
    assert power[0, 0] == pytest.approx(0.25 * 64)
    assert power[0, 1:].abs().max() < 1e-9


def test_statistics_of_a_set() -> None:
    some = images(count=1_100, side=8) * 2 + 1
    found = pixel_statistics(some)
    assert found.mean == pytest.approx(float(some.numpy().mean()), abs=1e-5)
    assert found.std == pytest.approx(float(some.numpy().std()), abs=1e-5)
    assert found.power.shape == (1_100, len(band_sizes(8, 8)))
    torch.testing.assert_close(found.spectrum, grey_power(some).mean(0))
