"""A file that the configuration names: published upstream, or lying on the user's own disk."""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from crossarch.config.model import Int, Model

_HOST = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
DIGESTS = ("sha256", "git_blob", "md5")  # that may be pinned, strongest first
_DEFAULT_PORT = {"http": 80, "https": 443}


class UpstreamFile(Model):
    """A published file and what is known of its bytes.

    `url` is http or https; `size` is in bytes; `sha256`, `git_blob` and `md5` are hexadecimal digests.
    `git_blob` is the id that Git gives to the content: the SHA-1 of ``blob <size>\\0`` followed by the
    bytes. A file in a shared Google Drive folder is written
    `https://drive.google.com/drive/folders/<id of the folder>/<path inside it>`,
    a single file as the link that Drive gives.
    """

    url: str
    size: Int | None = Field(default=None, ge=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    git_blob: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{40}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{32}$")

    @field_validator("url")
    @classmethod
    def _names_a_safe_path(cls, url: str) -> str:
        relative_path(url)
        return url

    @property
    def digests(self) -> dict[str, str]:
        """The pinned digests by name, those of DIGESTS that are known."""
        pinned = {name: getattr(self, name) for name in DIGESTS}
        return {name: digest for name, digest in pinned.items() if digest is not None}

    @property
    def relative_path(self) -> PurePosixPath:
        """`<host>/<path>`, where `wget -x` puts the file: the place in a mirror or in the cache."""
        return relative_path(self.url)


def expanded(path: str) -> Path:
    """`path` with the home that `~` stands for; raises ValueError for a user who is not there."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError("the home of a user that exists (~ or ~name), or no ~ before it") from None


def _as_written(path: str) -> str:
    """The path as it is written, if it can be `expanded`: on another machine it may lie elsewhere."""
    expanded(path)
    if set(path) & {"{", "}"}:  # in a rule they stand for a wildcard
        raise ValueError("a path without braces")
    return path


class LocalFile(Model):
    """A file or folder of the user's own, written as its path alone; it is read where it lies."""

    path: Annotated[str, Field(min_length=1), AfterValidator(_as_written)]

    @model_validator(mode="before")
    @classmethod
    def _from_its_path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @property
    def location(self) -> Path:
        """The path, `~` expanded; a relative one starts at the folder the workflow runs in."""
        return expanded(self.path)


def _form(value: Any) -> str:
    return "local" if isinstance(value, str | LocalFile) else "upstream"


File = Annotated[
    Annotated[UpstreamFile, Tag("upstream")] | Annotated[LocalFile, Tag("local")], Discriminator(_form)
]
"""`{url: ..., sha256: ...}`, or a path."""


def relative_path(url: str) -> PurePosixPath:
    """Map `url` to `<host>/<path>`; raises ValueError if it could lead out of that folder."""
    # urlsplit drops tabs and newlines silently: the path would not be that of the URL asked for.
    if _CONTROL.search(url):
        raise ValueError("a URL without control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"a URL ({error})") from error
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError("an https or http URL")
    host = parts.hostname or ""
    if parts.username is not None or not _HOST.fullmatch(host):
        raise ValueError("a URL with a plain host name")
    if port is not None and port != _DEFAULT_PORT[parts.scheme]:
        host = f"{host}:{port}"
    segments = [unquote(segment) for segment in parts.path.split("/")[1:]]
    if not segments or segments == [""]:
        raise ValueError("a URL with the path of a file")
    for segment in segments:
        if segment in {"", ".", ".."} or "/" in segment or _CONTROL.search(segment):
            raise ValueError(f"a URL without {segment!r} as a part of its path")
    if parts.query:
        segments[-1] += "?" + unquote(parts.query).replace("/", "%2F")
        if _CONTROL.search(segments[-1]):
            raise ValueError("a URL without control characters in its query")
    return PurePosixPath(host, *segments)
