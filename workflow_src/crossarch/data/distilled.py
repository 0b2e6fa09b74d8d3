"""Distilled sets: upstream's files to one canonical file, in the space they were distilled in."""

from pathlib import Path

from torch import Tensor

from crossarch.config.schema import Dataset, Source
from crossarch.data.store import ImageSet, check_set, load_pt, save_set
from crossarch.errors import DataError


def prepare_distilled(
    source: Source, dataset: Dataset, ipc: int, images: Path, labels: Path, destination: Path
) -> None:
    """Read `images` and `labels` (`.pt` tensors), check them against the configuration, write them.

    Raises DataError when count, shape, label kind or values are not those of the set.
    """
    loaded = ImageSet(_tensor(images), _tensor(labels))
    if source.labels == "soft":
        loaded = ImageSet(loaded.images.float(), loaded.labels.float())
    else:
        loaded = ImageSet(loaded.images.float(), loaded.labels.long())
    check_set(loaded, str(images), dataset.classes)
    expected = (ipc * dataset.classes, dataset.channels, dataset.image_size, dataset.image_size)
    if tuple(loaded.images.shape) != expected:
        raise DataError(
            f"{images}: found shape {tuple(loaded.images.shape)}, needed: {expected} "
            f"(ipc {ipc}, {dataset.classes} classes)"
        )
    kind = "soft" if loaded.labels.ndim == 2 else "hard"
    if kind != source.labels:
        raise DataError(f"{labels}: found {kind} labels, needed: {source.labels}")
    save_set(destination, loaded, {"images": images.name, "labels": kind, "ipc": str(ipc)})


def _tensor(path: Path) -> Tensor:
    loaded = load_pt(path)
    if not isinstance(loaded, Tensor):
        raise DataError(f"{path}: found {type(loaded).__name__}, needed: a tensor")
    return loaded.detach()
