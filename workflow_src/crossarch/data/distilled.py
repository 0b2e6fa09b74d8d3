"""Distilled sets: published files to one canonical file, in the space they were distilled in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from crossarch.config import LabelSettings
from crossarch.config.schema import Dataset, DistilledSet, Source
from crossarch.data.canonical import channels_first, hard_labels, raw_pixels, soft_labels
from crossarch.data.class_order import listed_order, named_order
from crossarch.data.readers import Choices, Contents, read_set
from crossarch.data.sanity_checks import check_balance, check_scale, check_soft_labels
from crossarch.data.store import ImageSet, check_every_class, check_set, save_set
from crossarch.data.whitening import Whitener
from crossarch.errors import DataError, warn


def prepare_distilled(
    source: Source,
    entry: DistilledSet,
    dataset: Dataset,
    ipc: int,
    paths: Sequence[Path],
    destination: Path,
    *,
    labels: LabelSettings,
    whitener: Whitener | None = None,
    real: Path | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Read the files of a set, check them against the configuration, write them as one.

    `whitener` moves raw pixels into the source's space. `real` are the prepared training images, which
    know the names of the classes; needed for folders and for `class_order: listed`. `metadata` is stored
    with the set. Raises DataError when count, shape, label kind or values are not those of the set, and
    when hard labels are not `ipc` of each class. Warns of labels and pixels that can hardly be meant.
    """
    file, labels_file = str(paths[0]), str(paths[-1])
    contents = read_set(paths, Choices(entry.repetition, entry.key))
    if entry.repetition is None and contents.repetitions > 1:
        warn(f"{file}: found {contents.repetitions} repetitions, `repetition: 0` is read")
    canonical = as_image_set(contents, source, entry, dataset, whitener, file, labels_file)
    expected = (ipc * dataset.classes, *dataset.image_shape)
    if tuple(canonical.images.shape) != expected:
        raise DataError(
            f"{file}: found shape {tuple(canonical.images.shape)}, needed: {expected} "
            f"(ipc {ipc}, {dataset.classes} classes)"
        )
    if source.labels == "hard":
        check_every_class(canonical.labels, dataset.classes, labels_file)
        names = contents.classes or [str(number) for number in range(dataset.classes)]
        check_balance(canonical.labels, list(names), ipc, labels_file)
    else:
        check_soft_labels(contents.labels, canonical.labels, labels.temperature, labels_file)
    if whitener is None:
        check_scale(canonical.images, dataset, entry.whitening or source.whitening, file)
    if order := _class_order(entry, contents, real, paths[0]):
        canonical = ImageSet(canonical.images, _reordered(canonical.labels, order))
    save_set(destination, canonical, {"labels": source.labels, "ipc": str(ipc), **(metadata or {})})


def as_image_set(
    contents: Contents,
    source: Source,
    entry: DistilledSet,
    dataset: Dataset,
    whitener: Whitener | None,
    file: str,
    labels_file: str,
) -> ImageSet:
    """Images (N, C, H, W) float32 in the set's space, and labels as they were numbered in the file.

    Raises DataError where shapes, dtypes or values are not those of a set of `dataset`.
    """
    images = channels_first(contents.images, dataset.image_shape, entry.layout, file)
    if whitener is not None:
        found = tuple(images.shape[1:])
        if found != dataset.image_shape:
            raise DataError(f"{file}: found images {found}, needed: {dataset.image_shape}")
        images = whitener(raw_pixels(images, file))
    elif not images.is_floating_point():
        raise DataError(
            f"{file}: images: found {images.dtype}, needed: floats in the space of the source's "
            "`whitening`, or `pixels: raw` in the source"
        )
    if source.labels == "soft":
        labels = soft_labels(contents.labels, entry.label_form, labels_file)
    else:
        labels = hard_labels(contents.labels, labels_file)
    image_set = ImageSet(images.float(), labels)
    check_set(image_set, file, dataset.classes, labels_file)
    return image_set


def _class_order(
    entry: DistilledSet, contents: Contents, real: Path | None, file: Path
) -> list[int] | None:
    """The number here of each class of the set; None where that is its own number."""
    if contents.classes is None and entry.class_order == "sorted":
        return None
    if real is None:
        raise DataError(f"{file}: names its classes; the real images that tell their order are missing")
    return named_order(real, contents.classes, file) if contents.classes else listed_order(real)


def _reordered(labels: Tensor, order: Sequence[int]) -> Tensor:
    """Checked labels (N,) or (N, classes) with class i moved to `order[i]`."""
    places = torch.tensor(order)
    return places[labels] if labels.ndim == 1 else labels[:, places.argsort()]
