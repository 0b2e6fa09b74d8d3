"""The numbers here of the classes of a distilled set: by their names, or by the real set's own list."""

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from crossarch.data.layouts import some
from crossarch.data.store import load_metadata
from crossarch.errors import DataError


def listed_order(train: Path) -> list[int]:
    """For each class of the set's own list, its number here; from the prepared training images."""
    classes, listed = _names(train, "classes"), _names(train, "listed")
    if sorted(classes) != sorted(listed):
        raise DataError(
            f"{train}: does not tell the order of its classes: {some(classes)} are not {some(listed)}"
        )
    return [classes.index(name) for name in listed]


def named_order(train: Path, names: Sequence[str], file: Path) -> list[int]:
    """For each of the classes `names` of a `file`, its number here.

    They are called as the classes of the prepared training images `train`, in any case, or by their
    numbers there, 0 to C - 1, perhaps all behind one word (`class003`). Raises DataError where they are
    neither, with the classes that are nearest to unknown names.
    """
    classes = _names(train, "classes")
    lower = [name.lower() for name in classes]
    wanted = [name.lower() for name in names]
    if sorted(wanted) == sorted(lower):
        return [lower.index(name) for name in wanted]
    matches = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    if all(matches) and len({match[1] for match in matches if match}) == 1:
        numbers = [int(match[2]) for match in matches if match]
        if sorted(numbers) == list(range(len(classes))):
            return numbers
    missing = {name.lower(): name for name in classes if name.lower() not in wanted}
    near = {
        name: difflib.get_close_matches(name.lower(), missing, n=1)
        for name in names
        if name.lower() not in lower
    }
    guesses = [f"{name!r}: did you mean {missing[of[0]]!r}?" for name, of in near.items() if of]
    guess = f" ({'; '.join(guesses[:3])})" if guesses else ""
    raise DataError(
        f"{file}: found folders {some(names)}{guess}; needed: one for each class, called "
        f"{some(classes)}, or by its number there, 0 to {len(classes) - 1}"
    )


def _names(train: Path, key: str) -> list[str]:
    """The names of classes that the metadata of prepared training images have under a key."""
    try:
        names: list[str] | None = json.loads(load_metadata(train)[key])
    except (KeyError, ValueError) as error:
        raise DataError(f"{train}: does not tell the order of its classes: {error}") from None
    if names is None:
        raise DataError(
            f"{train}: was read from class folders, which do not tell the order of the set's own list; "
            "prepare it from what its authors published"
        )
    return names
