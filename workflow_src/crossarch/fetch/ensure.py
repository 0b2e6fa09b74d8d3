"""An upstream file of the configuration, verified by what is pinned or locked, in its place."""

from pathlib import Path

from crossarch.config import Configuration
from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError, warn
from crossarch.fetch.download import Place, PlaceKind, fetch_file
from crossarch.fetch.places import cache_directory, mirrors_from_environment
from crossarch.files import sha256_of
from crossarch.layout import Layout


def ensure_download(
    configuration: Configuration, layout: Layout, file: UpstreamFile, checked_later: bool = False
) -> Path:
    """The verified local copy of an upstream file: as it is, or from a mirror, cache or the network.

    A file that neither the configuration nor the lock has a digest of is taken as it comes, with a
    warning that tells its digest, unless what it holds is `checked_later`. Raises FetchError if the
    right bytes are not to be had.
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
    if not checked_later:
        warn_if_unpinned(pinned, destination, place)
    return destination


def warn_if_unpinned(pinned: UpstreamFile, destination: Path, place: Place) -> None:
    """Tell on stderr the digest of what came to `destination`, if nothing says what it has to be."""
    if place.kind is PlaceKind.PRESENT or pinned.digests:
        return
    warn(
        f"{pinned.url}: no checksum is known of it; what came has sha256 {sha256_of(destination)}; to "
        f"hold later downloads to it, run: crossarch fetch --update-lock {pinned.url}"
    )
