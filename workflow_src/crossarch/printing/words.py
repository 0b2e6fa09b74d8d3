"""How words are printed."""

from collections.abc import Iterable


def listed(words: Iterable[object]) -> str:
    """`1`, `1 and 10`, `1, 10 and 50`; nothing of nothing."""
    *first, last = list(map(str, words)) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def plural(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number} {noun}{'s' if number > 1 else ''}"
