"""Upstream files of the configuration, verified by what is pinned or locked, in their places."""

from collections.abc import Iterable
from pathlib import Path

from crossarch.config import Configuration
from crossarch.config.files import File, UpstreamFile
from crossarch.config.locked import Locked
from crossarch.errors import FetchError, warn
from crossarch.fetch.download import fetch_file
from crossarch.fetch.places import Place, cache_directory, mirrors_from_environment
from crossarch.files import sha256_of
from crossarch.layout import Layout


def ensure_download(
    configuration: Configuration, layout: Layout, file: UpstreamFile, checked_later: bool = False
) -> Path:
    """The verified local copy of an upstream file: as it is, or from a mirror, cache or the network.

    A file without a pinned or locked digest is taken as it comes, with a warning that tells its digest,
    unless what it holds is `checked_later`. Raises FetchError if no place has the right bytes.
    """
    pinned, destination = configuration.pinned(file), layout.downloads / file.relative_path
    mirrors, cache = mirrors_from_environment(), cache_directory()
    try:
        place = fetch_file(pinned, destination, mirrors=mirrors, cache=cache)
    except FetchError as error:
        locked = configuration.lock.get(file.url)
        if locked is None or locked.sha256 != pinned.sha256:
            raise
        raise FetchError(
            f"{error}; its checksum is locked in {configuration.lock_file}: if upstream changed it for "
            f"good, run: crossarch fetch --update-lock {file.url}"
        ) from error
    if not checked_later:
        warn_if_unpinned(pinned, destination, place)
    return destination


def warn_if_unpinned(pinned: UpstreamFile, destination: Path, place: Place) -> None:
    """Tell the digest of what was fetched to `destination`, if nothing says what it has to be."""
    if place.kind != "present" and not pinned.digests:
        warn(
            f"No pinned checksum for {pinned.url}; downloaded sha256={sha256_of(destination)}; to hold "
            f"later downloads to it, run: crossarch fetch --update-lock {pinned.url}"
        )


def observe(configuration: Configuration, layout: Layout, file: UpstreamFile) -> Locked:
    """What `file` is now, for the lock file: as it lies there, or fetched anew if it is locked already.

    Raises FetchError if no place has it.
    """
    path, known = layout.downloads / file.relative_path, file.url in configuration.lock
    cache = None if known else cache_directory()
    fetch_file(file, path, mirrors=mirrors_from_environment(), cache=cache, renew=known)
    return Locked(size=path.stat().st_size, sha256=sha256_of(path))


def unchecked_copies(configuration: Configuration, layout: Layout, files: Iterable[File]) -> list[Path]:
    """Where copies of upstream files may lie that no checksum vouches for."""
    upstream = [file for file in files if isinstance(file, UpstreamFile)]
    unchecked = [file for file in upstream if not configuration.pinned(file).digests]
    roots = (layout.downloads, cache_directory())
    return [root / file.relative_path for file in unchecked for root in roots]
