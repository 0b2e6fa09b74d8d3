"""How sure an answer is, in words: shares of resamples, and where one word ends and the next begins."""

from typing import Literal

Confidence = Literal["certain", "likely", "undecided"]
RESAMPLES = 4_000
CERTAIN, LIKELY = 0.95, 0.80  # shares of the resamples


def confidence_of(share: float) -> Confidence:
    """`certain` from 95 % of the resamples on, `likely` from 80 %, else `undecided`."""
    return "certain" if share >= CERTAIN else "likely" if share >= LIKELY else "undecided"
