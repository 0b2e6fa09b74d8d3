"""Folders and archives of image files, `<class>/<image>`, perhaps in further folders."""

import os.path
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from crossarch.data.containers import opened
from crossarch.data.images import IMAGE_SUFFIXES, decode
from crossarch.data.readers.registry import reader, zipped_with
from crossarch.errors import DataError


def _sign(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return True
    return zipped_with(path, head, IMAGE_SUFFIXES) or (bool(head) and tarfile.is_tarfile(path))


@reader("images", "folder, zip or tar of images", _sign)
def read_images(path: Path) -> dict[str, Any]:
    """Images (N, H, W, 3) uint8, labels (N,), and `classes`, the names that the labels count.

    What is hidden or no image is passed over. Raises DataError where there are no folders of classes,
    and where images differ in size.
    """
    with opened(path) as container:
        names = [n for n in container.names if PurePosixPath(n).suffix.lower() in IMAGE_SUFFIXES]
        if not names:
            raise DataError(f"{path}: found no images, expected <class>/<image>.png")
        classes = class_names(names)
        if classes is None:
            raise DataError(
                f"{path}: found images beside one another ({PurePosixPath(names[0]).name} ...), "
                "expected one folder for each class"
            )
        pixels = [decode(container.content(name), container.title(name)) for name in names]
        for name, each in zip(names, pixels, strict=True):
            if each.shape != pixels[0].shape:
                title = container.title(name)
                raise DataError(f"{title}: found {each.shape[:2]} pixels, needed: {pixels[0].shape[:2]}")
    found = sorted(set(classes))
    numbers = {name: number for number, name in enumerate(found)}
    labels = np.array([numbers[name] for name in classes])
    return {"images": np.stack(pixels), "labels": labels, "classes": found}


def class_names(names: Sequence[str]) -> list[str] | None:
    """The class of each image by its path: the first folder below those that all have in common.

    None where some image is in none.
    """
    folders = [PurePosixPath(name).parent.as_posix() for name in names]
    shared = PurePosixPath(os.path.commonpath(folders)) if folders else PurePosixPath()
    if len(set(folders)) == 1:  # a single class
        return None if folders[0] == "." else [PurePosixPath(folders[0]).name] * len(names)
    below = [PurePosixPath(folder).relative_to(shared).parts for folder in folders]
    return [parts[0] for parts in below] if all(below) else None
