"""Files of NumPy: one array (`.npy`) or several by name (`.npz`), never pickled objects."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from crossarch.data.archives import check_size
from crossarch.data.readers.names import KNOWN
from crossarch.data.readers.registry import reader, zipped_with
from crossarch.errors import DataError


@reader(
    "numpy",
    ".npy or .npz",
    lambda path, head: head.startswith(b"\x93NUMPY") or zipped_with(path, head, ".npy"),
)
def read_numpy(path: Path) -> Any:
    """The array of an `.npy`; of an `.npz` the arrays whose names mean something, or its only one."""
    return load_numpy(path, KNOWN)


def load_numpy(path: Path, names: Collection[str]) -> Any:
    """As `read_numpy`, with the `names` (in lower case) of the arrays that are read.

    Raises DataError for a damaged file, arrays of objects, and an `.npz` with none of the names.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            return loaded
        with loaded:
            found = loaded.files
            chosen = [name for name in found if name.lower() in names] or found[: len(found) == 1]
            if not chosen:
                raise DataError(f"{path}: found arrays {', '.join(found)}, expected images and labels")
            members = {each.filename.removesuffix(".npy"): each for each in loaded.zip.infolist()}  # type: ignore[union-attr]
            check_size(path, sum(members[name].file_size for name in chosen))
            arrays = {name: loaded[name] for name in chosen}
    except DataError:
        raise
    except Exception as error:  # numpy, zipfile and zlib each have errors of their own
        if "allow_pickle" in str(error):
            raise DataError(f"{path}: holds pickled objects, which are not loaded") from None
        raise DataError(f"{path}: is damaged: {' '.join(str(error).split())}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # a member of the zip that is no .npy
            raise DataError(f"{path}: {name}: found no array of numpy")
    return arrays
