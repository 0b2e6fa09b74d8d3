"""An upstream file of the configuration, verified by what is pinned or locked, in its place."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from crossarch.config import Configuration
from crossarch.config.files import UpstreamFile
from crossarch.errors import ConfigError, FetchError, warn
from crossarch.fetch.checks import mismatch
from crossarch.fetch.download import Place, PlaceKind, fetch_file
from crossarch.fetch.places import cache_directory, mirrors_from_environment
from crossarch.files import sha256_of
from crossarch.layout import Layout

T = TypeVar("T")


def ensure_download(configuration: Configuration, layout: Layout, file: UpstreamFile) -> Path:
    """The verified local copy of an upstream file: as it is, or from a mirror, cache or the network.

    A file that neither the configuration nor the lock has a digest of is taken as it comes, with a
    warning that tells its digest. Raises FetchError if the right bytes are not to be had.
    """
    pinned = configuration.pinned(file)
    destination = layout.downloads / file.relative_path
    try:
        place = fetch_file(
            pinned,
            destination,
            mirrors=mirrors_from_environment(),
            cache=cache_directory(),
        )
    except FetchError as error:
        locked = configuration.lock.get(file.url)
        if locked is None or locked.sha256 != pinned.sha256:
            raise
        raise FetchError(
            f"{error}; its checksum stands in {configuration.lock_file}: if upstream changed it for "
            f"good, run: crossarch fetch --update-lock {file.url}"
        ) from error
    warn_if_unpinned(pinned, destination, place)
    return destination


def ensure_archive(configuration: Configuration, layout: Layout, dataset: str) -> Path:
    """The archive of a real data set: as it lies there, or the first of its `archives` to be had.

    Whether it holds the set is seen when it is read. Raises FetchError if none is to be had, and
    ConfigError if none is named.
    """
    destination = layout.archive(dataset)
    if destination.exists() and archive_at(configuration, dataset, destination):
        return destination
    archives = configuration.origin(dataset).archives
    if not archives:
        raise ConfigError(
            f"{configuration.directory}/datasets.yaml: {dataset}.origin.archives: found none, and no "
            "folder of data_roots or CROSSARCH_DATA holds the set; expected: an address, or a folder"
        )

    def get(file: UpstreamFile) -> None:
        pinned = configuration.pinned(file)
        place = fetch_file(
            pinned,
            destination,
            mirrors=mirrors_from_environment(),
            cache=cache_directory(),
            downloads=layout.downloads,
        )
        if configuration.dataset(dataset).content is None:
            warn_if_unpinned(pinned, destination, place)

    try:
        first_had(archives, get)
    except FetchError as error:
        raise FetchError(
            f"{error}; or name a folder that holds {dataset} in data_roots or CROSSARCH_DATA"
        ) from error
    return destination


def archive_at(configuration: Configuration, dataset: str, path: Path) -> UpstreamFile | None:
    """Which archive of a real data set the file `path` may be by what is pinned; None if it is none."""
    archives = map(configuration.pinned, configuration.origin(dataset).archives)
    return next((file for file in archives if mismatch(path, file) is None), None)


def first_had(files: Sequence[UpstreamFile], get: Callable[[UpstreamFile], T]) -> T:
    """What `get` gives of the first file that can be had; a line on stderr tells of each that cannot.

    Raises FetchError if none can.
    """
    for file, following in pairwise(files):
        try:
            return get(file)
        except FetchError as error:
            warn(f"{error}; trying the next address, {following.url}")
    return get(files[-1])


def warn_if_unpinned(pinned: UpstreamFile, destination: Path, place: Place) -> None:
    """Tell on stderr the digest of what came to `destination`, if nothing says what it has to be."""
    if place.kind is PlaceKind.PRESENT or pinned.digests:
        return
    warn(
        f"{pinned.url}: no checksum is known of it; what came has sha256 {sha256_of(destination)}; to "
        f"hold later downloads to it, run: crossarch fetch --update-lock {pinned.url}"
    )
