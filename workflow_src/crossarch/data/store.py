"""Tensors between stages: safetensors files with metadata, written whole, checked when read."""

import codecs
import json
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.serialization import safe_globals

from crossarch.config.schema import Whitening
from crossarch.errors import DataError
from crossarch.files import atomic_path

ZIP_HEAD = b"PK\x03\x04"
_PT_HEADS = (ZIP_HEAD, b"\x80")  # of today; a pickle, as PyTorch wrote it before 1.6


@dataclass(frozen=True)
class ImageSet:
    """Images (N, C, H, W), uint8 or float32, and labels: (N,) int64 or (N, classes) float32."""

    images: Tensor
    labels: Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata to one safetensors file, atomically; OSError where that fails.

    The same tensors and metadata give the same bytes, so that checksums tell what a file holds.
    """
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        # The library's save_file writes to a temporary file of its own, which a kill leaves behind.
        temporary.write_bytes(save(contiguous, metadata=dict(metadata)))
        _sort_metadata(temporary)


def _sort_metadata(path: Path) -> None:
    """Put the metadata of a safetensors file in order, which the library writes in any.

    The file begins with the length of its header in eight bytes, then has the header in JSON.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(text) == length:  # always, but for another way to write the same characters
            file.seek(8)
            file.write(text)


def load_tensors(path: Path, names: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Read all tensors, or the named ones; DataError if the file is missing, damaged or lacks one."""
    try:
        with safe_open(path, framework="pt") as file:
            there = list(file.keys())
            needed = there if names is None else names
            if not set(needed) <= set(there):
                raise DataError(f"{path}: found tensors {', '.join(there)}, needed: {', '.join(needed)}")
            return {name: file.get_tensor(name) for name in needed}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: is not a whole safetensors file: {error}") from None


def load_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; DataError if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (FileNotFoundError, SafetensorError, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def save_set(path: Path, images: ImageSet, metadata: Mapping[str, str]) -> None:
    """Write an image set, atomically."""
    save_tensors(path, {"images": images.images, "labels": images.labels}, metadata)


def load_set(path: Path) -> ImageSet:
    """Read an image set and check its shapes and values; DataError names what is wrong."""
    tensors = load_tensors(path, ("images", "labels"))
    image_set = ImageSet(tensors["images"], tensors["labels"])
    check_set(image_set, str(path))
    return image_set


def load_fitting(path: Path, classes: int, shape: tuple[int, int, int], dtype: torch.dtype) -> ImageSet:
    """Read an image set whose images have to be (C, H, W) = `shape` of `dtype`, of so many classes.

    Raises DataError, naming what was found.
    """
    image_set = load_set(path)
    check_set(image_set, str(path), classes)
    found = tuple(image_set.images.shape[1:])
    if found != shape:
        raise DataError(f"{path}: found images of shape {found}, needed: {shape}")
    if image_set.images.dtype != dtype:
        name = str(dtype).removeprefix("torch.")
        raise DataError(f"{path}: found images of {image_set.images.dtype}, needed: {name}")
    return image_set


def load_test_set(
    path: Path, classes: int, shape: tuple[int, int, int], whitening: Whitening
) -> ImageSet:
    """Read what a network is tested on: (C, H, W) = `shape`, float32, in the space `whitening`.

    A file that tells no whitening is taken for one of it. Raises DataError, naming what was found, for
    another space, other shapes and soft labels.
    """
    test_set = load_fitting(path, classes, shape, torch.float32)
    if test_set.labels.is_floating_point():
        raise DataError(f"{path}: found soft labels, needed: hard, to test on")
    found = load_metadata(path).get("whitening", whitening)
    if found != whitening:
        raise DataError(f"{path}: found whitening {found}, needed: {whitening}")
    return test_set


def load_pt(path: Path) -> Any:
    """Read a `.pt` or `.pth` file without running any code from it; DataError if it is not one.

    Besides tensors it may hold what many save beside them: NumPy's arrays and numbers, and the arguments
    of a script.
    """
    check_kind(path, _PT_HEADS, "PyTorch file")
    try:
        with safe_globals([Namespace, *_of_numpy()]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # its words are advice to run what stands in the file
        if held := re.search(r"(?:GLOBAL|Unsupported class) ([\w.]+)", str(error)):
            raise DataError(f"{path}: holds {held[1]}, which is not loaded: no code is run") from None
        raise DataError(f"{path}: is damaged") from None
    except Exception as error:  # what stands in a damaged file decides where torch stumbles
        reason = str(error).split(". ")[0].split("\n")[0] or "it ends too early"
        raise DataError(f"{path}: is damaged: {reason}") from None


def _of_numpy() -> list[Any]:
    """What pickles of NumPy's arrays and numbers name, under the modules of NumPy 1 and 2."""
    dtypes = {type(np.dtype(kind)) for kind in np.sctypeDict.values() if kind is not np.object_}
    named = [(np._core.multiarray.scalar, "scalar"), (np._core.multiarray._reconstruct, "_reconstruct")]  # type: ignore[attr-defined]
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    return [
        *((made, f"{module}.{name}") for made, name in named for module in modules),
        *(np.ndarray, np.dtype, *dtypes, codecs.encode),
    ]


def check_kind(path: Path, heads: tuple[bytes, ...], kind: str) -> None:
    """Raise DataError unless a file begins with one of `heads`, as every file of its kind does."""
    try:
        with path.open("rb") as stream:
            head = stream.read(max(map(len, heads)))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if not head.startswith(heads):
        raise DataError(f"{path}: is no {kind}" if head else f"{path}: is empty")


def check_set(
    image_set: ImageSet, file: str, classes: int | None = None, labels_file: str | None = None
) -> None:
    """Raise DataError unless shapes, dtypes and values are those of an image set.

    What is wrong with labels is said of `labels_file`, where they lie apart.
    """
    images, labels = image_set.images, image_set.labels
    if images.ndim != 4:
        raise DataError(f"{file}: images: found shape {tuple(images.shape)}, needed: (N, C, H, W)")
    if labels.ndim > 0 and (len(images) == 0 or len(images) != len(labels)):
        raise DataError(f"{file}: found {len(images)} images and {len(labels)} labels")
    if images.dtype not in (torch.uint8, torch.float32):
        raise DataError(f"{file}: images: found {images.dtype}, needed: uint8 or float32")
    if images.is_floating_point() and not bool(images.isfinite().all()):
        raise DataError(f"{file}: images: found values that are not finite")
    file = labels_file or file
    if labels.ndim == 1 and labels.dtype == torch.int64:
        if classes is not None and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            found = f"{int(labels.min())} to {int(labels.max())}"
            hint = "; subtract 1" if found == f"1 to {classes}" else ""
            raise DataError(f"{file}: labels: found {found}, needed: 0 to {classes - 1}{hint}")
    elif labels.ndim == 2 and labels.dtype == torch.float32:
        if classes is not None and labels.shape[1] != classes:
            raise DataError(
                f"{file}: labels: found {labels.shape[1]} columns, needed: {classes} classes"
            )
        if not bool(labels.isfinite().all()):
            raise DataError(f"{file}: labels: found values that are not finite")
    else:
        found = f"{tuple(labels.shape)} {labels.dtype}"
        raise DataError(f"{file}: labels: found {found}, needed: (N,) int64 or (N, classes) float32")


def check_every_class(labels: Tensor, classes: int, file: str) -> None:
    """Raise DataError where a class has no image, which none that is trained on them would ever give.

    `labels` are class indices (N,) from 0 to `classes` - 1.
    """
    missing = sorted(set(range(classes)) - set(labels.unique().tolist()))
    if missing:
        raise DataError(
            f"{file}: labels: found no image of class {', '.join(map(str, missing))}, needed: at least "
            f"one of each of {classes} classes"
        )
