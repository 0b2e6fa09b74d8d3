"""Real sets in the layouts that they are published in: what a container holds decides how it is read."""

import hashlib
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crossarch.config.schema import Origin
from crossarch.data.archives import check_pickle
from crossarch.data.canonical import hard_labels, raw_pixels
from crossarch.data.containers import Container, opened
from crossarch.data.images import IMAGE_SUFFIXES, decode
from crossarch.data.readers.numpy import load_numpy
from crossarch.data.readers.registry import zipped_with
from crossarch.data.store import ImageSet
from crossarch.errors import DataError
from crossarch.progress import tracked

_SUFFIXES = "|".join(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)
_CLASS_IMAGE = re.compile(
    rf"(?:.*/)?(train(?:ing)?|test|val(?:id(?:ation)?)?)/([^/]+)/(?:[^/]+/)?[^/]+\.(?:{_SUFFIXES})",
    re.IGNORECASE,
)
_ARRAYS = {  # what arrays of an .npz are called
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("train_x", "train_y")),
    "test": (
        *(("x_test", "y_test"), ("test_images", "test_labels"), ("test_x", "test_y")),
        *(("x_val", "y_val"), ("val_images", "val_labels"), ("val_x", "val_y")),
    ),
}


@dataclass(frozen=True)
class RealSet:
    """Training and test images (N, C, H, W) uint8; class i is `classes[i]`.

    `listed` has the same names in the order of the set's own list, which some distilled sets number
    their classes by; None where that is not told.
    """

    train: ImageSet
    test: ImageSet
    classes: tuple[str, ...]
    listed: tuple[str, ...] | None


def read_real(place: Path, origin: Origin, classes: int) -> RealSet:
    """Read a set of so many `classes` from a folder or an archive, which is left as it is.

    It holds the layout of `origin`, folders `{train,test}/<class>/<image>` or, of an `.npz`, arrays
    `x_train`, `y_train`, `x_test` and `y_test`. Raises DataError for anything else, and for files that
    are missing or damaged.
    """
    if place.is_file() and zipped_with(place, b"PK", ".npy"):
        return _read_arrays(place, classes)
    with opened(place) as container:
        for layout, read in _OFFICIAL.items():
            if (base := _base(container, layout)) is not None:
                if layout != origin.layout:
                    raise DataError(
                        f"{place}: found the layout {layout}, expected: {origin.layout}"
                        + ("" if origin.layout == "class-folders" else " or class-folders")
                    )
                return read(container, base)
        return _read_class_folders(container, origin, classes)


# A container is in an official layout where any of these files lies in it, beside all others that are
# told here.
_SIGNS: Mapping[str, Sequence[tuple[str, ...]]] = {
    "cifar-10-batches-py": [("batches.meta",), ("test_batch",), ("data_batch_1",)],
    "cifar-100-python": [("meta", "train"), ("meta", "test"), ("train", "test")],
    "tiny-imagenet-200": [("wnids.txt",), ("val/val_annotations.txt",)],
}


def _base(container: Container, layout: str) -> str | None:
    """What comes before the names of an official layout in a container; None if it is not in there."""
    there = set(container.names)
    for first, *others in _SIGNS[layout]:
        for name in container.names:
            if name == first or name.endswith(f"/{first}"):
                base = name.removesuffix(first)
                if all(base + other in there for other in others):
                    return base
    return None


def _read_batches(kind: str) -> Callable[[Container, str], RealSet]:
    """CIFAR-10 or CIFAR-100 as its authors pickled it, held to the MD5s that torchvision knows."""

    def read(container: Container, base: str) -> RealSet:
        from torchvision.datasets import CIFAR10, CIFAR100  # not for sets in other layouts

        known = {"CIFAR10": CIFAR10, "CIFAR100": CIFAR100}[kind]

        def load(name: str, md5: str) -> Mapping[str, Any]:
            title, content = container.title(base + name), container.content(base + name)
            found = hashlib.md5(content, usedforsecurity=False).hexdigest()
            if found != md5:
                raise DataError(f"{title}: found MD5 {found}, expected: {md5}")
            check_pickle(content, title)
            loaded: Mapping[str, Any] = pickle.loads(content, encoding="latin1")
            return loaded

        def split(members: Sequence[tuple[str, str]]) -> ImageSet:
            batches = [load(name, md5) for name, md5 in tracked(members, f"Reading {container.place}")]
            pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
            labels = [n for batch in batches for n in batch.get("labels", batch.get("fine_labels"))]
            return ImageSet(torch.from_numpy(pixels), torch.tensor(labels))

        names = load(known.meta["filename"], known.meta["md5"])[known.meta["key"]]
        return RealSet(split(known.train_list), split(known.test_list), tuple(names), tuple(names))

    return read


def _read_tiny_imagenet(container: Container, base: str) -> RealSet:
    """Tiny-ImageNet: the validation images are the test set, by `val_annotations.txt`.

    Classes are numbered in alphabetical order of their WordNet ids, as torchvision's ImageFolder does;
    `listed` is the order of `wnids.txt`, by which FRePo's code numbers them.
    """
    listed = tuple(_text(container, f"{base}wnids.txt").split())
    classes = tuple(sorted(listed))
    member = re.compile(rf"{re.escape(base)}train/(n\d+)/images/[^/]+\.JPEG")
    train = [(name, match[1]) for name in container.names if (match := member.fullmatch(name))]
    lines = _text(container, f"{base}val/val_annotations.txt").splitlines()
    fields = [line.split("\t") for line in lines if line.strip()]
    if any(len(each) < 2 or each[1] not in classes for each in fields) or not train or not fields:
        raise DataError(
            f"{container.place}: its train/ or val/val_annotations.txt is not Tiny-ImageNet's"
        )
    test = [(f"{base}val/images/{name}", label) for name, label, *_ in fields]
    return RealSet(
        _read_images(container, train, classes), _read_images(container, test, classes), classes, listed
    )


_OFFICIAL: Mapping[str, Callable[[Container, str], RealSet]] = {
    "cifar-10-batches-py": _read_batches("CIFAR10"),
    "cifar-100-python": _read_batches("CIFAR100"),
    "tiny-imagenet-200": _read_tiny_imagenet,
}


def _read_class_folders(container: Container, origin: Origin, classes: int) -> RealSet:
    """Folders `{train,test}/<class>/<image>`; classes are numbered in alphabetical order.

    `val` stands for a missing `test`; images may be in one more folder of their class.
    """
    found = [(name, match) for name in container.names if (match := _CLASS_IMAGE.fullmatch(name))]
    folders = {match[1].lower(): match[1] for _, match in found}
    names = tuple(sorted({match[2] for _, match in found}))
    splits = []
    for split, others in (("train", ("training",)), ("test", ("val", "valid", "validation"))):
        folder = next((name for name in (split, *others) if name in folders), None)
        if folder is None:
            or_else = "" if origin.layout == "class-folders" else f", nor the layout {origin.layout}"
            there = f"; found folders {', '.join(sorted(folders.values()))}" if folders else ""
            raise DataError(
                f"{container.place}: found no images {split}/<class>/<name>.png or .jpg{or_else}{there}"
            )
        splits.append(folder)
    if len(names) != classes:
        raise DataError(
            f"{container.place}: found {len(names)} classes, {some(names)}, expected: {classes}"
        )
    train, test = (
        _read_images(container, [(name, m[2]) for name, m in found if m[1].lower() == split], names)
        for split in splits
    )
    in_order = origin.layout != "tiny-imagenet-200"  # its own list has another
    return RealSet(train, test, names, names if in_order else None)


def _read_arrays(place: Path, classes: int) -> RealSet:
    """The arrays of an `.npz`, whose classes are called by their numbers."""
    pairs = [pair for named in _ARRAYS.values() for pair in named]
    arrays = load_numpy(place, [name for pair in pairs for name in pair])
    there = {name.lower(): array for name, array in arrays.items()} if isinstance(arrays, dict) else {}
    splits = {}
    for split, named in _ARRAYS.items():
        pair = next((pair for pair in named if set(pair) <= set(there)), None)
        if pair is None:
            found = ", ".join(there) or "one array"
            raise DataError(f"{place}: found {found}, expected x_train, y_train, x_test and y_test")
        images, labels = (torch.from_numpy(there[name]) for name in pair)
        if images.ndim == 3:
            images = images[:, None]
        elif images.ndim == 4 and images.shape[-1] in (1, 3) and images.shape[1] not in (1, 3):
            images = images.permute(0, 3, 1, 2)
        pixels = raw_pixels(images, str(place)).round().to(torch.uint8)
        splits[split] = ImageSet(pixels, hard_labels(labels, str(place)))
    names = tuple(map(str, range(classes)))
    return RealSet(splits["train"], splits["test"], names, names)


def some(names: Sequence[str]) -> str:
    """`apple, boat, cat`; of many names the first ten."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _text(container: Container, name: str) -> str:
    try:
        return container.content(name).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{container.title(name)}: is not text") from None


def _read_images(
    container: Container, named: Sequence[tuple[str, str]], classes: Sequence[str]
) -> ImageSet:
    """The images of (name in the container, name of the class) pairs, in their order."""
    numbers = {label: number for number, label in enumerate(classes)}
    each = tracked(named, f"Reading {container.place.name}")
    decoded = [decode(container.content(name), container.title(name)) for name, _ in each]
    labels = torch.tensor([numbers[label] for _, label in named])
    for (name, _), image in zip(named, decoded, strict=True):
        if image.shape != decoded[0].shape:
            sizes = f"{image.shape[:2]} pixels, needed: {decoded[0].shape[:2]}, as of the first image"
            raise DataError(f"{container.title(name)}: images differ in size: found {sizes}")
    return ImageSet(torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2), labels)
