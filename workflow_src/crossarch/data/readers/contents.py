"""Images and labels in what a file holds, by their names, whatever program wrote it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crossarch.data.readers.names import IMAGES, LABELS, RATES
from crossarch.data.readers.registry import read_file
from crossarch.errors import DataError

_TRAINING_STATE = ("opt_state", "optimizer")  # its moments have the names of what is trained


@dataclass(frozen=True)
class Choices:
    """Which set of a file is read: the repetition of an experiment, the key (`a/b`) in a tree."""

    repetition: int | None = None
    key: str | None = None


@dataclass(frozen=True)
class Contents:
    """The images and labels of a file as they were stored.

    `classes` are the names that the labels count, of folders; `learning_rate` is a learned one;
    `repetitions` is the number of sets to choose from.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...] | None = None
    learning_rate: float | None = None
    repetitions: int = 1


def read_set(paths: Sequence[Path], choices: Choices = Choices()) -> Contents:
    """Read a set from one file with both, or from files of images (in parts) and, last, of labels.

    Raises DataError, naming the file, if one is damaged or does not hold a set.
    """
    if len(paths) == 1:
        return _in_one(read_file(paths[0]), paths[0], choices)
    parts = [_single(path) for path in paths[:-1]]
    if len({part.shape[1:] for part in parts}) > 1 or parts[0].ndim == 0:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise DataError(f"{paths[0]}: found parts of shapes {shapes}, needed: images of one size")
    return Contents(torch.cat(parts), _single(paths[-1]))


def learned_rate(path: Path) -> float | None:
    """The number that a file of a learned learning rate holds; None if it holds anything else."""
    try:
        value = _as_tensor(read_file(path), path)
    except DataError:
        return None
    return float(value) if value.numel() == 1 else None


def _in_one(tree: Any, path: Path, choices: Choices) -> Contents:
    """The set in the contents of a file."""
    sets = list(_sets_in(tree, ()))
    if not sets:
        hint = ", here or in a file of their own" if isinstance(tree, Tensor | np.ndarray) else ""
        raise DataError(f"{path}: found {_described(tree)}, expected images and labels{hint}")
    if choices.key is not None:
        sets = [each for each in sets if each[0] == choices.key]
    keys = list(dict.fromkeys(key for key, _ in sets))
    if len(keys) != 1:
        there = ", ".join(dict.fromkeys(key or "the top" for key, _ in _sets_in(tree, ())))
        problem = f"no set at key {choices.key!r}" if choices.key is not None else "several sets"
        raise DataError(f"{path}: found {problem}, expected `key` to be one of: {there}")
    wanted = choices.repetition or 0
    if wanted >= len(sets):
        raise DataError(
            f"{path}: found {len(sets)} repetitions, expected for `repetition` ({wanted}): at most "
            f"{len(sets) - 1}"
        )
    found = sets[wanted][1]
    contents = Contents(
        _as_tensor(found["images"], path), _as_tensor(found["labels"], path), repetitions=len(sets)
    )
    if "classes" in found:
        contents = replace(contents, classes=tuple(found["classes"]))
    if "rate" in found:
        contents = replace(contents, learning_rate=float(_as_tensor(found["rate"], path).flatten()[0]))
    return contents


def _sets_in(tree: Any, place: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(key, its parts) of each set in a tree; the repetitions of one experiment have one key."""
    if isinstance(tree, Mapping):
        names = {str(name).lower(): name for name in tree}
        images, labels, rate = (
            next((names[known] for known in each if known in names), None)
            for each in (IMAGES, LABELS, RATES)
        )
        if images is not None and labels is not None and _is_array(tree[images]):
            parts = {"images": tree[images], "labels": tree[labels]}
            if rate is not None and _is_array(tree[rate]):
                parts["rate"] = tree[rate]
            if "classes" in tree:
                parts["classes"] = tree["classes"]
            yield "/".join(place), parts
            return
        for name, below in tree.items():
            if str(name) not in _TRAINING_STATE and isinstance(below, Mapping | list | tuple):
                yield from _sets_in(below, (*place, str(name)))
    elif isinstance(tree, list | tuple):
        if len(tree) == 2 and _is_large(tree[0]) and tree[0].ndim > 1 and _is_array(tree[1]):
            yield "/".join(place), {"images": tree[0], "labels": tree[1]}
        elif tree and not isinstance(tree[0], int | float | str):
            for below in tree:
                yield from _sets_in(below, place)


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray | np.generic | list | float | int)


def _single(path: Path) -> Tensor:
    """The one tensor of a file."""
    tree = read_file(path)
    if isinstance(tree, Mapping) and len(tree) == 1:
        tree = next(iter(tree.values()))
    if isinstance(tree, Mapping) or (isinstance(tree, list | tuple) and any(map(_is_large, tree))):
        raise DataError(f"{path}: found {_described(tree)}, expected one tensor, or `file` for both")
    return _as_tensor(tree, path)


def _is_large(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) and value.ndim > 0


def _as_tensor(value: Any, path: Path) -> Tensor:
    """A dense tensor of real numbers on the CPU, without a gradient."""
    if isinstance(value, Tensor):
        if value.layout is not torch.strided:
            raise DataError(f"{path}: found a tensor of {value.layout}, needed: a dense one")
        tensor = value.detach()
    else:
        try:
            array = np.asarray(value)
            # A copy in this machine's byte order, which torch needs.
            tensor = torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
        except (TypeError, ValueError):
            found = getattr(value, "dtype", type(value).__name__)
            raise DataError(f"{path}: found values of {found}, needed: numbers") from None
    if tensor.is_complex():
        raise DataError(f"{path}: found {tensor.dtype}, needed: real numbers")
    return tensor


def _described(tree: Any) -> str:
    """What a file holds, in a few words."""
    if isinstance(tree, Mapping):
        names = ", ".join(map(str, list(tree)[:10]))
        return f"a mapping of {names or 'nothing'}{' ...' if len(tree) > 10 else ''}"
    if isinstance(tree, Tensor | np.ndarray):
        return f"one tensor {tuple(tree.shape)}"
    return f"a {type(tree).__name__}"
