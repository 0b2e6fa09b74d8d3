"""Real data sets as the pipeline keeps them: read from wherever they lie, held to their content."""

import json
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

from crossarch.config import images_reading
from crossarch.config.schema import Dataset, Origin
from crossarch.data.canonical import one_if_grey
from crossarch.data.content import content_digest
from crossarch.data.layouts import RealSet, read_real
from crossarch.data.store import ImageSet, check_every_class, check_set, save_set
from crossarch.errors import DataError
from crossarch.fetch.checks import CHECKSUMS, checksums


def prepare_real(
    name: str,
    dataset: Dataset,
    origin: Origin,
    place: Path | None,
    train: Path,
    test: Path,
    came_from: str | None = None,
) -> None:
    """Read a data set from a folder or an archive; write its training and test set (uint8, int64).

    What lies at `place` is only read. Without it the images come with a package. `came_from` is what the
    prepared sets call it, by default its name. Raises DataError when the images are not what the
    configuration says.
    """
    real = read_real(place, origin, dataset.classes) if place else read_digits()
    read_from = came_from or (place.name if place else origin.layout)
    read = {read_from: place} if place and place.is_file() else {}
    splits = {"train": real.train, "test": real.test}
    metadata = {}
    for split, images in splits.items():
        file = f"{place or origin.layout} ({split})"
        splits[split] = _checked(images, dataset, origin.pad, file)
        metadata[split] = {
            "dataset": name,
            "split": split,
            "origin": read_from,
            "read_as": images_reading(dataset, origin),
            "content": _checked_content(splits[split], dataset, split, file),
            CHECKSUMS: checksums(read),
            "classes": json.dumps(real.classes),
            "listed": json.dumps(real.listed),
        }
    for split, path in (("train", train), ("test", test)):
        save_set(path, splits[split], metadata[split])


def _checked(images: ImageSet, dataset: Dataset, pad: bool, file: str) -> ImageSet:
    """The images of one split, grey ones with one channel if the data set has one, perhaps padded.

    Raises DataError where they are not of the shape and the classes of the data set.
    """
    if dataset.channels == 1:
        images = replace(images, images=one_if_grey(images.images))
    height, width = images.images.shape[-2:]
    down, right = dataset.image_size - height, dataset.image_size - width
    smaller = min(down, right) >= 0 and max(down, right) > 0
    if smaller and pad:
        border = (right // 2, right - right // 2, down // 2, down - down // 2)
        images = replace(images, images=F.pad(images.images, border))
    check_set(images, file, dataset.classes)
    check_every_class(images.labels, dataset.classes, file)
    found = tuple(images.images.shape[1:])
    if found != dataset.image_shape:
        hint = "; `pad: true` in its origin pads them" if smaller else ""
        raise DataError(f"{file}: found images {found}, needed: {dataset.image_shape}{hint}")
    return images


def _checked_content(images: ImageSet, dataset: Dataset, split: str, file: str) -> str:
    """The digest of what a split holds. Raises DataError if the configuration knows it to be another."""
    found = content_digest(images)
    expected = getattr(dataset.content, split) if dataset.content else found
    if found != expected:
        raise DataError(
            f"{file}: found {len(images.images)} images with the content {found}, expected: {expected}"
        )
    return found


def read_digits() -> RealSet:
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
