"""Bring bytes from one place into a new file: from a local copy or over HTTP."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from urllib3.util.retry import Retry

from crossarch import __version__
from crossarch.fetch.upstream import CHUNK_BYTES, UpstreamFile

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
REQUEST_RETRIES = 4
"""How often a request is repeated when no connection is made or the answer is 429 or 5xx."""
BODY_ATTEMPTS = 3
"""How often a file is begun when the transfer breaks off in the middle."""
BACKOFF_SECONDS = 1.0
"""The wait before a repetition; it doubles each time."""
RETRY_AFTER_SECONDS = 60.0
"""The longest wait that a server may ask for with `Retry-After`."""
MAX_REDIRECTS = 10


class TransferError(Exception):
    """This place did not give the file; another one may. The text says why, in one line."""


class AbsentError(TransferError):
    """The place does not hold the file."""


class InterruptedTransferError(TransferError):
    """The transfer broke off in the middle; it is worth another attempt."""


def copy_local(source: Path, target: Path) -> None:
    """Copy the bytes of `source` over `target`.

    Raises TransferError if `source` cannot be read, OSError if `target` cannot be written: the
    first is the fault of one place, the second would be the same for every place.
    """
    with target.open("wb") as stream:
        for chunk in _read(source):
            stream.write(chunk)


def make_session() -> requests.Session:
    """Return a session that checks certificates and repeats requests that may succeed later.

    Repeated are connection errors, 429 and 5xx, with exponential backoff or after the
    `Retry-After` of the server. Proxies come from the environment.
    """
    retry = _PatientRetry(
        total=REQUEST_RETRIES,
        backoff_factor=BACKOFF_SECONDS,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods={"GET"},
        raise_on_status=False,  # the last answer tells the user more than "too many retries"
    )
    session = requests.Session()
    session.headers["User-Agent"] = f"crossarch/{__version__}"
    session.mount("https://", HTTPAdapter(max_retries=retry))
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session


def download(file: UpstreamFile, target: Path, session: requests.Session, *, progress: bool) -> None:
    """Write what the server gives for `file.url` over `target`.

    A transfer that breaks off is begun anew, at most `BODY_ATTEMPTS` times in all: a second half
    got later from another server could belong to another file. Raises TransferError if the server
    does not give the file, OSError if `target` cannot be written.
    """
    for attempt in range(1, BODY_ATTEMPTS + 1):
        try:
            return _download_once(file, target, session, progress=progress)
        except InterruptedTransferError as error:
            if attempt == BODY_ATTEMPTS:
                raise TransferError(f"{error} (attempt {attempt} of {BODY_ATTEMPTS})") from error
            time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))


def check_redirect(source: str, location: str) -> str:
    """Return the URL to which `source` redirects with `location` (relative or absolute).

    Raises TransferError if following it would give up encryption or leave the web.
    """
    try:
        target = urljoin(source, location)
        old, new = urlsplit(source).scheme, urlsplit(target).scheme
    except ValueError as error:
        raise TransferError(f"a redirect to {location!r}: {error}") from error
    if new not in {"http", "https"} or (old, new) == ("https", "http"):
        raise TransferError(f"a redirect from {old} to {new} is refused: {target}")
    return target


class _PatientRetry(Retry):
    """Retries that wait as long as the server asks, up to `RETRY_AFTER_SECONDS`."""

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, RETRY_AFTER_SECONDS)


def _read(source: Path) -> Iterator[bytes]:
    try:
        with source.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AbsentError("absent") from error
    except OSError as error:
        raise TransferError(f"cannot be read: {error.strerror or error}") from error


def _download_once(
    file: UpstreamFile, target: Path, session: requests.Session, *, progress: bool
) -> None:
    with closing(_open(file.url, session)) as response:
        _refuse_html(file.url, response)
        announced = _announced_bytes(response)
        if file.size is not None and announced not in {None, file.size}:
            raise TransferError(f"expected {file.size} bytes, the server announces {announced}")
        expected = file.size if announced is None else announced
        title = file.relative_path.name
        received = 0
        with target.open("wb") as stream, _progress_bar(title, expected, progress) as advance:
            for chunk in _body(response):
                received += len(chunk)
                # Without a Content-Length nothing else would stop an endless answer.
                if expected is not None and received > expected:
                    raise TransferError(f"expected {expected} bytes, the server sends more")
                stream.write(chunk)
                advance(len(chunk))
        if expected is not None and received < expected:
            raise InterruptedTransferError(
                f"the transfer broke off after {received} of {expected} bytes"
            )


def _open(url: str, session: requests.Session) -> requests.Response:
    """Ask for `url` and follow its redirects by hand, so that each is checked before it is used."""
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                headers={"Accept-Encoding": "identity"},
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferError(_reason(error)) from error
        location = session.get_redirect_target(response)
        if location is None and response.status_code == requests.codes.ok:
            return response
        response.close()
        if location is None:
            raise TransferError(f"HTTP {response.status_code} {response.reason or ''}".rstrip())
        url = check_redirect(url, location)
    raise TransferError(f"more than {MAX_REDIRECTS} redirects, the last one to {url}")


def _body(response: requests.Response) -> Iterator[bytes]:
    # Not decoded: some servers call a .tar.gz "gzip-encoded", and its digest is that of the .gz.
    try:
        yield from response.raw.stream(CHUNK_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise InterruptedTransferError(f"the transfer broke off: {_reason(error)}") from error


def _refuse_html(url: str, response: requests.Response) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "text/html" and not urlsplit(url).path.lower().endswith((".html", ".htm")):
        raise TransferError(
            "the server sent an HTML page instead of the file (a login, quota or error page?)"
        )


def _announced_bytes(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


@contextmanager
def _progress_bar(title: str, total: int | None, shown: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves the bar on by a number of bytes; no bar off a terminal."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not (shown and sys.stderr.isatty()),
    )
    with bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)


def _reason(error: BaseException) -> str:
    """Say in one line what lies under the layers of `requests` and `urllib3`."""
    while True:
        layers = (getattr(error, "reason", None), *error.args)
        inner = next((layer for layer in layers if isinstance(layer, BaseException)), None)
        if inner is None:
            return " ".join(str(error).split()) or type(error).__name__
        error = inner
