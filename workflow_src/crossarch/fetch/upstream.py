"""A file that others publish: where it is and how to know that it is the right one."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from crossarch.errors import FetchError

CHUNK_BYTES = 1 << 18
"""Files are read, hashed and written in pieces of this size, so that none is held in memory."""

_HEX_DIGITS = {"sha256": 64, "git_blob": 40, "md5": 32}
_HOST = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True)
class UpstreamFile:
    """A published file and what is known of its bytes.

    `url` is http or https; `size` is in bytes (0 or more); `sha256`, `git_blob` and `md5` are
    hexadecimal digests (64, 40 and 32 digits). `git_blob` is the id that Git gives to the content:
    the SHA-1 of ``blob <size>\\0`` followed by the bytes. Raises FetchError if a field cannot be
    what it should be.
    """

    url: str
    size: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    md5: str | None = None

    def __post_init__(self) -> None:
        _layout(self.url)
        if self.size is not None and self.size < 0:
            raise FetchError(f"{self.url}: size must be 0 bytes or more, found {self.size}")
        for name, digest in self.digests.items():
            digits = _HEX_DIGITS[name]
            if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", digest):
                raise FetchError(
                    f"{self.url}: {name} must be {digits} hexadecimal digits, found {digest!r}"
                )

    @property
    def digests(self) -> dict[str, str]:
        """The pinned digests by name (`sha256`, `git_blob`, `md5`), strongest first."""
        pinned = {"sha256": self.sha256, "git_blob": self.git_blob, "md5": self.md5}
        return {name: digest for name, digest in pinned.items() if digest is not None}

    @property
    def is_pinned(self) -> bool:
        """Whether anything is known of the bytes; if not, whatever the server sends is accepted."""
        return self.size is not None or bool(self.digests)

    @property
    def relative_path(self) -> PurePosixPath:
        """`<host>/<path>`, where `wget -x` puts the file: the place in a mirror or in the cache."""
        return _layout(self.url)


def verify(path: Path, file: UpstreamFile) -> None:
    """Check the size of `path`, then each pinned digest.

    Raises FetchError, naming the path, what was expected and what was found.
    """
    try:
        difference = mismatch(path, file)
    except OSError as error:
        raise FetchError(f"{path}: cannot be read: {error.strerror or error}") from error
    if difference is not None:
        raise FetchError(f"{path}: {difference}")


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


def _layout(url: str) -> PurePosixPath:
    """Map `url` to `<host>/<path>`; raises FetchError if it could lead out of that folder."""
    # urlsplit drops tabs and newlines silently: the path would not be that of the URL asked for.
    if _CONTROL.search(url):
        raise FetchError(f"{url!r}: control characters are not allowed in a URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchError(f"{url}: not a URL: {error}") from error
    if parts.scheme not in _DEFAULT_PORT:
        raise FetchError(f"{url}: only https and http are allowed, found {parts.scheme!r}")
    host = parts.hostname or ""
    if parts.username is not None or not _HOST.fullmatch(host):
        raise FetchError(f"{url}: expected a plain host name, found {parts.netloc!r}")
    if port is not None and port != _DEFAULT_PORT[parts.scheme]:
        host = f"{host}:{port}"
    segments = [unquote(segment) for segment in parts.path.split("/")[1:]]
    if not segments or segments == [""]:
        raise FetchError(f"{url}: expected the path of a file, found none")
    for segment in segments:
        if segment in {"", ".", ".."} or "/" in segment or _CONTROL.search(segment):
            raise FetchError(f"{url}: {segment!r} is not allowed as a part of the path")
    if parts.query:
        segments[-1] += "?" + unquote(parts.query).replace("/", "%2F")
        if _CONTROL.search(segments[-1]):
            raise FetchError(f"{url}: control characters are not allowed in the query")
    return PurePosixPath(host, *segments)
