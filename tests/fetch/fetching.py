"""What many tests do: fetch a file from the loopback server alone, and see that it came or did not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch.download import OriginKind, fetch_file

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several chunks
Pin = Callable[[str, bytes], UpstreamFile]
Names = Callable[[Path], list[str]]


def get(file: UpstreamFile, folder: Path, **options: Any) -> Path:
    """Fetch from the network alone; the path of the file that arrived."""
    destination = folder / "out" / "file.bin"
    origin = fetch_file(file, destination, mirrors=(), cache=None, **options)
    assert (origin.kind, origin.location) == (OriginKind.NETWORK, file.url)
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
