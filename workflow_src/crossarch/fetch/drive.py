"""Files in shared Google Drive folders, by gdown: find one by its path, then download it."""

import re
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import gdown
import requests
from gdown.exceptions import DownloadError

from crossarch.config.files import UpstreamFile
from crossarch.fetch.transfer import (
    CONNECT_SECONDS,
    READ_SECONDS,
    REQUEST_RETRIES,
    AbsentError,
    TransferError,
    one_line,
    progress_bar,
)

_FOLDER = re.compile(r"/drive/folders/([-\w]{10,})/(.+)")


def in_drive(url: str) -> bool:
    """Whether `url` is a path inside a shared folder of Google Drive."""
    parts = urlsplit(url)
    return parts.hostname == "drive.google.com" and bool(_FOLDER.fullmatch(parts.path))


def download_from_drive(file: UpstreamFile, target: Path, *, progress: bool) -> None:
    """Write the file of a shared folder over `target`, as gdown gets it.

    The last part of `file.url` is the file's name; a folder that holds just one file gives that one
    whatever its name. Raises AbsentError if the folder has no such file, TransferError if Google does
    not give it.
    """
    match = _FOLDER.fullmatch(urlsplit(file.url).path)
    assert match is not None  # `in_drive`
    folder, path = match[1], PurePosixPath(unquote(match[2]))
    timeout = (CONNECT_SECONDS, READ_SECONDS)
    try:
        key = _choose(_listing(folder), path)
        with progress_bar(path.as_posix(), file.size, progress) as advance:
            arrived = 0

            def moved(count: int, _: int | None) -> None:
                nonlocal arrived
                advance(count - arrived)
                arrived = count

            gdown.download(
                id=key,
                output=str(target),
                quiet=True,
                use_cookies=False,
                timeout=timeout,
                retries=REQUEST_RETRIES,
                progress=moved,
            )
    except (DownloadError, requests.RequestException) as error:
        raise TransferError(_told(error)) from error


@cache
def _listing(folder: str) -> dict[PurePosixPath, str]:
    """The id of each file of a shared folder, by its path inside it."""
    files = gdown.download_folder(
        id=folder,
        quiet=True,
        use_cookies=False,
        skip_download=True,
        timeout=(CONNECT_SECONDS, READ_SECONDS),
    )
    return {PurePosixPath(file.path): file.id for file in files if not isinstance(file, str)}


def _choose(listing: dict[PurePosixPath, str], path: PurePosixPath) -> str:
    if path in listing:
        return listing[path]
    beside = [other for other in listing if other.parent == path.parent]
    if len(beside) == 1:
        return listing[beside[0]]
    found = ", ".join(sorted(other.name for other in beside)) or "no file"
    raise AbsentError(f"the shared folder holds {found} in {path.parent}, not {path.name}")


def _told(error: Exception) -> str:
    """gdown's explanation in one line, with what the user can do where Google limits downloads."""
    text = one_line(error)
    if re.search(r"too many users|quota|many accesses|status code 429", text, re.IGNORECASE):
        return (
            "Google Drive refuses for now (its quota of downloads, or the file is no longer shared); "
            f"try again in a day, or download it by hand in a browser: {text}"
        )
    return f"Google Drive: {text}"
