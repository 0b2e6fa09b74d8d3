"""Download one file: over HTTP, by requests and urllib3, or from a shared Drive folder, by gdown."""

import html
import re
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin

import gdown
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, IncompleteRead
from urllib3.util.retry import Retry

from crossarch import __version__
from crossarch.config.files import UpstreamFile
from crossarch.fetch.checks import CHUNK_BYTES
from crossarch.progress import tracked, working

TIMEOUT = (10.0, 60.0)  # seconds: to connect, between bytes
RETRIES = 4  # of a request, or of a transfer that breaks off
BACKOFF_SECONDS = 1.0  # the wait doubles with each repetition
RETRY_AFTER_SECONDS = 60  # the longest wait that a server may ask for
IN_DRIVE = re.compile(r"https?://drive\.google\.com/drive/folders/([-\w]{10,})/([^?#]+)")
ONE_IN_DRIVE = re.compile(
    r"https?://(?:drive|docs)\.google\.com/(?:file/d/|(?:uc|open)\?(?:[^#]*&)?id=)([-\w]{10,})(?:[/?&#].*)?"
)
_GDOWN: dict[str, Any] = {"quiet": True, "use_cookies": False, "timeout": TIMEOUT}
_PAGE_START = rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|meta|title|script|!--|\?xml.*html)"


class TransferError(Exception):
    """This place does not give the file, another one may; the text says why, in one line."""


def download(file: UpstreamFile, target: Path) -> None:
    """Write what the server sends for `file.url` over `target`; a broken-off transfer is repeated.

    A folder in Drive that holds just one file gives that one, whatever its name. Raises TransferError if
    the server does not send a file, OSError if `target` cannot be written.
    """
    try:
        if in_drive := IN_DRIVE.fullmatch(file.url):
            with working(f"Downloading {in_drive[2]} from Google Drive"):
                key = _find(in_drive[1], PurePosixPath(unquote(in_drive[2])))
                gdown.download(id=key, output=str(target), retries=RETRIES, **_GDOWN)
        elif alone := ONE_IN_DRIVE.fullmatch(file.url):
            with working("Downloading from Google Drive"):
                gdown.download(id=alone[1], output=str(target), retries=RETRIES, **_GDOWN)
        else:
            _download(file, target)
    except Exception as error:  # gdown takes for granted what pages and headers look like
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            raise  # of the disk
        raise TransferError(_one_line(error)) from error


def _download(file: UpstreamFile, target: Path) -> None:
    retry = Retry(
        total=RETRIES,
        status_forcelist=(429, 500, 502, 503, 504),
        backoff_factor=BACKOFF_SECONDS,
        retry_after_max=RETRY_AFTER_SECONDS,
        raise_on_status=False,  # the last answer tells the user more than "too many retries"
    )
    with requests.Session() as session:
        session.headers.update({"User-Agent": f"crossarch/{__version__}", "Accept-Encoding": "identity"})
        session.hooks["response"] = [_refuse_downgrade]
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        while True:
            try:
                with session.get(file.url, stream=True, timeout=TIMEOUT) as response:
                    return _write(response, file, target)
            except HTTPError as error:  # the transfer broke off
                retry = retry.increment("GET", file.url, error=error)
                retry.sleep()


def _one_line(error: BaseException) -> str:
    """What an error says, without the layers that requests and urllib3 put around it."""
    layers = (getattr(error, "reason", None), *error.args)
    if inner := next((layer for layer in layers if isinstance(layer, Exception)), None):
        return _one_line(inner)
    text = " ".join(str(error).split()).partition(" The received bytes are kept in")[0]  # by gdown
    return text if isinstance(error, TransferError) else f"{type(error).__name__}: {text}"


def page_title(start: bytes) -> str | None:
    """The title of the HTML page that begins with `start`, in one line; None if it is no page."""
    if not re.match(_PAGE_START, start[:256], re.IGNORECASE | re.DOTALL):
        return None
    title = re.search(rb"<title[^>]*>(.*?)</title>", start, re.IGNORECASE | re.DOTALL)
    return " ".join(html.unescape(title[1].decode(errors="replace")).split())[:80] if title else ""


def _refuse_downgrade(response: requests.Response, **_: Any) -> None:
    target = urljoin(response.url, response.headers.get("Location", ""))
    if response.is_redirect and response.url.startswith("https:") and not target.startswith("https:"):
        raise TransferError(f"found a redirect from https to {target}, expected https")


def _write(response: requests.Response, file: UpstreamFile, target: Path) -> None:
    if response.status_code != requests.codes.ok:
        raise TransferError(f"HTTP {response.status_code} {response.reason}")
    announced, received, name = response.raw.length_remaining, 0, file.relative_path.name
    # Not decoded: some servers call a .tar.gz "gzip-encoded", and its digest is that of the .gz.
    chunks = response.raw.stream(CHUNK_BYTES, decode_content=False)
    first = next(chunks, b"")
    title = page_title(first)
    if title is not None or response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise TransferError(f"found an HTML page ({title!r}), expected a file; see it in a browser")
    total = (announced or file.size or 0) / CHUNK_BYTES
    with target.open("wb") as stream:
        for chunk in tracked(chain([first], chunks), name, total or None):
            stream.write(chunk)
            received += len(chunk)
            if file.size is not None and received > file.size:
                break  # without an announced length nothing else would stop an endless answer
    if announced is None and file.size is not None and received < file.size:
        raise IncompleteRead(received, file.size - received)


def _find(folder: str, path: PurePosixPath) -> str:
    beside = {each.name: key for each, key in _listing(folder).items() if each.parent == path.parent}
    if path.name not in beside and len(beside) != 1:
        found = ", ".join(sorted(beside)) or "no file"
        raise TransferError(f"found {found} in {path.parent} of the shared folder, expected {path.name}")
    return beside.get(path.name) or next(iter(beside.values()))


@cache
def _listing(folder: str) -> dict[PurePosixPath, str]:
    files = gdown.download_folder(id=folder, skip_download=True, **_GDOWN)
    return {PurePosixPath(file.path): file.id for file in files if not isinstance(file, str)}
