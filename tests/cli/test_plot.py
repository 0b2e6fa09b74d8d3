"""Curves in the terminal, read back dot by dot by the numbers of Unicode's Braille patterns."""

import math

from hypothesis import given
from hypothesis import strategies as st

from crossarch.overview.plot import curve

# Braille dots are numbered: 1 2 3 7 downwards on the left, 4 5 6 8 on the right; dot n is bit n - 1.
PLACES = {1: (0, 0), 2: (0, 1), 3: (0, 2), 7: (0, 3), 4: (1, 0), 5: (1, 1), 6: (1, 2), 8: (1, 3)}


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """(column, row) of every dot drawn, row 0 on top."""
    found = set()
    for row, line in enumerate(line for line in lines if "┤" in line):
        for column, character in enumerate(line.split("┤")[1]):
            pattern = ord(character) - 0x2800
            assert 0 <= pattern < 256
            for number, (x, y) in PLACES.items():
                if pattern >> (number - 1) & 1:
                    found.add((2 * column + x, 4 * row + y))
    return found


def test_a_diagonal_goes_from_corner_to_corner() -> None:
    lines = curve([(0, 0), (10, 5)], width=4, height=2)
    assert dots(lines) == {(n, 7 - n) for n in range(8)}
    assert [line.split("┤")[0].strip() for line in lines[:2]] == ["5", "0"]
    assert lines[-1].split() == ["0", "10"]


def test_a_level_stands_in_the_middle_and_ranges_can_be_given() -> None:
    assert {row for _, row in dots(curve([(0, 3), (5, 3)], width=3, height=1))} in ({1}, {2})
    high = dots(curve([(0, 3), (5, 3)], width=3, height=1, y=(0, 3)))
    assert {row for _, row in high} == {0}
    half = dots(curve([(0, 3), (5, 3)], width=3, height=1, x=(0, 10)))
    assert max(column for column, _ in half) in (2, 3)


def test_nothing_to_draw() -> None:
    assert curve([]) == []
    assert curve([(1, math.nan)]) == []
    assert dots(curve([(1, math.inf), (2, 1.0)], width=1, height=1))


@given(
    st.lists(
        st.tuples(st.integers(0, 4000), st.floats(-1e3, 1e3)),
        min_size=1,
        max_size=30,
        unique_by=lambda p: p[0],
    )
)
def test_every_point_has_its_dot_and_no_column_between_is_empty(points: list[tuple[int, float]]) -> None:
    width, height = 20, 5
    drawn = dots(curve(points, width=width, height=height))
    xs, ys = zip(*points, strict=True)
    columns = sorted(column for column, _ in drawn)
    if max(xs) > min(xs):
        assert set(columns) == set(range(2 * width))
    for x, y in points:
        if max(xs) == min(xs) or max(ys) == min(ys):
            continue
        column = (x - min(xs)) / (max(xs) - min(xs)) * (2 * width - 1)
        row = (max(ys) - y) / (max(ys) - min(ys)) * (4 * height - 1)
        assert any(abs(column - a) <= 0.5 and abs(row - b) <= 0.5 for a, b in drawn)
