"""Whitening: the pixel space that a distilled set lives in, fitted once on the real training images.

`zca-kornia` works on pixels in [0, 1] with a fixed ridge of 0.1, as kornia's ZCAWhitening(eps=0.1);
`zca-frepo` standardises each channel first and takes a ridge of 0.1 of the mean eigenvalue, as FRePo
(Zhou et al. 2022). Both rotate back to pixels, so that an image still looks like one. `standardise`
scales each channel by FRePo's constants, `standardise-mtt` by MTT's (Cazenavette et al. 2022),
`constants_...` by custom ones. `zca-kip` is that of KIP (Nguyen et al. 2021) and RFAD (Loo et al. 2022):
channels are standardised, each image is centred and scaled to length 1, and ZCA has no mean image.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from crossarch.config.schema import Dataset, Whitening
from crossarch.data.store import load_metadata, load_tensors, save_tensors
from crossarch.errors import DataError

RIDGE = 0.1
MIXING: tuple[Whitening, ...] = (
    "zca-kornia",
    "zca-frepo",
    "zca-kip",
)  # the others treat each pixel alone
CHUNK = 2_000  # images at a time: keeps copies in floating point small


@dataclass(frozen=True)
class Whitener:
    """x -> ((pixel / 255 - shift) / scale - mean) @ matrix, back in image shape, float32.

    `shift` and `scale` are (C,); `mean` is (C H W,); `matrix` is symmetric (C H W, C H W). Both of the
    latter are None in the spaces that mix no pixels. In `zca-kip` each image is normalised first.
    """

    name: Whitening
    shift: Tensor
    scale: Tensor
    mean: Tensor | None = None
    matrix: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to whitened (N, C, H, W) float32."""
        whitened = self._scaled(images)
        if self.mean is not None and self.matrix is not None:
            flat = whitened.flatten(1)
            whitened = ((flat - self.mean) @ self.matrix).view_as(whitened)
        return whitened

    def to(self, device: torch.device) -> "Whitener":
        """The same whitener with its tensors on `device`."""
        mean, matrix = (None if x is None else x.to(device) for x in (self.mean, self.matrix))
        return Whitener(self.name, self.shift.to(device), self.scale.to(device), mean, matrix)

    def unwhiten(self, images: Tensor) -> Tensor:
        """Whitened (N, C, H, W) float32 back to pixels in [0, 1] (not clipped).

        In `zca-kip`, which keeps neither, each image gets the mean and deviation of all.
        """
        if self.mean is not None and self.matrix is not None:
            inverse = torch.linalg.inv(self.matrix.double())
            flat = images.double().flatten(1) @ inverse + self.mean
            if self.name == "zca-kip":
                flat = flat * math.sqrt(flat.shape[1])
            images = flat.float().view_as(images)
        return images * self.scale[:, None, None] + self.shift[:, None, None]

    def _scaled(self, images: Tensor) -> Tensor:
        pixels = images.float() / 255.0
        scaled = (pixels - self.shift[:, None, None]) / self.scale[:, None, None]
        if self.name == "zca-kip":
            centred = scaled - scaled.mean((1, 2, 3), keepdim=True)
            scaled = F.normalize(centred.flatten(1)).view_as(scaled)
        return scaled


def fit_whitener(name: Whitening, dataset: Dataset, images: Tensor) -> Whitener:
    """Fit a whitening to the training images (N, C, H, W) uint8 of `dataset`."""
    constants = dataset.standardisation(name)
    if constants is None:
        raise DataError(f"{dataset.title}: found no constants for the whitening {name!r}")
    shift, scale = torch.tensor(constants.mean), torch.tensor(constants.std)
    plain = Whitener(name, shift, scale)
    if name not in MIXING:
        return plain
    mean, scatter = _mean_and_scatter(images, plain._scaled, centred=name != "zca-kip")
    if name == "zca-kornia":
        covariance = scatter / (len(images) - 1)
        ridge = RIDGE
    else:
        covariance = scatter / len(images)
        ridge = RIDGE * float(covariance.trace()) / len(covariance)
    eigenvalues, vectors = torch.linalg.eigh(covariance)
    matrix = (vectors * (eigenvalues.clamp(min=0) + ridge).rsqrt()) @ vectors.T
    return Whitener(name, shift, scale, mean.float(), matrix.float())


def save_whitener(path: Path, whitener: Whitener) -> None:
    """Write a whitener as safetensors, atomically."""
    tensors = {"shift": whitener.shift, "scale": whitener.scale}
    if whitener.mean is not None and whitener.matrix is not None:
        tensors |= {"mean": whitener.mean, "matrix": whitener.matrix}
    save_tensors(path, tensors, {"whitening": whitener.name})


def load_whitener(path: Path) -> Whitener:
    """Read a whitener; DataError if the file is damaged."""
    name = load_metadata(path).get("whitening", "none")
    names = ("shift", "scale", "mean", "matrix") if name in MIXING else ("shift", "scale")
    return Whitener(name, **load_tensors(path, names))


def _mean_and_scatter(
    images: Tensor, scaled: Callable[[Tensor], Tensor], *, centred: bool
) -> tuple[Tensor, Tensor]:
    """Mean (D,), 0 unless `centred`, and scatter matrix (D, D) of scaled, flat images, in float64."""
    parts = images.split(CHUNK)
    mean = torch.as_tensor(sum(scaled(part).flatten(1).double().sum(0) for part in parts)) / len(images)
    mean = mean * centred
    scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for part in parts:
        flat = scaled(part).flatten(1).double() - mean
        scatter.addmm_(flat.T, flat)
    return mean, scatter
