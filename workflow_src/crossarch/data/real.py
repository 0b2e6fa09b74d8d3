"""Real data sets: one reader for each form that upstream publishes them in."""

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from crossarch.config.schema import Dataset
from crossarch.data.store import ImageSet, check_set, save_set
from crossarch.errors import DataError

Splits = dict[str, ImageSet]


def prepare_real(name: str, dataset: Dataset, archive: Path, train: Path, test: Path) -> None:
    """Read the downloaded `archive` of a data set; write its training and test set (uint8, int64).

    Raises DataError when the archive does not hold what the configuration says.
    """
    if dataset.origin is None:
        raise DataError(f"{name}: its origin is not known, so it cannot be prepared")
    splits = READERS[dataset.origin.reader](archive)
    for split, path in (("train", train), ("test", test)):
        images = splits[split]
        check_set(images, f"{archive} ({split})", dataset.classes)
        expected = (dataset.channels, dataset.image_size, dataset.image_size)
        if tuple(images.images.shape[1:]) != expected:
            found = tuple(images.images.shape[1:])
            raise DataError(f"{archive} ({split}): found images {found}, needed: {expected}")
        metadata = {"dataset": name, "split": split, "origin": dataset.origin.file.url}
        save_set(path, images, metadata)


def _read_class_folders(archive: Path) -> Splits:
    """A zip of `.../{train,test}/<class>/<number>.jpg`; classes are numbered in alphabetical order."""
    member = re.compile(r"(?:.*/)?(train|test)/([^/]+)/[^/]+\.(?:jpg|jpeg|png)", re.IGNORECASE)
    try:
        with zipfile.ZipFile(archive) as files:
            found = [(name, m) for name in sorted(files.namelist()) if (m := member.fullmatch(name))]
            classes = sorted({match[2] for _, match in found})
            splits = {}
            for split in ("train", "test"):
                names = [(name, match[2]) for name, match in found if match[1] == split]
                if not names:
                    raise DataError(f"{archive}: found no images in {split}/<class>/")
                images = np.stack([_decode(files.read(name), name) for name, _ in names])
                labels = torch.tensor([classes.index(label) for _, label in names])
                splits[split] = ImageSet(torch.from_numpy(images).permute(0, 3, 1, 2), labels)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{archive}: is not a whole zip file: {error}") from None
    except ValueError as error:
        raise DataError(f"{archive}: images differ in size: {error}") from None
    return splits


def _decode(content: bytes, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{name}: is not an image: {error}") from None


def _read_torchvision(kind: str) -> Callable[[Path], Splits]:
    """CIFAR-10 or CIFAR-100 by torchvision, which checks the MD5 of every member it reads."""

    def read(archive: Path) -> Splits:
        from torchvision.datasets import CIFAR10, CIFAR100

        reader = {"cifar10": CIFAR10, "cifar100": CIFAR100}[kind]
        with tempfile.TemporaryDirectory(prefix="crossarch-") as root:
            (Path(root) / reader.filename).symlink_to(archive.resolve())
            try:
                sets = {s: reader(root, train=s == "train", download=True) for s in ("train", "test")}
            except (RuntimeError, OSError, EOFError) as error:
                raise DataError(f"{archive}: torchvision cannot read it: {error}") from None
        return {
            split: ImageSet(torch.from_numpy(data.data).permute(0, 3, 1, 2), torch.tensor(data.targets))
            for split, data in sets.items()
        }

    return read


READERS: dict[str, Callable[[Path], Splits]] = {
    "class-folders-zip": _read_class_folders,
    "torchvision-cifar10": _read_torchvision("cifar10"),
    "torchvision-cifar100": _read_torchvision("cifar100"),
}
