"""The forms in which distilled sets are published: each read into images and labels as they are.

No reader runs code from a file: pickles are refused (`weights_only`, `allow_pickle=False`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from torch import Tensor

from crossarch.config.schema import SetFormat
from crossarch.data.archives import check_size
from crossarch.data.flax import read_flax
from crossarch.data.images import IMAGE_SUFFIXES, decode
from crossarch.data.store import ZIP_HEAD, ImageSet, check_kind, load_pt, load_tensors
from crossarch.errors import DataError
from crossarch.files import seen_in

NAMES = ("images", "labels")


def read_set(form: SetFormat, paths: Sequence[Path]) -> ImageSet:
    """Images and labels of the files of one set, in the layout and the dtypes they were stored in.

    Raises DataError, naming the file, if one is damaged or does not hold what its format says.
    """
    return READERS[form](paths)


def channels_first(images: Tensor, channels: int) -> Tensor:
    """Images (N, H, W, C) as (N, C, H, W), those that have their channels there already as they are."""
    last = images.ndim == 4 and images.shape[-1] == channels != images.shape[1]
    return images.permute(0, 3, 1, 2) if last else images


def one_if_grey(images: Tensor) -> Tensor:
    """(N, 3, H, W) with three equal channels, as grey image files are decoded, as (N, 1, H, W)."""
    grey = images.ndim == 4 and images.shape[1] == 3 and bool((images == images[:, :1]).all())
    return images[:, :1] if grey else images


def _pair(load: Callable[[Path], Tensor]) -> Callable[[Sequence[Path]], ImageSet]:
    """A reader of images (in parts) and labels, a file each."""

    def read(paths: Sequence[Path]) -> ImageSet:
        *parts, labels = paths
        images = [load(part) for part in parts]
        if len({tuple(part.shape[1:]) for part in images}) > 1 or images[0].ndim == 0:
            shapes = ", ".join(str(tuple(part.shape)) for part in images)
            raise DataError(f"{parts[0]}: found parts of shapes {shapes}, needed: images of one size")
        return ImageSet(torch.cat(images), load(labels))

    return read


def _tensor(path: Path) -> Tensor:
    loaded = load_pt(path)
    if not isinstance(loaded, Tensor):
        raise DataError(f"{path}: found {type(loaded).__name__}, needed: a tensor")
    if loaded.layout is not torch.strided:
        raise DataError(f"{path}: found a tensor of {loaded.layout}, needed: a dense one")
    return loaded.detach()


def _npy(path: Path) -> Tensor:
    with _numpy(path) as loaded:
        if isinstance(loaded, NpzFile):
            raise DataError(f"{path}: found an .npz of {', '.join(loaded)}, needed: one array")
        return _as_tensor(loaded, path)


def _npz(paths: Sequence[Path]) -> ImageSet:
    """The two arrays of an .npz; what else it holds is not read."""
    path = paths[0]
    with _numpy(path) as loaded:
        if not isinstance(loaded, NpzFile):
            raise DataError(f"{path}: found one array, needed: an .npz of {' and '.join(NAMES)}")
        members = [] if loaded.zip is None else loaded.zip.infolist()
        needed = [member for member in members if member.filename.removesuffix(".npy") in NAMES]
        check_size(path, sum(member.file_size for member in needed))
        return _named(loaded, path)


def _safetensors(paths: Sequence[Path]) -> ImageSet:
    return ImageSet(**load_tensors(paths[0], NAMES))


def _flax(paths: Sequence[Path]) -> ImageSet:
    """FRePo's checkpoints: `params/x_proto` (N, H, W, C) and `params/y_proto` (N, classes)."""
    params = read_flax(paths[0]).get("params")
    if not isinstance(params, dict):
        raise DataError(f"{paths[0]}: found no `params`, needed: params/x_proto and params/y_proto")
    named = {"images": params.get("x_proto"), "labels": params.get("y_proto")}
    arrays = {name: array for name, array in named.items() if isinstance(array, np.ndarray)}
    return _named(arrays, paths[0], "params/x_proto and params/y_proto")


def _folder(paths: Sequence[Path]) -> ImageSet:
    """`<class>/<image>`: classes in order of their names; what is hidden or no image is passed over."""
    folder = paths[0]
    found = []
    for label, of_class in enumerate(class_folders(folder)):
        files = [path for path in seen_in(of_class) if path.suffix.lower() in IMAGE_SUFFIXES]
        if not files:
            raise DataError(f"{of_class}: found no images, needed: at least one for each class")
        found += [(path, label) for path in files]
    if not found:
        raise DataError(f"{folder}: found no images in <class>/, needed: one folder for each class")
    images = [decode(path.read_bytes(), str(path)) for path, _ in found]
    for image, (path, _) in zip(images, found, strict=True):
        if image.shape != images[0].shape:
            raise DataError(f"{path}: found {image.shape[:2]} pixels, needed: {images[0].shape[:2]}")
    labels = torch.tensor([label for _, label in found])
    return ImageSet(torch.from_numpy(np.stack(images)), labels)


def class_folders(folder: Path) -> list[Path]:
    """The subfolders of a folder of images, in the order that their classes are read in."""
    if not folder.is_dir():
        raise DataError(f"{folder}: is not a folder of images")
    return [path for path in seen_in(folder) if path.is_dir()]


READERS: dict[SetFormat, Callable[[Sequence[Path]], ImageSet]] = {
    "pt": _pair(_tensor),
    "npy": _pair(_npy),
    "npz": _npz,
    "safetensors": _safetensors,
    "flax": _flax,
    "folder": _folder,
}


@contextmanager
def _numpy(path: Path) -> Iterator[np.ndarray | NpzFile]:
    """The array of an .npy, or an .npz, whose arrays are read when they are asked for."""
    check_kind(path, (ZIP_HEAD, b"\x93NUMPY"), ".npy or .npz file")
    try:
        loaded = np.load(path, allow_pickle=False)
        with loaded if isinstance(loaded, NpzFile) else nullcontext():
            yield loaded
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and zlib each have errors of their own
        raise DataError(f"{path}: is not a whole file of numpy arrays: {error}") from None


def _named(arrays: Mapping[str, np.ndarray], path: Path, needed: str = " and ".join(NAMES)) -> ImageSet:
    if not set(NAMES) <= set(arrays):
        raise DataError(f"{path}: found {', '.join(arrays) or 'nothing'}, needed: {needed}")
    found = {name: arrays[name] for name in NAMES}
    for name, array in found.items():
        if not isinstance(array, np.ndarray):  # what numpy makes of a member of a zip without its head
            raise DataError(f"{path}: {name}: found no array of numpy")
    return ImageSet(*(_as_tensor(array, path) for array in found.values()))


def _as_tensor(array: np.ndarray, path: Path) -> Tensor:
    try:
        # A copy in this machine's byte order, which torch needs.
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
    except TypeError:
        raise DataError(f"{path}: found values of {array.dtype}, needed: numbers") from None
