"""Distilled sets: upstream's files to one canonical file, in the space they were distilled in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from crossarch.config.schema import Dataset, DistilledSet, Source
from crossarch.data.doubts import check_balance, check_scale, doubt_soft_labels
from crossarch.data.formats import channels_first, class_folders, one_if_grey, read_set
from crossarch.data.store import ImageSet, check_every_class, check_set, save_set
from crossarch.data.whitening import Whitener
from crossarch.errors import DataError


def prepare_distilled(
    source: Source,
    entry: DistilledSet,
    dataset: Dataset,
    ipc: int,
    paths: Sequence[Path],
    destination: Path,
    *,
    whitener: Whitener | None = None,
    class_order: Sequence[int] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Read the files of a set, check them against the configuration, write them as one.

    `whitener` moves raw pixels into the source's space. `class_order[i]` is the number that this
    pipeline gives to the set's class i; None: the same. `metadata` is stored with the set. Raises
    DataError when count, shape, label kind or values are not those of the set, and when hard labels
    are not `ipc` of each class. Warns of labels and pixels that can hardly be meant.
    """
    file = str(paths[0])
    loaded = read_set(entry.form, paths)
    _check_kind_of_labels(loaded.labels, source, str(paths[-1]))
    images = _as_pixels(loaded.images, dataset, whitener, file)
    labels = loaded.labels.float() if source.labels == "soft" else _whole(loaded.labels, file)
    canonical = ImageSet(images, labels)
    check_set(canonical, file, dataset.classes, str(paths[-1]))
    expected = (ipc * dataset.classes, *dataset.image_shape)
    if tuple(canonical.images.shape) != expected:
        raise DataError(
            f"{file}: found shape {tuple(canonical.images.shape)}, needed: {expected} "
            f"(ipc {ipc}, {dataset.classes} classes)"
        )
    if source.labels == "hard":
        check_every_class(labels, dataset.classes, str(paths[-1]))
        check_balance(labels, _class_names(entry, dataset, paths[-1]), ipc, str(paths[-1]))
    else:
        doubt_soft_labels(labels, dataset.label_temperature, str(paths[-1]))
    check_scale(images, dataset, entry.whitening or source.whitening, file)
    if class_order is not None:
        canonical = ImageSet(images, _reordered(labels, class_order))
    save_set(destination, canonical, {"labels": source.labels, "ipc": str(ipc), **(metadata or {})})


def _as_pixels(images: Tensor, dataset: Dataset, whitener: Whitener | None, file: str) -> Tensor:
    """(N, C, H, W) float32 in the set's space, whatever the layout; raw pixels are whitened."""
    images = channels_first(images, dataset.channels)
    if dataset.channels == 1:
        images = one_if_grey(channels_first(images, 3))
    if whitener is None:
        if not images.is_floating_point():
            raise DataError(
                f"{file}: images: found {images.dtype}, needed: floats in the space of the source's "
                "`whitening`, or `pixels: raw` in the source"
            )
        return images.float()
    if images.dtype != torch.uint8:
        raise DataError(f"{file}: images: found {images.dtype}, needed: uint8, for `pixels: raw`")
    found = tuple(images.shape[1:])
    if found != dataset.image_shape:
        raise DataError(f"{file}: found images {found}, needed: {dataset.image_shape}")
    return whitener(images)


def _check_kind_of_labels(labels: Tensor, source: Source, file: str) -> None:
    """Raise DataError for labels of the other kind than the source's (hard, soft), and complex ones."""
    if labels.is_complex():
        raise DataError(f"{file}: labels: found {labels.dtype}, needed: real numbers")
    dimensions, needed = {"hard": (1, "(N,)"), "soft": (2, "(N, classes)")}[source.labels]
    if labels.ndim != dimensions:
        raise DataError(
            f"{file}: labels: found shape {tuple(labels.shape)}, needed: {needed}, since the source has "
            f"`labels: {source.labels}`"
        )


def _class_names(entry: DistilledSet, dataset: Dataset, file: Path) -> list[str]:
    """What the classes of a set are called in its file: by folders, or by numbers."""
    if entry.form == "folder":
        return [folder.name for folder in class_folders(file)]
    return [str(number) for number in range(dataset.classes)]


def _whole(labels: Tensor, file: str) -> Tensor:
    """Class indices as int64; DataError for fractions, which would be cut off silently."""
    whole = labels.long()
    if labels.is_floating_point() and not torch.equal(whole.to(labels.dtype), labels):
        raise DataError(f"{file}: labels: found fractions, needed: whole numbers, or soft labels")
    return whole


def _reordered(labels: Tensor, order: Sequence[int]) -> Tensor:
    """Checked labels (N,) or (N, classes) with class i moved to `order[i]`."""
    places = torch.tensor(order)
    return places[labels] if labels.ndim == 1 else labels[:, places.argsort()]
