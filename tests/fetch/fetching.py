"""What many tests do: fetch a file from the loopback server alone, and see that it came or did not."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch.download import fetch_file

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks
QUOTA = b"""<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">This file cannot be had just now.</p>
<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently.</p>
<a href="https://accounts.google.com/">Sign in</a></body></html>"""


@dataclass(frozen=True)
class Finished:
    """What a command printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Finished]
Pin = Callable[[str, bytes], UpstreamFile]
Names = Callable[[Path], list[str]]


def get(file: UpstreamFile, folder: Path, **options: Any) -> Path:
    """Fetch from the network alone; the path of the file that arrived."""
    destination = folder / "out" / "file.bin"
    found = fetch_file(file, destination, mirrors=(), cache=None, **options)
    assert found == ("network", file.url)
    return destination


def fails(file: UpstreamFile, folder: Path, names: Names) -> str:
    """Fetch what cannot be had: the one line told, after a check that nothing is left behind."""
    with pytest.raises(FetchError) as caught:
        get(file, folder)
    text = str(caught.value)
    assert "\n" not in text
    assert f"network {file.url} (" in text
    assert "set CROSSARCH_MIRROR to a directory that holds 127.0.0.1:" in text
    assert str(folder / "out" / "file.bin") in text
    assert names(folder) == []
    return text


class FullDisk:
    """A stream on a disk that is full after 300 000 bytes."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, 300_000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def write(self, chunk: bytes) -> None:
        self.stream.write(chunk[: self.left])
        self.stream.flush()
        self.left -= len(chunk)
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file that is written from now on be on a full disk."""
    real = Path.open

    def full(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        stream = real(path, mode, *rest, **options)
        return FullDisk(stream) if mode == "wb" else stream

    monkeypatch.setattr(Path, "open", full)


CHILD = """
import sys
from pathlib import Path
from crossarch.fetch.download import fetch_file
from crossarch.config.files import UpstreamFile
url, sha256, out = sys.argv[1:]
found = fetch_file(UpstreamFile(url=url, sha256=sha256), Path(out), mirrors=(), cache=None)
print(found.kind)
"""


def child(file: UpstreamFile, out: Path) -> "subprocess.Popen[str]":
    """Start another process that fetches `file`."""
    command = [sys.executable, "-c", CHILD, file.url, str(file.sha256), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for_part(folder: Path, count: int) -> None:
    """Wait until a download into `folder` has written `count` bytes."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if any(path.stat().st_size >= count for path in folder.glob(".file.bin.*.part")):
            return
        time.sleep(0.01)
    pytest.fail("the download never got going")


class ToLoopback(HTTPAdapter):
    """Sends what is meant for other hosts to the loopback server; the host stands first in the path."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def send(self, request: requests.PreparedRequest, *rest: Any, **options: Any) -> requests.Response:
        original = str(request.url)
        parts = urlsplit(original)
        query = f"?{urlencode(parse_qsl(parts.query))}" if parts.query else ""
        request.url = f"http://{self.host}/{parts.hostname}{parts.path}{query}"
        response = super().send(request, *rest, **options)
        response.url = request.url = original
        return response


def reroute(monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    """Let every request of this process go to the loopback server, as `/<host>/<path>`."""
    monkeypatch.setattr(requests.Session, "get_adapter", lambda *_, **__: ToLoopback(server.host))
