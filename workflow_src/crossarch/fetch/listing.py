"""What would be fetched: each file with its place, its size and what it would be checked by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from crossarch.config.files import UpstreamFile
from crossarch.fetch.checks import mismatch
from crossarch.fetch.download import PlaceKind
from crossarch.fetch.drive import in_drive
from crossarch.fetch.transfer import (
    RefusedError,
    TransferError,
    announced_bytes,
    called_page,
    make_session,
    open_url,
)

ASK_SECONDS = 3.0


@dataclass(frozen=True)
class Listed:
    """One file of a listing; `size` in bytes, None if nobody tells it; `checks` by name."""

    name: str
    url: str
    kind: PlaceKind
    size: int | None
    checks: tuple[str, ...]


def list_files(
    files: Mapping[str, UpstreamFile],
    *,
    downloads: Path,
    mirrors: Sequence[Path],
    cache: Path | None,
    locked: Iterable[str] = (),
) -> list[Listed]:
    """Where each file would come from, the nearest place first; nothing is fetched.

    Sizes of what must come from the network are asked of its server, unless they are pinned; a server
    that does not answer is not asked again. Right bytes are recognised by their digests, as in a fetch.
    """
    ask = _Asking()
    listed, locks = [], set(locked)
    for name, file in files.items():
        places = [(PlaceKind.PRESENT, downloads), *((PlaceKind.MIRROR, m) for m in mirrors)]
        places += [(PlaceKind.CACHE, cache)] if cache else []
        paths = [(kind, root / file.relative_path) for kind, root in places]
        found = next(((kind, path) for kind, path in paths if _holds(path, file)), None)
        kind = found[0] if found else PlaceKind.NETWORK
        size = found[1].stat().st_size if found else file.size
        checks = ("lock",) if file.url in locks else tuple(file.digests)
        listed.append(Listed(name, file.url, kind, ask(file) if size is None else size, checks))
    return listed


def _holds(path: Path, file: UpstreamFile) -> bool:
    try:
        return path.is_file() and mismatch(path, file) is None
    except OSError:
        return False


class _Asking:
    """Asks servers for sizes; one that did not answer is left alone."""

    def __init__(self) -> None:
        self._session = make_session(retries=0)
        self._silent: set[str] = set()

    def __call__(self, file: UpstreamFile) -> int | None:
        host = urlsplit(file.url).netloc
        if host in self._silent or in_drive(file.url):
            return None
        try:
            with open_url(file.url, self._session, {}, seconds=ASK_SECONDS) as response:
                return None if called_page(file.url, response) else announced_bytes(response)
        except RefusedError:
            return None
        except (TransferError, requests.RequestException):
            self._silent.add(host)
            return None
