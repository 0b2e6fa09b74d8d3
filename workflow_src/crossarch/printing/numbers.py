"""How numbers are printed: one decimal, as in the paper."""

from decimal import ROUND_HALF_UP, Decimal

import pandas as pd

from crossarch.collect.tidy import DECIMALS

_STEP = Decimal("0.1")
LIST_SEPARATOR = ";"  # between the values of a cell whose runs differ in them


def joined_values(column: pd.Series) -> str:
    """The values of a column, each once and sorted, as one text: what a cell tells of several runs."""
    return LIST_SEPARATOR.join(map(str, sorted(column.unique())))


def all_values(column: pd.Series) -> list[str]:
    """Each value once of a column of such texts; numbers in the order of their size."""
    values = column.str.split(LIST_SEPARATOR).explode().unique()
    return sorted(map(str, values), key=lambda value: (len(value), value))


def printed(value: float) -> str:
    """`value` with one decimal; halves are rounded away from zero.

    The rounding is that of the decimal number, not of its binary neighbour: accuracies on 10,000
    test images have two decimals, so that one in ten is such a half.
    """
    return str(_rounded(value))


def printed_signed(value: float) -> str:
    """As `printed`, with a sign always: `+6.4`, `-2.5`, `+0.0`."""
    rounded = _rounded(value)
    return f"{rounded if rounded else abs(rounded):+}"


def printed_range(low: float, high: float) -> str:
    """`-1.0 to +2.5`."""
    return f"{printed_signed(low)} to {printed_signed(high)}"


def _rounded(value: float) -> Decimal:
    return Decimal(repr(round(float(value), DECIMALS))).quantize(_STEP, ROUND_HALF_UP)
