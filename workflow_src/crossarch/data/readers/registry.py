"""The registry of file formats: each reader registers itself with the sign that its files are known by.

What a file is follows from its contents, never from its name. A reader gives plain containers of
tensors, numbers and texts, and runs no code from the file.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossarch.errors import DataError

HEAD_BYTES = 512

Read = Callable[[Path], Any]
Sign = Callable[[Path, bytes], bool]
"""Whether a file (or a folder, whose head is empty) with these first bytes is of a format."""


@dataclass(frozen=True)
class Reader:
    """What a format is called, what its files are known by, and the function that reads one."""

    name: str
    title: str
    sign: Sign
    read: Read


READERS: list[Reader] = []


def reader(name: str, title: str, sign: Sign) -> Callable[[Read], Read]:
    """Register a function that reads files with this sign."""

    def register(read: Read) -> Read:
        READERS.append(Reader(name, title, sign, read))
        return read

    return register


def reader_of(path: Path) -> Reader:
    """The reader of a file or folder. Raises DataError, saying what the file is instead, if none is."""
    head = b"" if path.is_dir() else _head(path)
    for each in READERS:
        if each.sign(path, head):
            return each
    if zipped_with(path, head, ""):
        raise DataError(f"{path}: is a zip file without tensors, arrays or images")
    raise DataError(f"{path}: {_instead(head)}")


def read_file(path: Path) -> Any:
    """What a file or folder holds: tensors, arrays, numbers and texts in dicts and lists.

    Raises DataError if it is missing, damaged, of no known format or holds more than these.
    """
    return reader_of(path).read(path)


def zipped_with(path: Path, head: bytes, endings: str | tuple[str, ...]) -> bool:
    """Whether a file is a whole zip with a member whose name has this ending."""
    if not head.startswith(b"PK") or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as files:
            return any(name.lower().endswith(endings) for name in files.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file or folder") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _instead(head: bytes) -> str:
    """What a file without a reader is, by its first bytes."""
    if not head:
        return "is empty"
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "is a Git LFS pointer, not the file itself (`git lfs pull` fetches that)"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not the file itself (a link to a page was downloaded)"
    if head.startswith(b"PK"):
        return "is a damaged zip file: it ends too early"
    titles = ", ".join(each.title for each in READERS)
    return f"is of an unknown format (it begins with {head[:8]!r}), expected one of: {titles}"
