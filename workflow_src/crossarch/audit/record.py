"""What the audit of one set found, as it is stored: every number, and the verdict in words."""

import math
from pathlib import Path
from typing import Literal

from crossarch.config.model import Model
from crossarch.config.runs import SetId
from crossarch.config.schema import Whitening
from crossarch.config.sets import audited_space
from crossarch.config.validation import as_data_error, validated
from crossarch.files import read_mapping

Confidence = Literal["certain", "likely", "undecided"]
RESAMPLES = 4_000
CERTAIN, LIKELY = 0.95, 0.80  # shares of the resamples

SCALES = 5.0
"""How many times a set's deviation may be the test set's before its scale is doubted; MTT's have 3."""

FAR = 1.0
"""Distance from which on a space is not that of a set, however much better it fits than the others.

The spectrum is off by a factor of e on the way; FRePo's and MTT's sets are at most 0.4 away from theirs.
"""


class Reference(Model):
    """The real test set that a set was compared with."""

    dataset: str
    title: str
    images: int

    @property
    def sentence(self) -> str:
        """`Compared with the 10000 test images of CIFAR-10.`"""
        return f"Compared with the {self.images} test images of {self.title}."


class Labels(Model):
    """Kind of the labels and images of each class (soft labels count for their largest)."""

    kind: Literal["hard", "soft"]
    counts: tuple[int, ...]

    @property
    def balance(self) -> str:
        """`10 a class`, or `8 to 12 a class`."""
        few, many = min(self.counts), max(self.counts)
        return f"{few} a class" if few == many else f"{few} to {many} a class"


class Pixels(Model):
    """Statistics of all images of a set; `spectrum` is the mean power of the grey image by band."""

    mean: float
    std: float
    neighbour_correlation: float
    spectrum: tuple[float, ...]


class Space(Model):
    """The test set in one space, and how far the audited set is from it.

    `std_ratio` is set / test set and `neighbour_correlation_difference` set - test set; the distances
    and the share are those of `crossarch.audit.verdict.Fit`.
    """

    pixels: Pixels
    std_ratio: float
    neighbour_correlation_difference: float
    distance: float
    distance_with_noise: float
    share: float


class Audit(Model):
    """The audit of one distilled set, whose file has the checksum `sha256`."""

    audited: SetId
    shape: tuple[int, int, int, int]
    labels: Labels
    pixels: Pixels
    reference: Reference
    spaces: dict[Whitening, Space]
    best: Whitening
    confidence: Confidence
    configured: Whitening
    sha256: str | None = None

    @property
    def share(self) -> float:
        """The share of the resamples in which the best space fits best."""
        return self.spaces[self.best].share

    @property
    def verdict(self) -> str:
        """`zca-kornia (certain, best in 100% of the resamples)`."""
        return f"{self.best} ({self.confidence}, best in {self.share:.0%} of the resamples)"

    @property
    def warning(self) -> str | None:
        """One line where no space fits, another one than is configured, or the scale is another."""
        distance = self.spaces[self.best].distance_with_noise
        if distance > FAR:
            return (
                f"{self.audited.path}: its pixels fit no space: from the nearest, {self.best}, their "
                f"spectrum is off by a factor of {math.exp(distance):.2g}"
            )
        stands_for_it = audited_space(self.configured)
        share = self.spaces[stands_for_it].share
        if self.best == stands_for_it:
            doubt = self._doubt_of_scale(self.configured)
            return f"{self.audited.path}: its pixels {doubt}" if doubt else None
        fits = (
            f"{self.audited.path}: configured as {self.configured} (best in {share:.0%}), but the "
            f"pixels fit {self.verdict}"
        )
        doubt = self._doubt_of_scale(self.best)
        return f"{fits}, where they {doubt}" if doubt else fits

    def _doubt_of_scale(self, space: Whitening) -> str | None:
        """What is said of pixels that deviate much more or less than the test set's in a space."""
        ratio = self.spaces[audited_space(space)].std_ratio
        if 1 / SCALES < ratio < SCALES:
            return None
        return (
            f"deviate {ratio:.3g} times as much as those of the test set in {space}; are they on "
            "another scale?"
        )


def read_audit(path: Path) -> Audit:
    """Read a stored audit; DataError with one line if it is missing or not one."""
    with as_data_error():
        return validated(Audit, dict(read_mapping(path)), str(path))
