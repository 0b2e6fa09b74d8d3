"""A curve in a terminal, drawn with Braille characters: each has 2 x 4 dots."""

import math
from collections.abc import Sequence
from itertools import pairwise

_BLANK = 0x2800
# The bit of a dot by its row and column within a character, as Unicode numbers them.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))

Points = Sequence[tuple[float, float]]


def curve(
    points: Points,
    *,
    width: int = 60,
    height: int = 8,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
) -> list[str]:
    """Lines of text: the points (x, y) joined, with the ends of both axes; no points give none.

    `width` and `height` count characters of the drawing. `x` and `y` are the ranges of the axes, by
    default those of the points; points without a finite y are left out.
    """
    shown = sorted((a, b) for a, b in points if math.isfinite(b))
    if not shown:
        return []
    x_low, x_high = x or (shown[0][0], shown[-1][0])
    y_low, y_high = y or (min(b for _, b in shown), max(b for _, b in shown))
    columns, rows = 2 * width, 4 * height

    def place(point: tuple[float, float]) -> tuple[int, int]:
        """Column and row of the dot, row 0 on top."""
        return (
            _step(point[0], x_low, x_high, columns),
            rows - 1 - _step(point[1], y_low, y_high, rows),
        )

    dots = {place(shown[0])}
    for start, end in pairwise(shown):
        dots |= set(_line(place(start), place(end)))
    labels = {0: f"{y_high:.4g}", height - 1: f"{y_low:.4g}"}
    margin = max(map(len, labels.values()))
    lines = [
        f"{labels.get(row, ''):>{margin}} ┤{_characters(dots, row, width)}" for row in range(height)
    ]
    first, last = f"{x_low:g}", f"{x_high:g}"
    axis = f"{first}{last:>{width - len(first)}}"
    return [*lines, f"{' ' * margin} └{'─' * width}", f"{' ' * (margin + 2)}{axis}"]


def _step(value: float, low: float, high: float, steps: int) -> int:
    """Which of `steps` equal parts of the range a value lies in; the middle of an empty range."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(steps - 1, max(0, round(share * (steps - 1))))


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of a straight line, both ends included."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (
            round(start[0] + (end[0] - start[0]) * step / steps),
            round(start[1] + (end[1] - start[1]) * step / steps),
        )
        for step in range(steps + 1)
    ]


def _characters(dots: set[tuple[int, int]], row: int, width: int) -> str:
    """One line of Braille characters."""
    codes = [_BLANK] * width
    for column in range(2 * width):
        for inner in range(4):
            if (column, 4 * row + inner) in dots:
                codes[column // 2] |= _BITS[inner][column % 2]
    return "".join(map(chr, codes)).rstrip(chr(_BLANK))
