"""Archives from elsewhere: opened without trusting them.

Nothing leaves the folder it is unpacked to, links are refused, and an archive that would unpack to more
than `LIMIT_BYTES` is not unpacked. A pickle is only let through if it can build nothing but arrays.
"""

import lzma
import pickletools
import tarfile
import zipfile
import zlib
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


_TEXTS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
_TO_MEMO = ("PUT", "BINPUT", "LONG_BINPUT")
_FROM_MEMO = ("GET", "BINGET", "LONG_BINGET")
_GLOBALS = ("GLOBAL", "INST", "STACK_GLOBAL")
_ELSEWHERE = ("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID")
"""Opcodes whose meaning is not in the pickle itself."""

_DAMAGE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What the decompressors raise; a ValueError is a name or a number in a header that is none."""

_ENCRYPTED = 0x1


@contextmanager
def reading(archive: Path) -> Iterator[zipfile.ZipFile]:
    """A zip whose members may be read; DataError if it is damaged or too large."""
    try:
        with zipfile.ZipFile(archive) as files:
            check_size(archive, sum(member.file_size for member in files.infolist()))
            for member in files.infolist():
                if member.flag_bits & _ENCRYPTED:
                    raise DataError(f"{archive}: {member.filename} is encrypted")
            yield files
    except (zipfile.BadZipFile, NotImplementedError, *_DAMAGE) as error:
        raise DataError(f"{archive}: is not a whole zip file: {_brief(error)}") from None


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack files and folders of a tar, plain or compressed; DataError if it holds anything else."""
    try:
        with tarfile.open(archive) as files:
            members, unpacked = [], 0
            for member in files:
                unpacked += member.size
                check_size(archive, unpacked)  # before its bytes are passed over to find the next one
                members.append(member)
                if not (member.isfile() or member.isdir()):
                    raise DataError(f"{archive}: found {member.name!r}, needed: only files and folders")
            while files.fileobj is not None and files.fileobj.read(1 << 20):
                pass  # on to the end, where the checksum of what is compressed stands
            files.extractall(folder, members, filter="data")
    except (tarfile.TarError, *_DAMAGE) as error:
        raise DataError(f"{archive}: is not a whole, safe tar file: {_brief(error)}") from None


def check_pickle(content: bytes, name: str) -> None:
    """Raise DataError unless a pickle can build nothing but arrays, numbers, text and containers.

    `name` is what the error calls it.
    """
    # Only texts that stand right before STACK_GLOBAL, or are taken from the memo there, can be names:
    # of all else on the stack it would take a whole interpreter to tell what lies on top.
    texts: list[str | None] = []
    memo: dict[int, str | None] = {}
    try:
        for code, argument, _ in pickletools.genops(content):
            if code.name in _TEXTS:
                texts.append(argument)
            elif code.name in _FROM_MEMO:
                texts.append(memo.get(int(argument or 0)))
            elif code.name == "MEMOIZE" or code.name in _TO_MEMO:
                memo[len(memo) if argument is None else argument] = texts[-1] if texts else None
            elif code.name in _GLOBALS:
                known = len(texts) > 1 and None not in texts[-2:]
                names = " ".join(map(str, texts[-2:])) if known else "names that are not told"
                found = str(argument) if code.name in ("GLOBAL", "INST") else names
                if found not in _ARRAYS_ONLY:
                    raise DataError(f"{name}: holds {found!r}, which is not let to run")
                texts = []
            elif code.name in _ELSEWHERE:
                raise DataError(f"{name}: holds {code.name}, which is not let to run")
            elif code.name not in ("PROTO", "FRAME"):
                texts = []
    except ValueError as error:
        raise DataError(f"{name}: is not a whole pickle: {_brief(error)}") from None


def check_size(archive: Path, unpacked: int) -> None:
    """Raise DataError for more bytes than `LIMIT_BYTES`."""
    if unpacked > LIMIT_BYTES:
        raise DataError(f"{archive}: unpacks to {unpacked} bytes, allowed: {LIMIT_BYTES}")


def _brief(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].rstrip(":") if lines else type(error).__name__
