"""In which space does a set live? The shape of its spectrum against that of the test set in each space.

What is not known about a set is drawn anew in each of many resamples: which images the set holds,
which frequencies count, and whether its making added noise. A space's share of the resamples in which
it fits best says how sure the answer is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from crossarch.audit.record import CERTAIN, LIKELY, RESAMPLES, Confidence
from crossarch.config.schema import Whitening

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

    space: Whitening
    confidence: Confidence
    fits: Mapping[Whitening, Fit]


def best_space(
    power: Tensor, references: Mapping[Whitening, Tensor], sizes: Tensor, *, seed: int = 0
) -> Verdict:
    """Compare a set's `power` (N, bands) with the test set's spectrum (bands,) in each space.

    `sizes` (bands,) counts the coefficients of each band. Resamples draw N images with replacement, as
    many bands as there are, with replacement (the zero frequency is always among them: the mean level is
    all that tells `none` from `standardise`), and noise or no noise with equal odds.
    """
    generator = torch.Generator().manual_seed(seed)
    spectra = _draws(len(power), generator) @ power / len(power)
    weights = torch.cat([torch.ones(RESAMPLES, 1), _draws(len(sizes) - 1, generator)], 1)
    noisy = torch.rand(RESAMPLES, generator=generator) < 0.5
    candidates = {name: with_noise(reference, sizes) for name, reference in references.items()}
    distances = [
        torch.where(noisy, of_space.amin(1), of_space[:, 0])
        for of_space in (shape_distance(spectra, some, weights) for some in candidates.values())
    ]
    wins = torch.bincount(torch.stack(distances).argmin(0), minlength=len(references))
    fits = {}
    for (name, some), won in zip(candidates.items(), wins.tolist(), strict=True):
        of_set = shape_distance(power.mean(0)[None], some, torch.ones(1, len(sizes)))[0]
        fits[name] = Fit(float(of_set[0]), float(of_set.min()), won / RESAMPLES)
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


def _draws(count: int, generator: torch.Generator) -> Tensor:
    """How often each of `count` things is drawn in `count` draws: (RESAMPLES, count)."""
    drawn = torch.randint(count, (RESAMPLES, count), generator=generator)
    return torch.zeros(RESAMPLES, count).scatter_add_(1, drawn, torch.ones(RESAMPLES, count))
