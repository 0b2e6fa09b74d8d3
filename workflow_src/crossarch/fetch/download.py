"""Put one upstream file in place: whole, verified, from the nearest place that has it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError, warn
from crossarch.fetch.checks import ABSENT, mismatch
from crossarch.fetch.places import Place, local_places
from crossarch.fetch.transfer import TransferError, download
from crossarch.files import atomic_path, remove_leftovers
from crossarch.locks import locked


def fetch_file(
    file: UpstreamFile,
    destination: Path,
    *,
    mirrors: Sequence[Path],
    cache: Path | None,
    downloads: Path | None = None,
    renew: bool = False,
) -> Place:
    """Put `file` at `destination` and return where it came from.

    Tried in order: what is there (not with `renew`), `downloads` of a results folder, each of `mirrors`,
    `cache`, the network; a download is also cached. `destination` stays as it was unless all bytes are
    right. Raises FetchError if no place gives them or if `destination` cannot be written.
    """
    present = Place("present", str(destination))
    try:
        if destination.is_dir():
            raise FetchError(f"{destination}: found a directory, expected a file")
        # Without the lock: writers rename whole files into place, and this may be read-only.
        if not renew and mismatch(destination, file) is None:
            return present
        with locked(
            destination.with_name(f".{destination.name}.lock"),
            lambda: warn(f"{destination}: being fetched by another process; waiting for it"),
        ):
            places = [*local_places(file, downloads, mirrors, cache), Place("network", file.url)]
            if destination.exists() and not renew:
                places.insert(0, present)
            try:
                place = _first_right(file, destination, places)
            finally:
                remove_leftovers(destination)
            if place.kind == "network" and cache is not None:
                _keep(destination, cache / file.relative_path)
            return place
    except OSError as error:
        raise FetchError(f"{destination}: cannot be written: {error.strerror or error}") from error


def _first_right(file: UpstreamFile, destination: Path, places: Sequence[Place]) -> Place:
    tried: list[str] = []
    for place in places:
        name = " ".join(place)
        try:
            with atomic_path(destination) as temporary:
                if place.kind == "network":
                    download(file, temporary)
                else:
                    _copy(file, Path(place.location), temporary)
                if difference := mismatch(temporary, file):
                    raise TransferError(difference)
            return place
        except TransferError as error:
            tried.append(f"{name} ({error})")
            if place.kind != "network" and str(error) != ABSENT:
                warn(f"{name}: {error}; trying the next place")
    hint = (
        " try again in a day (Google limits downloads), or"
        if urlsplit(file.url).hostname == "drive.google.com"
        else ""
    )
    raise FetchError(
        f"{destination}: no place has the right file: {', '.join(tried)};{hint} set CROSSARCH_MIRROR to "
        f"a directory that holds {file.relative_path}, or put the file at {destination}"
    )


def _copy(file: UpstreamFile, source: Path, target: Path) -> None:
    if difference := mismatch(source, file):
        raise TransferError(difference)
    with source.open("rb") as stream, target.open("wb") as copy:
        shutil.copyfileobj(stream, copy)


def _keep(destination: Path, cached: Path) -> None:
    try:
        with atomic_path(cached) as temporary:
            shutil.copyfile(destination, temporary)
    except OSError as error:
        warn(f"{cached}: cannot be cached: {error.strerror or error}")
