"""In which space does a set live? The shape of its spectrum against that of the test set in each space.

What is not known about a set is drawn anew in each of many resamples: which images the set holds,
which frequencies count, and whether its making added noise. A space's share of the resamples in which
it fits best says how sure the answer is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Confidence = Literal["certain", "likely", "undecided"]
CERTAIN, LIKELY = 0.95, 0.80  # shares of the resamples
RESAMPLES = 1_000
NOISE_LEVELS = torch.cat([torch.zeros(1), torch.logspace(-5, 0, 41)])  # of the signal's power


@dataclass(frozen=True)
class Fit:
    """How well a space fits: distances of the whole set, and how often the space was the best.

    A distance is the root mean square, over the bands, of the natural logarithm of set / test set, after
    the best overall scale (`distance`) or scale and noise floor (`distance_with_noise`).
    """

    distance: float
    distance_with_noise: float
    share: float


@dataclass(frozen=True)
class Verdict:
    """The best-fitting space and how sure that is."""

    space: str
    confidence: Confidence
    fits: Mapping[str, Fit]

    @property
    def share(self) -> float:
        """The share of the resamples in which the space fits best."""
        return self.fits[self.space].share


def best_space(
    power: Tensor, references: Mapping[str, Tensor], sizes: Tensor, *, seed: int = 0
) -> Verdict:
    """Compare a set's `power` (N, bands) with the test set's spectrum (bands,) in each space.

    `sizes` (bands,) counts the coefficients of each band. Resamples draw N images with replacement, as
    many bands as there are, with replacement (the zero frequency is always among them: the mean level is
    all that tells `none` from `standardise`), and noise or no noise with equal odds.
    """
    generator = torch.Generator().manual_seed(seed)
    images = _draws(len(power), RESAMPLES, generator)
    spectra = images @ power / len(power)
    bands = power.shape[1]
    weights = torch.cat([torch.ones(RESAMPLES, 1), _draws(bands - 1, RESAMPLES, generator)], 1)
    noisy = torch.rand(RESAMPLES, generator=generator) < 0.5

    distances = []
    whole = {}
    for name, reference in references.items():
        candidates = with_noise(reference, sizes)
        plain, best = (
            shape_distance(spectra, some, weights).amin(1) for some in (reference[None], candidates)
        )
        distances.append(torch.where(noisy, best, plain))
        of_set = shape_distance(power.mean(0)[None], candidates, torch.ones(1, bands))[0]
        whole[name] = (float(of_set[0]), float(of_set.min()))
    wins = torch.bincount(torch.stack(distances).argmin(0), minlength=len(references))
    shares = (wins / RESAMPLES).tolist()
    fits = {name: Fit(*whole[name], share) for name, share in zip(references, shares, strict=True)}
    space = max(fits, key=lambda name: fits[name].share)
    return Verdict(space, confidence_of(fits[space].share), fits)


def confidence_of(share: float) -> Confidence:
    """`certain` from 95 % of the resamples on, `likely` from 80 %, else `undecided`."""
    return "certain" if share >= CERTAIN else "likely" if share >= LIKELY else "undecided"


def with_noise(spectrum: Tensor, sizes: Tensor) -> Tensor:
    """`spectrum` (bands,) plus white noise of each of NOISE_LEVELS: (levels, bands), the first without.

    Noise is never stronger than the signal (all bands but the zero frequency): beyond that a spectrum
    says nothing of the space any more.
    """
    signal = (spectrum[1:] * sizes[1:]).sum() / sizes[1:].sum()
    return spectrum + NOISE_LEVELS[:, None] * signal


def shape_distance(spectra: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """Distances (R, S) of `spectra` (R, bands) to `references` (S, bands) up to an overall scale.

    The weighted standard deviation over the bands of log(spectrum / reference); `weights` (R, bands).
    """
    tiny = torch.finfo(torch.float32).tiny
    logs = [x.clamp(min=tiny).log() for x in (spectra, references)]
    ratio = logs[0][:, None] - logs[1][None]
    weight = (weights / weights.sum(1, keepdim=True))[:, None]
    centred = ratio - (ratio * weight).sum(2, keepdim=True)
    return (centred.square() * weight).sum(2).sqrt()


def _draws(count: int, times: int, generator: torch.Generator) -> Tensor:
    """How often each of `count` things is drawn in `count` draws with replacement: (times, count)."""
    drawn = torch.randint(count, (times, count), generator=generator)
    return torch.zeros(times, count).scatter_add_(1, drawn, torch.ones(times, count))
