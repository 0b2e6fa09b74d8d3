"""Is a local file the published one? Size and digests decide."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from crossarch.config.files import DIGESTS, UpstreamFile
from crossarch.files import sha256_of

ABSENT = "no such file"
CHECKSUMS = "checksums"  # the key of what a prepared set was read from
CHUNK_BYTES = 1 << 18  # files are read, hashed and written in pieces of this size


def mismatch(path: Path, file: UpstreamFile) -> str | None:
    """Tell how `path` differs from what is pinned for `file`; None if every check holds."""
    try:
        size, found = path.stat().st_size, file_digests(path, file.digests)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if file.size not in (None, size):
        return f"found {size} bytes, expected {file.size}"
    for name, expected in file.digests.items():
        if found[name] != expected.lower():
            return f"found {name} {found[name]}, expected {expected.lower()}"
    return None


def file_digests(path: Path, names: Iterable[str] = DIGESTS) -> dict[str, str]:
    """Hexadecimal digests of a file by name; it is read once. Raises OSError if it is unreadable."""
    header = b"blob %d\0" % path.stat().st_size
    known = {"git_blob": hashlib.sha1(header, usedforsecurity=False)}
    hashers = {name: known.get(name) or hashlib.new(name, usedforsecurity=False) for name in names}
    with path.open("rb") as stream:
        while hashers and (chunk := stream.read(CHUNK_BYTES)):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}


def checksums(files: Mapping[str, Path]) -> str:
    """The digests of files and folders by name, as JSON for the metadata of what is made of them."""
    return json.dumps(
        {
            name: {"sha256": sha256_of(path)} if path.is_dir() else file_digests(path)
            for name, path in files.items()
        }
    )
