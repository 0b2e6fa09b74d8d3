"""What a prepared file was made from: kept in its metadata, compared with the configuration of today."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from crossarch.config.files import UpstreamFile
from crossarch.data.store import load_metadata
from crossarch.fetch.checks import file_digests

CHECKSUMS = "checksums"


def checksums(files: Mapping[str, Path]) -> str:
    """The digests of files by name, as JSON for metadata; folders, which have none, are left out."""
    return json.dumps({name: file_digests(path) for name, path in files.items() if path.is_file()})


def agrees(path: Path, expected: Mapping[str, str], pinned: Iterable[UpstreamFile] = ()) -> bool:
    """Whether a prepared file was made as is `expected` of its metadata, and from the `pinned` bytes.

    What the metadata do not tell counts as agreed: a set is not made anew without need, since the runs
    that were trained on it know it by its bytes. Raises DataError if the file is damaged.
    """
    stored = load_metadata(path)
    read = json.loads(stored.get(CHECKSUMS, "{}"))
    return all(stored.get(key, value) == value for key, value in expected.items()) and all(
        read.get(file.url, {}).get(kind, digest.lower()) == digest.lower()
        for file in pinned
        for kind, digest in file.digests.items()
    )
