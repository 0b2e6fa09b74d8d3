"""Files in shared Google Drive folders, by gdown: find one by its path, then download it."""

import re
import tempfile
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
    pause,
    progress_bar,
)

_FOLDER = re.compile(r"/drive/folders/([-\w]{10,})/(.+)")


def in_drive(url: str) -> bool:
    """Whether `url` is a path inside a shared folder of Google Drive."""
    parts = urlsplit(url)
    return parts.hostname == "drive.google.com" and bool(_FOLDER.fullmatch(parts.path))


def download_from_drive(file: UpstreamFile, target: Path) -> None:
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
        with progress_bar(path.as_posix(), file.size) as advance:
            arrived = 0

            def moved(count: int, _: int | None) -> None:
                nonlocal arrived
                advance(count - arrived)
                arrived = count

            # In a folder of its own: gdown leaves what it could not finish beside its output.
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".drive-") as scratch:
                arriving = Path(scratch) / "file"
                gdown.download(
                    id=key,
                    output=str(arriving),
                    quiet=True,
                    use_cookies=False,
                    timeout=timeout,
                    retries=REQUEST_RETRIES,
                    progress=moved,
                )
                arriving.replace(target)
    except TransferError:
        raise
    except (DownloadError, requests.RequestException) as error:
        raise TransferError(_told(error)) from error
    except OSError:
        raise
    except Exception as error:  # gdown takes for granted what pages and headers look like
        text = f"gdown does not understand the answer ({type(error).__name__}: {one_line(error)})"
        raise TransferError(f"Google Drive: {text}; download the file by hand in a browser") from error


@cache
def _listing(folder: str) -> dict[PurePosixPath, str]:
    """The id of each file of a shared folder, by its path inside it."""
    for attempt in range(REQUEST_RETRIES + 1):
        try:
            files = gdown.download_folder(
                id=folder,
                quiet=True,
                use_cookies=False,
                skip_download=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
            break
        except requests.RequestException:  # gdown itself repeats downloads only
            if attempt == REQUEST_RETRIES:
                raise
            pause(attempt)
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
    text = re.sub(r"\.? *The received bytes are kept in .*", "", one_line(error))
    if re.search(r"too many users|quota|many accesses|status code 429", text, re.IGNORECASE):
        return (
            "Google Drive refuses for now (its quota of downloads, or the file is no longer shared); "
            f"try again in a day, or download it by hand in a browser: {text}"
        )
    return f"Google Drive: {text}"
