"""How words are printed."""

from collections.abc import Iterable


def listed(words: Iterable[object]) -> str:
    """`1`, `1 and 10`, `1, 10 and 50`."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last
