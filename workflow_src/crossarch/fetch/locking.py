"""Trust on first use: the digests of files that upstream publishes none of, for the lock file."""

import tempfile
from pathlib import Path

from crossarch.config import Configuration
from crossarch.config.files import UpstreamFile
from crossarch.config.locked import Locked
from crossarch.errors import FetchError
from crossarch.fetch.download import fetch_file
from crossarch.fetch.places import cache_directory, mirrors_from_environment
from crossarch.files import sha256_of
from crossarch.layout import Layout


def observe(configuration: Configuration, layout: Layout, file: UpstreamFile) -> Locked:
    """What `file` is now; its bytes end up in the downloads of `layout`.

    A file that was never locked is trusted as it lies there. One that was is fetched anew, from a
    mirror or the network, whatever the lock says. Raises FetchError if it is not to be had.
    """
    destination = layout.downloads / file.relative_path
    if file.url not in configuration.lock:
        fetch_file(file, destination, mirrors=mirrors_from_environment(), cache=cache_directory())
        return _locked(destination)
    layout.downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.downloads, prefix=".lock-") as folder:
        fresh = Path(folder) / destination.name
        try:
            fetch_file(file, fresh, mirrors=mirrors_from_environment(), cache=None)
        except FetchError as error:  # what it says is to be done is to be done at the lasting path
            raise FetchError(str(error).replace(str(fresh), str(destination))) from error
        destination.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(destination)
    return _locked(destination)


def _locked(path: Path) -> Locked:
    return Locked(size=path.stat().st_size, sha256=sha256_of(path))
