"""Where two nested mappings differ."""

from collections.abc import Iterator, Mapping
from typing import Any


def differences(first: Any, second: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, first's value, second's value) wherever they differ; None where one has no such key.

    A mapping beside something else, say no DropPath, is one difference, and not one for each key.
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in dict.fromkeys([*first, *second]):
            inner = f"{key}.{name}" if key else str(name)
            yield from differences(first.get(name), second.get(name), inner)
    elif first != second:
        yield key, first, second
