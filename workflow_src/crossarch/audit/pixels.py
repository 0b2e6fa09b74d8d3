"""What the pixels of a set are like: a few numbers that whitening changes and a class does not."""

from dataclasses import dataclass
from functools import cache

import torch
from scipy.fft import dctn
from torch import Tensor

CHUNK = 500  # images at a time: keeps intermediate copies small


@dataclass(frozen=True)
class PixelStatistics:
    """Statistics of images (N, C, H, W).

    `mean` and `std` are those of all pixels of all channels; `neighbour_correlation` is Pearson's, of
    horizontal neighbours, all channels together; `power` (N, bands) is each image's grey spectrum.
    """

    mean: float
    std: float
    neighbour_correlation: float
    power: Tensor

    @property
    def spectrum(self) -> Tensor:
        """Mean power of the set in each band, (bands,)."""
        return self.power.mean(0)


def pixel_statistics(images: Tensor) -> PixelStatistics:
    """Measure images (N, C, H, W), float, in any space."""
    return PixelStatistics(
        mean=float(images.mean()),
        std=float(images.std(correction=0)),
        neighbour_correlation=neighbour_correlation(images),
        power=torch.cat([grey_power(part) for part in images.split(CHUNK)]),
    )


def neighbour_correlation(images: Tensor) -> float:
    """Pearson's correlation of pixels (N, C, H, W) with their right-hand neighbours; 0 if constant."""
    left, right = images[..., :-1], images[..., 1:]
    left, right = left - left.mean(), right - right.mean()
    product = (left.square().mean() * right.square().mean()).sqrt()
    return float((left * right).mean() / product.clamp(min=torch.finfo(product.dtype).tiny))


def grey_power(images: Tensor) -> Tensor:
    """Power of the grey image (mean of the channels) in each frequency band: (N, C, H, W) -> (N, bands).

    The transform is the orthonormal DCT-II, which has no seam at the borders; the power of a band is
    the mean square of its coefficients. Band 0 is the zero frequency, the others are half octaves.
    Colour is left out.
    """
    grey = images.float().mean(1)
    height, width = grey.shape[1:]
    coefficients = torch.from_numpy(dctn(grey.numpy(), axes=(1, 2), norm="ortho"))
    membership, counts = _membership(height, width)
    return coefficients.square().flatten(1) @ membership / counts


def band_sizes(height: int, width: int) -> Tensor:
    """How many DCT coefficients each band of `grey_power` holds, (bands,)."""
    return _membership(height, width)[1]


@cache
def _membership(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which coefficient (H W) lies in which band, (H W, bands) of 0 and 1, and the bands' sizes.

    Band b > 0 holds frequencies f with 2^((b - 1) / 2) <= f < 2^(b / 2), f = sqrt(row^2 + column^2);
    a band that holds none (where the grid is coarse) does not exist.
    """
    frequency_squared = (torch.arange(height)[:, None] ** 2 + torch.arange(width) ** 2).flatten()
    half_octave = torch.log2(frequency_squared.clamp(min=1).double()).floor().long() + 1
    band = torch.where(frequency_squared == 0, 0, half_octave)
    membership = torch.nn.functional.one_hot(band.unique(return_inverse=True)[1]).float()
    return membership, membership.sum(0)
