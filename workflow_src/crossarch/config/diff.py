"""Where two nested mappings, or the settings of two pieces of work, differ."""

from collections.abc import Iterator, Mapping
from typing import Any

from crossarch.config.model import Resolved


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


def difference(made: Resolved, today: Resolved) -> str | None:
    """The first key in which settings differ, and how; None if they come to the same."""
    apart = {**today.WITHOUT_EFFECT, **today.PLACES}
    then, now = (one.model_dump(mode="json", exclude=apart) for one in (made, today))
    first = next(differences(then, now, key="settings"), None)
    return f"{first[0]}: made with {first[1]!r}, today {first[2]!r}" if first else None
