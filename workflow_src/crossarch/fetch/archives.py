"""Archives of real data sets: the first of several addresses that has one."""

import os
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from crossarch.config import Configuration
from crossarch.config.files import UpstreamFile
from crossarch.errors import ConfigError, FetchError, warn
from crossarch.fetch.checks import mismatch
from crossarch.fetch.ensure import ensure_download
from crossarch.files import atomic_path
from crossarch.layout import Layout

T = TypeVar("T")


def ensure_archive(configuration: Configuration, layout: Layout, dataset: str) -> Path:
    """The verified local copy of the first archive of a real data set that is to be had.

    One that was downloaded already goes before the others. Whether it holds the set is seen when it is
    read. Raises FetchError if none is to be had, and ConfigError if none is named.
    """
    archives = configuration.origin(dataset).archives
    if not archives:
        raise ConfigError(
            f"{configuration.directory}/datasets.yaml: {dataset}.origin.archives: found none, and no "
            "folder of data_roots or CROSSARCH_DATA holds the set; expected: an address, or a folder"
        )
    there = [file for file in archives if (layout.downloads / file.relative_path).exists()]
    known = configuration.dataset(dataset).content is not None
    try:
        return first_had(
            [*there, *(file for file in archives if file not in there)],
            lambda file: ensure_download(configuration, layout, file, checked_later=known),
        )
    except FetchError as error:
        raise FetchError(
            f"{error}; or name a folder that holds {dataset} in data_roots or CROSSARCH_DATA"
        ) from error


def link_archive(configuration: Configuration, layout: Layout, dataset: str) -> Path:
    """Put the archive of a real data set where the rules look for it, wherever it was fetched from."""
    fetched, destination = ensure_archive(configuration, layout, dataset), layout.archive(dataset)
    with atomic_path(destination) as temporary:
        try:
            temporary.unlink()
            os.link(fetched, temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(fetched, temporary)
    return destination


def archive_at(
    configuration: Configuration, layout: Layout, dataset: str, path: Path
) -> UpstreamFile | None:
    """Which archive of a real data set was fetched to `path`; None if that was not fetched."""
    for file in configuration.origin(dataset).archives:
        if path == layout.downloads / file.relative_path:
            return file
        pinned = configuration.pinned(file)
        if path == layout.archive(dataset) and path.exists() and mismatch(path, pinned) is None:
            return file
    return None


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
