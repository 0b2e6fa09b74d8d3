"""Is a local file the one that was published? Size and digests decide."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from crossarch.config.files import DIGESTS, UpstreamFile

CHUNK_BYTES = 1 << 18
"""Files are read, hashed and written in pieces of this size, so that none is held in memory."""


def mismatch(path: Path, file: UpstreamFile) -> str | None:
    """Tell how `path` differs from what is pinned for `file`; None if every check holds.

    The file is read once whatever the number of digests. Raises OSError if it cannot be read.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size} bytes, found {size}"
    found = file_digests(path, file.digests)
    for name, expected in file.digests.items():
        if found[name] != expected.lower():
            return f"expected {name} {expected.lower()}, found {found[name]}"
    return None


def file_digests(path: Path, names: Iterable[str] = DIGESTS) -> dict[str, str]:
    """Hexadecimal digests of a file by name; it is read once. Raises OSError if it cannot be read."""
    hashers = {name: _hasher(name, path.stat().st_size) for name in names}
    with path.open("rb") as stream:
        while hashers and (chunk := stream.read(CHUNK_BYTES)):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}


def _hasher(name: str, size: int) -> "hashlib._Hash":
    if name == "git_blob":
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.new(name, usedforsecurity=False)
