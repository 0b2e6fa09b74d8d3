"""Where upstream files are: the places in order, mirrors and cache of the environment, a listing."""

import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from crossarch.config.files import UpstreamFile, expanded
from crossarch.errors import FetchError
from crossarch.fetch.checks import mismatch


class Place(NamedTuple):
    """Where the bytes came from: `location` is a path, or a URL if `kind` is `network`."""

    kind: Literal["present", "downloads", "mirror", "cache", "network"]
    location: str


@dataclass(frozen=True)
class Listed:
    """One file of a listing; `size` in bytes, None if it is not known; `checks` by name."""

    name: str
    url: str
    kind: str
    size: int | None
    checks: tuple[str, ...]


def mirrors_from_environment() -> tuple[Path, ...]:
    """The directories of `CROSSARCH_MIRROR` (colon-separated); FetchError if one does not exist."""
    names = [name for name in os.environ.get("CROSSARCH_MIRROR", "").split(":") if name]
    mirrors = tuple(_expanded("CROSSARCH_MIRROR", name) for name in names)
    if wrong := [mirror for mirror in mirrors if not mirror.is_dir()]:
        raise FetchError(f"{wrong[0]}: named in CROSSARCH_MIRROR but is not a directory")
    return mirrors


def cache_directory() -> Path:
    """`CROSSARCH_CACHE`, else `$XDG_CACHE_HOME/crossarch`, else `~/.cache/crossarch`; may be absent."""
    if own := os.environ.get("CROSSARCH_CACHE"):
        return _expanded("CROSSARCH_CACHE", own)
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says that a relative path is to be ignored.
    return (shared if shared.is_absolute() else _expanded("CROSSARCH_CACHE", "~/.cache")) / "crossarch"


def local_places(
    file: UpstreamFile, downloads: Path | None, mirrors: Sequence[Path], cache: Path | None
) -> list[Place]:
    """Where `file` may lie without the network, in the order in which the places are tried."""
    places = [Place("mirror", str(mirror / file.relative_path)) for mirror in mirrors]
    before = [Place("downloads", str(downloads / file.relative_path))] if downloads else []
    return before + places + ([Place("cache", str(cache / file.relative_path))] if cache else [])


def list_files(
    files: Mapping[str, UpstreamFile],
    *,
    downloads: Path,
    mirrors: Sequence[Path],
    cache: Path | None,
    locked: Container[str] = (),
) -> list[Listed]:
    """The nearest place that has each file; nothing is fetched and no server is asked."""
    listed = []
    for name, file in files.items():
        places = local_places(file, downloads, mirrors, cache)
        right = (place for place in places if mismatch(Path(place.location), file) is None)
        place = next(right, Place("network", file.url))
        size = file.size if place.kind == "network" else Path(place.location).stat().st_size
        checks = ("lock",) if file.url in locked else tuple(file.digests)
        listed.append(Listed(name, file.url, place.kind, size, checks))
    return listed


def _expanded(variable: str, name: str) -> Path:
    try:
        return expanded(name)
    except ValueError as error:
        raise FetchError(f"{variable}: found {name!r}, allowed: {error}") from None
