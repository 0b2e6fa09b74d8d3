"""Real data sets: where one lies, in a data root or as the first archive that is to be had."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from crossarch.config import Configuration
from crossarch.config.files import UpstreamFile
from crossarch.errors import ConfigError, DataError, FetchError, warn
from crossarch.fetch.ensure import ensure_download
from crossarch.fetch.roots import find_real
from crossarch.files import read_mapping, write_text
from crossarch.layout import Layout

T = TypeVar("T")


@dataclass(frozen=True)
class Located:
    """A folder or an archive that holds a real data set, and the address that it was fetched from."""

    path: Path
    url: str | None = None

    def save(self, file: Path) -> None:
        """Write it as JSON, for the job that reads the images."""
        write_text(file, json.dumps({**asdict(self), "path": str(self.path)}) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Located":
        """What `save` wrote; DataError where that is gone or is no such file."""
        known = read_mapping(file)
        path = Path(str(known.get("path")))
        if not path.exists():
            raise DataError(f"{file}: found the place {path}, which is gone; delete it to look again")
        return cls(path, known.get("url"))


def locate(configuration: Configuration, layout: Layout, dataset: str) -> Located:
    """Where a real data set is: in a data root, else in its archive, which is fetched.

    Raises FetchError if none is to be had, and ConfigError if no archive is named.
    """
    if found := find_real(configuration, dataset):
        return Located(found.absolute())
    path, url = ensure_archive(configuration, layout, dataset)
    return Located(path, url)


def ensure_archive(configuration: Configuration, layout: Layout, dataset: str) -> tuple[Path, str]:
    """The verified copy of the first archive of a real data set that is to be had, and its address.

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
            lambda file: (
                ensure_download(configuration, layout, file, checked_later=known),
                file.url,
            ),
        )
    except FetchError as error:
        raise FetchError(
            f"{error}; or name a folder that holds {dataset} in data_roots or CROSSARCH_DATA"
        ) from error


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
