"""Bring bytes from one place into a new file: from a local copy or over HTTP."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
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
from crossarch.config.files import UpstreamFile
from crossarch.fetch.checks import CHUNK_BYTES
from crossarch.fetch.pages import is_page, reason_of_page, title_of_page

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
REQUEST_RETRIES = 4
"""How often a request is repeated when no connection is made or the answer is 429 or 5xx."""
BODY_ATTEMPTS = 3
"""How many transfers in a row may break off without having brought anything new."""
PAGE_BYTES = 1 << 16
"""How much of an HTML page is read to see what it says."""
BACKOFF_SECONDS = 1.0
"""The wait before a repetition; it doubles each time."""
RETRY_AFTER_SECONDS = 60.0
"""The longest wait that a server may ask for with `Retry-After`."""
MAX_REDIRECTS = 10


_USABLE = (
    requests.codes.ok,
    requests.codes.partial_content,
    requests.codes.requested_range_not_satisfiable,
)
_ABSENT = (requests.codes.not_found, requests.codes.gone)


class TransferError(Exception):
    """This place did not give the file; another one may. The text says why, in one line."""


class RefusedError(TransferError):
    """The server answers, but does not give the file."""


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


def make_session(retries: int = REQUEST_RETRIES) -> requests.Session:
    """Return a session that checks certificates and repeats requests that may succeed later.

    Repeated are connection errors, 429 and 5xx, with exponential backoff or after the
    `Retry-After` of the server. Proxies come from the environment.
    """
    retry = _PatientRetry(
        total=retries,
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


@dataclass(frozen=True)
class Partial:
    """What has arrived of a file so far, at `path`, and the version it belongs to, in a note beside it.

    The version is the server's own mark (a strong ETag, else Last-Modified). Without one nothing is
    kept, since a second half got later could belong to another file.
    """

    path: Path

    @property
    def note(self) -> Path:
        """Where the version is written."""
        return self.path.with_name(f"{self.path.name}.version")

    def resumable(self) -> tuple[int, str | None]:
        """How many bytes have arrived, and of which version; (0, None) if they cannot be used."""
        try:
            version = self.note.read_text(encoding="utf-8")
            return (self.path.stat().st_size, version) if version else (0, None)
        except (FileNotFoundError, UnicodeDecodeError):
            return 0, None

    def begin(self, version: str | None) -> None:
        """Throw away what is there; what comes next belongs to `version`."""
        self.discard()
        self.path.touch()
        if version is not None:
            self.note.write_text(version, encoding="utf-8")

    def discard(self) -> None:
        """Remove all of it."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def download(file: UpstreamFile, partial: Partial, session: requests.Session) -> None:
    """Bring `partial` to the whole of what the server gives for `file.url`.

    What an earlier attempt or process left there is continued (Range, If-Range) where the server says
    that the file is still the same, else begun anew. Gives up after `BODY_ATTEMPTS` broken transfers
    in a row that brought nothing new. Raises TransferError if the server does not give the file,
    OSError if `partial` cannot be written.
    """
    fruitless = most = 0
    try:
        while True:
            before, _ = partial.resumable()
            try:
                return _continue(file, partial, session)
            except InterruptedTransferError as error:
                arrived, _ = partial.resumable()
                # What was thrown away and came again is nothing new.
                fruitless = 0 if arrived > max(before, most) else fruitless + 1
                most = max(arrived, most)
                if fruitless == BODY_ATTEMPTS:
                    raise TransferError(f"{error} (attempt {fruitless} of {BODY_ATTEMPTS})") from error
                pause(max(fruitless - 1, 0))
    except BaseException:
        if partial.resumable()[0] == 0:
            partial.discard()
        raise


def pause(attempt: int) -> None:
    """Wait before a repetition: after the first attempt (0) `BACKOFF_SECONDS`, then twice as long."""
    time.sleep(BACKOFF_SECONDS * 2**attempt)


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


def _continue(file: UpstreamFile, partial: Partial, session: requests.Session) -> None:
    offset, version = partial.resumable()
    headers = {"Range": f"bytes={offset}-", "If-Range": version} if offset and version else {}
    with closing(open_url(file.url, session, headers)) as response:
        if response.status_code != requests.codes.ok:
            try:
                expected = _total_of_rest(response, offset, version, file.size)
            except InterruptedTransferError:
                partial.discard()
                raise
        body = _body(response)
        first = next(body, b"")
        if response.status_code == requests.codes.ok:
            offset, expected = 0, announced_bytes(response)
            _refuse_page(file.url, response, first, body)
        if file.size is not None and expected not in {None, file.size}:
            raise TransferError(f"expected {file.size} bytes, the server announces {expected}")
        expected = file.size if expected is None else expected
        if offset == 0:
            partial.begin(_version(response))
        received = offset
        title = file.relative_path.name
        with (
            partial.path.open("ab") as stream,
            progress_bar(title, expected, received) as advance,
        ):
            for chunk in _chained(first, body):
                received += len(chunk)
                # Without a Content-Length nothing else would stop an endless answer.
                if expected is not None and received > expected:
                    partial.discard()
                    raise TransferError(f"expected {expected} bytes, the server sends more")
                stream.write(chunk)
                advance(len(chunk))
        if expected is not None and received < expected:
            raise InterruptedTransferError(
                f"the transfer broke off after {received} of {expected} bytes"
            )


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _version(response: requests.Response) -> str | None:
    """The server's mark of this version of the file, good for If-Range; None if it gives none."""
    tag = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _total_of_rest(
    response: requests.Response, offset: int, version: str | None, size: int | None
) -> int | None:
    """The size of the whole file, from the answer to a request for its rest; None if it is not told.

    Raises InterruptedTransferError unless the answer is the rest from `offset` on of that version of a
    file of `size` bytes: what has arrived is of no use then.
    """
    if response.status_code != requests.codes.partial_content:
        raise InterruptedTransferError("the server cannot go on where the transfer broke off")
    if version is not None and _version(response) not in {None, version}:
        raise InterruptedTransferError("the server went on with another version of the file")
    text = response.headers.get("Content-Range", "")
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", text)
    total = int(match[2]) if match and match[2] != "*" else None
    if match is None or int(match[1]) != offset or (size is not None and total not in {None, size}):
        whole = "" if size is None else f" of {size}"
        asked = f"the bytes from {offset} on{whole}"
        raise InterruptedTransferError(f"asked for {asked}, the server sends {text!r}")
    return total


def open_url(
    url: str,
    session: requests.Session,
    headers: dict[str, str],
    seconds: float | None = None,
) -> requests.Response:
    """Ask for `url` and follow its redirects by hand, so that each is checked before it is used.

    The body is not read yet; close the answer. Waits `seconds` for the server, or as long as a download
    does. Raises TransferError if there is no usable answer, RefusedError if there is another one.
    """
    timeout = (seconds, seconds) if seconds else (CONNECT_SECONDS, READ_SECONDS)
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=timeout,
                headers={"Accept-Encoding": "identity", **headers},
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransferError(one_line(error)) from error
        location = session.get_redirect_target(response)
        if location is None and response.status_code in _USABLE:
            return response
        if location is None:
            raise RefusedError(_refusal(response))
        response.close()
        url = check_redirect(url, location)
    raise TransferError(f"more than {MAX_REDIRECTS} redirects, the last one to {url}")


def _body(response: requests.Response) -> Iterator[bytes]:
    # Not decoded: some servers call a .tar.gz "gzip-encoded", and its digest is that of the .gz.
    try:
        yield from response.raw.stream(CHUNK_BYTES, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise InterruptedTransferError(f"the transfer broke off: {one_line(error)}") from error


def _refusal(response: requests.Response) -> str:
    """What an answer that is an error says."""
    with closing(response):
        text = f"HTTP {response.status_code} {response.reason or ''}".rstrip()
        try:
            page = response.raw.read(PAGE_BYTES, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError):
            return text
        if not is_page(page):
            return text
        # The page of a missing file says nothing of the file: a "Sign in" on it is for other things.
        if response.status_code in _ABSENT:
            title = title_of_page(page)
            return f"{text}; {title!r}" if title else text
        return f"{text}; {reason_of_page(page)}"


def _refuse_page(url: str, response: requests.Response, first: bytes, rest: Iterator[bytes]) -> None:
    """Raise TransferError if the answer is an HTML page though `url` does not name one."""
    if called_page(url, response) or (is_page(first) and not _names_page(url)):
        page = first
        for chunk in rest:
            if len(page) >= PAGE_BYTES:
                break
            page += chunk
        raise TransferError(reason_of_page(page))


def called_page(url: str, response: requests.Response) -> bool:
    """Whether the server calls its answer an HTML page though `url` does not name one."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind == "text/html" and not _names_page(url)


def _names_page(url: str) -> bool:
    return urlsplit(url).path.lower().endswith((".html", ".htm"))


def announced_bytes(response: requests.Response) -> int | None:
    """The number of bytes that the server says it will send; None if it does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() else None


@contextmanager
def progress_bar(title: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves the bar on by a number of bytes; no bar off a terminal."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def one_line(error: BaseException) -> str:
    """What lies under the layers of `requests` and `urllib3`, in one line."""
    while True:
        layers = (getattr(error, "reason", None), *error.args)
        inner = next((layer for layer in layers if isinstance(layer, BaseException)), None)
        if inner is None:
            return " ".join(str(error).split()) or type(error).__name__
        error = inner
