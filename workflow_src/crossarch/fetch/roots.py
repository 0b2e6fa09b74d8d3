"""Real data sets that lie on the user's disk: found without reading them, never written to."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from crossarch.config import Configuration
from crossarch.config.files import expanded
from crossarch.errors import ConfigError

VARIABLE = "CROSSARCH_DATA"
KEY = "data_roots"

# What lies in the folder of an official layout, whatever that is called.
_SIGNS = {
    "cifar-10-batches-py": ("batches.meta", "test_batch"),
    "cifar-100-python": ("meta", "test"),
    "tiny-imagenet-200": ("wnids.txt",),
}


def data_roots(configuration: Configuration) -> list[Path]:
    """The folders of `data_roots` and then of CROSSARCH_DATA (colon-separated), in order.

    Raises ConfigError, naming it, for one that is not there: to go on without it would hide a
    misspelling behind a long download.
    """
    given = [(KEY, name) for name in configuration.selection.data_roots]
    given += [(VARIABLE, name) for name in os.environ.get(VARIABLE, "").split(":") if name]
    roots = []
    for where, name in given:
        try:
            root = expanded(name)
        except ValueError as error:
            raise ConfigError(f"{where}: found {name!r}, allowed: {error}") from None
        if not root.is_dir():
            raise ConfigError(f"{where}: found {name!r}, which does not exist, allowed: a folder")
        roots.append(root)
    return roots


def find_real(configuration: Configuration, dataset: str) -> Path | None:
    """The folder or archive that holds a real data set: its `path`, or one in a data root; else None.

    It is known by its name and a few names in it: that the set is whole is seen when it is read. Raises
    ConfigError for a root that is not there.
    """
    origin = configuration.origin(dataset)
    if origin.embedded:
        return None
    if origin.path:
        if not (place := expanded(origin.path)).exists():
            key = f"{dataset}.origin.path"
            raise ConfigError(f"{configuration.directory}/datasets.yaml: {key}: {place}: no such file")
        return place
    roots = data_roots(configuration)
    names = [PurePosixPath(urlsplit(file.url).path).name for file in origin.archives]
    for root in roots:
        for folder in _folders(root, dataset, origin.layout):
            if folder.is_dir():
                return folder
        for name in (*names, *(f"{dataset}{end}" for end in (".zip", ".tar.gz", ".npz"))):
            if (root / name).is_file():
                return root / name
    return None


def _folders(root: Path, dataset: str, layout: str) -> Iterator[Path]:
    """Where the folder of a data set may lie in a root, or that is the root itself."""
    signs = _SIGNS.get(layout)

    def official(folder: Path) -> bool:
        return signs is not None and all((folder / sign).is_file() for sign in signs)

    if root.name == layout or official(root):
        yield root
    if signs:
        yield root / layout
    for folder in (root, root / dataset):
        halves = any((folder / part).is_dir() for part in ("train", "test"))
        if folder.name == dataset and (halves or official(folder)):
            yield folder
