"""What a prepared file was made from: kept in its metadata, compared with the configuration of today."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from crossarch.config.files import LocalFile, UpstreamFile
from crossarch.data.store import load_metadata
from crossarch.fetch.checks import file_digests
from crossarch.files import sha256_of

CHECKSUMS = "checksums"


def checksums(files: Mapping[str, Path]) -> str:
    """The digests of files and folders by name, as JSON for metadata."""
    return json.dumps(
        {
            name: {"sha256": sha256_of(path)} if path.is_dir() else file_digests(path)
            for name, path in files.items()
        }
    )


def agrees(
    path: Path,
    expected: Mapping[str, str],
    pinned: Iterable[UpstreamFile] = (),
    own: Iterable[LocalFile] = (),
) -> bool:
    """Whether a prepared file was made as is `expected` of its metadata, and from the right bytes.

    Those are what is `pinned` of upstream files, and what the user's `own` files and folders hold now.

    What the metadata do not tell counts as agreed: a set is not made anew without need, since the runs
    that were trained on it know it by its bytes. Raises DataError if the file is damaged.
    """
    stored = load_metadata(path)
    read = json.loads(stored.get(CHECKSUMS, "{}"))
    return all(stored.get(key, value) == value for key, value in expected.items()) and all(
        read.get(name, {}).get(kind, digest.lower()) == digest.lower()
        for name, digests in _needed(pinned, own)
        for kind, digest in digests.items()
    )


def _needed(
    pinned: Iterable[UpstreamFile], own: Iterable[LocalFile]
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Names of files and the digests that they need."""
    yield from ((file.url, file.digests) for file in pinned)
    yield from (
        (file.path, {"sha256": sha256_of(file.location)}) for file in own if file.location.exists()
    )
