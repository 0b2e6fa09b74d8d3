"""Archives from elsewhere: opened without trusting them.

Nothing leaves the folder it is unpacked to, links are refused, and an archive that would unpack to more
than `LIMIT_BYTES` is not unpacked. A pickle is only let through if it can build nothing but arrays.
"""

import pickletools
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crossarch.errors import DataError

LIMIT_BYTES = 4 << 30
"""More than any set of the paper unpacks to (Tiny-ImageNet's 120,000 images: about a quarter of it)."""

_ARRAYS_ONLY = {
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",
}


@contextmanager
def reading(archive: Path) -> Iterator[zipfile.ZipFile]:
    """A zip whose members may be read; DataError if it is damaged or too large."""
    try:
        with zipfile.ZipFile(archive) as files:
            _check_size(archive, sum(member.file_size for member in files.infolist()))
            yield files
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise DataError(f"{archive}: is not a whole zip file: {error}") from None


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack files and folders of a tar, plain or compressed; DataError if it holds anything else."""
    try:
        with tarfile.open(archive) as files:
            members = files.getmembers()
            _check_size(archive, sum(member.size for member in members))
            for member in members:
                if not (member.isfile() or member.isdir()):
                    raise DataError(f"{archive}: found {member.name!r}, needed: only files and folders")
            files.extractall(folder, members, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive}: is not a whole, safe tar file: {error}") from None


def check_pickle(path: Path) -> None:
    """Raise DataError unless a pickle can build nothing but arrays, numbers, text and containers."""
    try:
        names: list[str] = []  # the last two texts are what STACK_GLOBAL names
        for code, argument, _ in pickletools.genops(path.read_bytes()):
            if isinstance(argument, str) and code.name not in ("GLOBAL", "INST"):
                names.append(argument)
            if code.name in ("GLOBAL", "INST"):
                found = str(argument)
            elif code.name == "STACK_GLOBAL":
                found = " ".join(names[-2:])
            else:
                continue
            if found not in _ARRAYS_ONLY:
                raise DataError(f"{path}: holds {found!r}, which is not let to run")
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: is not a whole pickle: {error}") from None


def _check_size(archive: Path, unpacked: int) -> None:
    if unpacked > LIMIT_BYTES:
        raise DataError(f"{archive}: unpacks to {unpacked} bytes, allowed: {LIMIT_BYTES}")
