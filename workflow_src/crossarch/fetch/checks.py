"""Is a local file the one that was published? Size and digests decide."""

import hashlib
from pathlib import Path

from crossarch.config.files import UpstreamFile

CHUNK_BYTES = 1 << 18
"""Files are read, hashed and written in pieces of this size, so that none is held in memory."""


def mismatch(path: Path, file: UpstreamFile) -> str | None:
    """Tell how `path` differs from what is pinned for `file`; None if every check holds.

    The file is read once whatever the number of digests. Raises OSError if it cannot be read.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size} bytes, found {size}"
    hashers = {name: _hasher(name, size) for name in file.digests}
    with path.open("rb") as stream:
        while hashers and (chunk := stream.read(CHUNK_BYTES)):
            for hasher in hashers.values():
                hasher.update(chunk)
    for name, expected in file.digests.items():
        found = hashers[name].hexdigest()
        if found != expected.lower():
            return f"expected {name} {expected.lower()}, found {found}"
    return None


def _hasher(name: str, size: int) -> "hashlib._Hash":
    if name == "git_blob":
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.new(name, usedforsecurity=False)
