"""Whole files or none: everything that the project writes goes through here."""

import glob
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossarch.errors import DataError


@contextmanager
def atomic_path(destination: Path) -> Iterator[Path]:
    """Yield a temporary path beside `destination`; on success flush it and rename it into place.

    On any error (a full disk, a signal, an exception) the temporary file is removed and
    `destination` stays as it was. The parent folder is created. An OSError about the temporary file
    names `destination` instead.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, name = tempfile.mkstemp(
            dir=destination.parent, prefix=f".{destination.name}.", suffix=".part"
        )
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(destination)) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(destination)
    except OSError as error:
        if error.filename not in (None, name):
            raise
        raise OSError(error.errno, error.strerror, str(destination)) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(destination: Path) -> None:
    """Remove what killed processes left of writing `destination`; none may be writing it now."""
    for left in destination.parent.glob(f".{glob.escape(destination.name)}.*.part"):
        left.unlink(missing_ok=True)


def write_text(destination: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(destination) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits; of a folder, that of its files' names and hashes.

    Which files are those of a folder: `files_of`.
    """
    if path.is_dir():
        listed = "".join(f"{sha256_of(each)} {each.relative_to(path)}\n" for each in files_of(path))
        return hashlib.sha256(listed.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_of(path: Path) -> list[Path]:
    """The file itself; of a folder all files below it, in order of their paths.

    What is hidden is passed over. Links are followed, but for those that lead back to a folder that they
    lie in. Raises DataError for a folder that cannot be read.
    """
    return sorted(_below(path, frozenset()))


def seen_in(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, in order. Raises DataError if it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from None


def read_mapping(file: Path) -> Mapping[str, Any]:
    """A file of JSON that holds a mapping; DataError with one line, naming the place, if it does not."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{file}: line {error.lineno}, column {error.colno}: is not JSON: {error.msg}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot be read: {error}") from None
    if not isinstance(data, Mapping):
        raise DataError(f"{file}: found {type(data).__name__}, allowed: a mapping of names")
    return data


def mapping_at(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key of such a file; an empty one where there is none."""
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _below(path: Path, above: frozenset[Path]) -> Iterator[Path]:
    """As `files_of`, in any order; `above` are the folders on the way there, links resolved."""
    if path.is_dir():
        here = path.resolve()
        if here not in above:
            for each in seen_in(path):
                yield from _below(each, above | {here})
    elif path.is_file():
        yield path


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
