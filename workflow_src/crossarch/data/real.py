"""Real data sets: one reader for each form that upstream publishes them in."""

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
import torch.nn.functional as F

from crossarch.config import images_reading
from crossarch.config.schema import Dataset, Origin
from crossarch.data.archives import check_pickle, reading, unpack_tar
from crossarch.data.formats import class_folders, one_if_grey
from crossarch.data.images import decode
from crossarch.data.made_from import CHECKSUMS, checksums
from crossarch.data.store import ImageSet, check_every_class, check_set, load_metadata, save_set
from crossarch.errors import DataError
from crossarch.progress import tracked


@dataclass(frozen=True)
class RealSet:
    """Training and test images (N, C, H, W) uint8; class i is `classes[i]`.

    `listed` has the same names in the order of the set's own list, which some distilled sets number
    their classes by.
    """

    train: ImageSet
    test: ImageSet
    classes: tuple[str, ...]
    listed: tuple[str, ...]


def prepare_real(
    name: str, dataset: Dataset, origin: Origin, archive: Path | None, train: Path, test: Path
) -> None:
    """Read the downloaded `archive` of a data set; write its training and test set (uint8, int64).

    Without an archive the images come with a package. Raises DataError when they are not what the
    configuration says.
    """
    reader = origin.reader
    real = READERS[reader](archive) if archive else EMBEDDED_READERS[reader]()
    read_from = archive or reader
    read = checksums({origin.name: archive} if archive else {})
    splits = {
        split: _checked(images, dataset, f"{read_from} ({split})")
        for split, images in (("train", real.train), ("test", real.test))
    }
    for split, path in (("train", train), ("test", test)):
        metadata = {
            "dataset": name,
            "split": split,
            "origin": origin.name,
            "read_as": images_reading(dataset, origin),
            CHECKSUMS: read,
            "classes": json.dumps(real.classes),
            "listed": json.dumps(real.listed),
        }
        save_set(path, splits[split], metadata)


def _checked(images: ImageSet, dataset: Dataset, file: str) -> ImageSet:
    """The images of one split, grey ones with one channel if the data set has one; DataError, if not."""
    if dataset.channels == 1:
        images = replace(images, images=one_if_grey(images.images))
    check_set(images, file, dataset.classes)
    check_every_class(images.labels, dataset.classes, file)
    found = tuple(images.images.shape[1:])
    if found != dataset.image_shape:
        raise DataError(f"{file}: found images {found}, needed: {dataset.image_shape}")
    return images


def listed_order(train: Path) -> list[int]:
    """For each class of the set's own list, its number here; from the prepared training images."""
    classes, listed = _class_names(train)
    return [classes.index(name) for name in listed]


def named_order(train: Path, folder: Path) -> list[int]:
    """For each class of a `folder` of images, in the order that it is read in, its number here.

    Its subfolders are called as the classes of the prepared training images `train`, or by their
    numbers, 0 to C - 1; DataError where they are neither.
    """
    classes, _ = _class_names(train)
    names = [path.name for path in class_folders(folder)]
    if sorted(names) == sorted(classes):
        return [classes.index(name) for name in names]
    numbers = [int(name) for name in names if name.isdecimal()]
    if len(numbers) == len(names) and sorted(numbers) == list(range(len(classes))):
        return numbers
    raise DataError(
        f"{folder}: found folders {_some(names)}; needed: one for each class, called {_some(classes)}, "
        f"or by its number there, 0 to {len(classes) - 1}"
    )


def _some(names: Sequence[str]) -> str:
    """`apple, boat, cat`; of many names the first ten."""
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _class_names(train: Path) -> tuple[list[str], list[str]]:
    """The classes of prepared training images by number, and in the order of the set's own list."""
    metadata = load_metadata(train)
    try:
        classes, listed = json.loads(metadata["classes"]), json.loads(metadata["listed"])
        if sorted(classes) != sorted(listed):
            raise ValueError(f"{_some(classes)} are not {_some(listed)}")
    except (KeyError, ValueError) as error:
        raise DataError(f"{train}: does not tell the order of its classes: {error}") from None
    return classes, listed


def _read_class_folders(archive: Path) -> RealSet:
    """A zip of `.../{train,test}/<class>/<number>.jpg`; classes are numbered in alphabetical order."""
    member = re.compile(r"(?:.*/)?(train|test)/([^/]+)/[^/]+\.(?:jpg|jpeg|png)", re.IGNORECASE)
    with reading(archive) as files:
        found = [(name, m) for name in sorted(files.namelist()) if (m := member.fullmatch(name))]
        classes = tuple(sorted({match[2] for _, match in found}))

        def of_split(split: str) -> ImageSet:
            named = [(name, match[2]) for name, match in found if match[1] == split]
            if not named:
                raise DataError(f"{archive}: found no images in {split}/<class>/")
            return _read_images(archive, files, named, classes)

        return RealSet(of_split("train"), of_split("test"), classes, classes)


def _read_tiny_imagenet(archive: Path) -> RealSet:
    """Tiny-ImageNet's own zip: the validation images are the test set, by `val_annotations.txt`.

    Classes are numbered in alphabetical order of their WordNet ids, as torchvision's ImageFolder does;
    `listed` is the order of `wnids.txt`, by which FRePo's code numbers them.
    """
    root = "tiny-imagenet-200"
    with reading(archive) as files:
        listed = tuple(_text(archive, files, f"{root}/wnids.txt").split())
        classes = tuple(sorted(listed))
        member = re.compile(rf"{root}/train/(n\d+)/images/[^/]+\.JPEG")
        matches = [(name, m) for name in sorted(files.namelist()) if (m := member.fullmatch(name))]
        train = [(name, match[1]) for name, match in matches]
        lines = _text(archive, files, f"{root}/val/val_annotations.txt").splitlines()
        fields = [line.split("\t") for line in lines if line.strip()]
        if any(len(each) < 2 or each[1] not in classes for each in fields) or not train or not fields:
            raise DataError(f"{archive}: its train/ or val/val_annotations.txt is not Tiny-ImageNet's")
        test = [(f"{root}/val/images/{name}", label) for name, label, *_ in fields]
        return RealSet(
            _read_images(archive, files, train, classes),
            _read_images(archive, files, test, classes),
            classes,
            listed,
        )


def _text(archive: Path, files: ZipFile, name: str) -> str:
    try:
        return files.read(name).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        raise DataError(f"{archive}: found no readable {name}") from None


def _read_images(
    archive: Path, files: ZipFile, named: Sequence[tuple[str, str]], classes: Sequence[str]
) -> ImageSet:
    """The images of (name in the zip, name of the class) pairs, in their order."""
    numbers = {label: number for number, label in enumerate(classes)}
    try:
        each = tracked(named, f"Reading {archive.name}")
        pixels = np.stack([decode(files.read(name), f"{archive}: {name}") for name, _ in each])
        labels = torch.tensor([numbers[label] for _, label in named])
    except ValueError as error:
        raise DataError(f"{archive}: images differ in size: {error}") from None
    except KeyError as error:
        raise DataError(f"{archive}: found no {error}") from None
    return ImageSet(torch.from_numpy(pixels).permute(0, 3, 1, 2), labels)


def _read_torchvision(kind: str) -> Callable[[Path], RealSet]:
    """CIFAR-10 or CIFAR-100 by torchvision, which checks the MD5 of every member it reads."""

    def read(archive: Path) -> RealSet:
        from torchvision.datasets import CIFAR10, CIFAR100

        reader = {"cifar10": CIFAR10, "cifar100": CIFAR100}[kind]
        with tempfile.TemporaryDirectory(prefix="crossarch-") as root:
            unpack_tar(archive, Path(root))
            for pickle in sorted((Path(root) / reader.base_folder).glob("*")):
                if pickle.suffix not in (".html", ".txt~"):
                    check_pickle(pickle, f"{archive}: {pickle.name}")
            try:
                sets = [reader(root, train=train) for train in (True, False)]
            except (RuntimeError, OSError, EOFError) as error:
                raise DataError(f"{archive}: torchvision cannot read it: {error}") from None
        train, test = (
            ImageSet(torch.from_numpy(data.data).permute(0, 3, 1, 2), torch.tensor(data.targets))
            for data in sets
        )
        classes = tuple(sets[0].classes)
        return RealSet(train, test, classes, classes)

    return read


def _read_digits() -> RealSet:
    """scikit-learn's handwritten digits, 8 x 8 in 17 greys, as 16 x 16 in 256 (bilinear).

    As in scikit-learn's example of a classifier of digits the first half is for training and the second
    half for testing, in the order of the set: the two halves were written by other hands.
    """
    from sklearn.datasets import load_digits  # not for every job that reads an archive

    digits = load_digits()
    greys = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    larger = F.interpolate(greys, scale_factor=2, mode="bilinear", align_corners=False)
    pixels, labels = larger.round().to(torch.uint8), torch.from_numpy(digits.target).long()
    half = len(pixels) // 2
    classes = tuple(str(name) for name in digits.target_names)
    train, test = ImageSet(pixels[:half], labels[:half]), ImageSet(pixels[half:], labels[half:])
    return RealSet(train, test, classes, classes)


EMBEDDED_READERS: dict[str, Callable[[], RealSet]] = {"sklearn-digits": _read_digits}
READERS: dict[str, Callable[[Path], RealSet]] = {
    "class-folders-zip": _read_class_folders,
    "tiny-imagenet-zip": _read_tiny_imagenet,
    "torchvision-cifar10": _read_torchvision("cifar10"),
    "torchvision-cifar100": _read_torchvision("cifar100"),
}
