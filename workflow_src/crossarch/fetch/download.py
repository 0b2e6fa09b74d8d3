"""Put one upstream file in place: whole, checked, and from the nearest place that has it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import requests

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError, warn
from crossarch.fetch.checks import mismatch
from crossarch.fetch.drive import download_from_drive, in_drive
from crossarch.fetch.transfer import (
    AbsentError,
    Partial,
    TransferError,
    copy_local,
    download,
    make_session,
)
from crossarch.files import atomic_path
from crossarch.locks import locked


class PlaceKind(StrEnum):
    """The kinds of places a file can come from, in the order in which they are tried."""

    PRESENT = "present"
    DOWNLOADS = "downloads"
    MIRROR = "mirror"
    CACHE = "cache"
    NETWORK = "network"


@dataclass(frozen=True)
class Place:
    """Where the bytes came from: `location` is a path, or a URL if `kind` is NETWORK."""

    kind: PlaceKind
    location: str

    def __str__(self) -> str:
        return f"{self.kind} {self.location}"


class _MismatchError(TransferError):
    """The place gave other bytes than those that are pinned."""


_Source = tuple[Place, Callable[[Path], None]]
"""A place, and the function that writes its bytes over a path."""


def fetch_file(
    file: UpstreamFile,
    destination: Path,
    *,
    mirrors: Sequence[Path],
    cache: Path | None,
    downloads: Path | None = None,
    session: requests.Session | None = None,
) -> Place:
    """Put `file` at `destination` and return where it came from.

    Tried in order: what is already at `destination`, `downloads` (those of a results folder; None:
    left out), each directory of `mirrors`, `cache` (None: no cache), the network. The bytes are
    checked before they get their final name; what is at `destination` is therefore whole and right,
    or is what was there before. A download is also put in the cache. `downloads` and mirrors are
    only read. Callers in other threads or processes that want the same `destination` wait for each
    other. A bar on stderr, where that is a terminal, shows a download; warnings go to
    stderr. Without a `session` one is made by `make_session`.

    Raises FetchError if no place gives the right bytes or if `destination` cannot be written.
    """
    try:
        if destination.is_dir():
            raise FetchError(f"{destination}: is a directory, but a file is to be put there")
        present = Place(PlaceKind.PRESENT, str(destination))
        # Without the lock: writers rename whole files into place, and this may be read-only.
        if destination.exists() and mismatch(destination, file) is None:
            return present
        with _one_writer(destination):
            if destination.exists():
                difference = mismatch(destination, file)
                if difference is None:
                    return present
                warn(f"{destination}: {difference}; fetching it again")
            places = _places(file, destination, downloads, mirrors, cache, session)
            place = _first_right(file, destination, places)
            _partial(destination).discard()
            if place.kind is PlaceKind.NETWORK and cache is not None:
                _keep(file, destination, cache / file.relative_path)
            return place
    except OSError as error:
        reason = error.strerror or str(error)
        raise FetchError(f"{destination}: cannot be put in place: {reason}") from error


def _places(
    file: UpstreamFile,
    destination: Path,
    downloads: Path | None,
    mirrors: Sequence[Path],
    cache: Path | None,
    session: requests.Session | None,
) -> Iterator[_Source]:
    def local(kind: PlaceKind, root: Path) -> _Source:
        source = root / file.relative_path
        return Place(kind, str(source)), lambda target: copy_local(source, target)

    def from_network(target: Path) -> None:
        if in_drive(file.url):
            download_from_drive(file, target)
            return
        partial = _partial(destination)
        with make_session() if session is None else nullcontext(session) as used:
            download(file, partial, used)
        partial.path.replace(target)
        partial.discard()

    if downloads is not None:
        yield local(PlaceKind.DOWNLOADS, downloads)
    for mirror in mirrors:
        yield local(PlaceKind.MIRROR, mirror)
    if cache is not None:
        yield local(PlaceKind.CACHE, cache)
    yield Place(PlaceKind.NETWORK, file.url), from_network


def _partial(destination: Path) -> Partial:
    """Where a transfer that broke off goes on from: beside `destination`, whose lock is held."""
    return Partial(destination.with_name(f".{destination.name}.partial"))


def _first_right(file: UpstreamFile, destination: Path, places: Iterator[_Source]) -> Place:
    """Take `file` from the first place that gives the right bytes; FetchError if none does."""
    tried: list[str] = []
    for place, write in places:
        try:
            with atomic_path(destination) as temporary:
                write(temporary)
                _check(temporary, file)
            return place
        except TransferError as error:
            tried.append(f"{place} ({error})")
            if place.kind is not PlaceKind.NETWORK and not isinstance(error, AbsentError):
                warn(f"{place}: {error}; trying the next place")
            if place.kind is PlaceKind.CACHE and isinstance(error, _MismatchError):
                _discard(Path(place.location))
    raise FetchError(
        f"{destination}: no place gave the right file; tried {', '.join(tried)}; set "
        f"CROSSARCH_MIRROR to a directory that holds {file.relative_path}, or put the file at "
        f"{destination} by hand"
    )


def _check(path: Path, file: UpstreamFile) -> None:
    difference = mismatch(path, file)
    if difference is not None:
        raise _MismatchError(difference)


def _keep(file: UpstreamFile, destination: Path, cached: Path) -> None:
    """Put a checked `destination` in the cache too; the run does not depend on it."""
    try:
        with atomic_path(cached) as temporary:
            try:
                temporary.unlink()
                os.link(destination, temporary)
            except OSError:  # another disk, or a file system without hard links
                copy_local(destination, temporary)
                _check(temporary, file)
    except (OSError, TransferError) as error:
        warn(f"{cached}: cannot be kept in the cache: {error}")


def _discard(cached: Path) -> None:
    try:
        cached.unlink(missing_ok=True)
    except OSError as error:
        warn(f"{cached}: cannot be removed from the cache: {error.strerror or error}")


def _one_writer(destination: Path) -> AbstractContextManager[None]:
    return locked(
        destination.with_name(f".{destination.name}.lock"),
        lambda: warn(f"{destination}: being fetched by another process; waiting for it"),
    )
