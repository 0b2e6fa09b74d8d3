"""Transfers that break off: what is asked for next, and what is never put together."""

import re
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fetching import CONTENT, Names, Pin, child, fails, fill_disk, get, wait_for_part

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch import transfer
from crossarch.fetch.download import PlaceKind, fetch_file

OTHER = CONTENT[::-1]
STRONG = {"ETag": '"one"'}
DATED = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
CUT = 300_000


def starts(server: Any) -> list[int]:
    """The first byte asked for, of each request."""
    found = (re.fullmatch(r"bytes=(\d+)-", each.get("Range", "bytes=0-")) for each in server.headers)
    return [int(match[1]) for match in found if match]


@pytest.fixture
def broken(pinned: Pin, tmp_path: Path, server: Any, left_in: Names) -> UpstreamFile:
    """A file of which 300 000 bytes of version `"one"` lie there; what was asked is forgotten."""
    cut = server.Reply(CONTENT, sent=CUT, headers=STRONG, ranges=True)
    file = pinned(server.serve("/f.bin", cut, server.Reply(status=404)), CONTENT)
    with pytest.raises(FetchError, match="404"):
        get(file, tmp_path)
    assert left_in(tmp_path) == ["out/.file.bin.partial", "out/.file.bin.partial.version"]
    assert (tmp_path / "out/.file.bin.partial").read_bytes() == CONTENT[:CUT]
    server.requests.clear()
    server.headers.clear()
    return file


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        (STRONG, '"one"'),
        (DATED, DATED["Last-Modified"]),
        ({"ETag": 'W/"weak"', **DATED}, DATED["Last-Modified"]),
        ({**STRONG, **DATED}, '"one"'),
    ],
    ids=["strong", "dated", "weak and dated", "strong and dated"],
)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_each_byte_comes_once(
    server: Any,
    pinned: Pin,
    tmp_path: Path,
    left_in: Names,
    headers: dict[str, str],
    version: str,
    reset: bool,
) -> None:
    cut = server.Reply(CONTENT, sent=CUT, headers=headers, ranges=True)
    whole = server.Reply(CONTENT, headers=headers, ranges=True)
    # A reset may take bytes along that were sent: what is asked for next depends on what came.
    first = server.Reply(CONTENT, sent=CUT, headers=headers, ranges=True, reset=reset)
    file = pinned(server.serve("/f.bin", first, cut, cut, whole), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    asked = starts(server)
    assert len(asked) == 4
    assert asked[0] == 0
    assert all(after - before == CUT for before, after in pairwise(asked[1:]))
    assert asked[1] == CUT or reset
    assert [each.get("If-Range") for each in server.headers] == [version if n else None for n in asked]
    assert left_in(tmp_path) == ["out/file.bin"]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}], ids=["none", "weak"])
def test_without_a_mark_of_the_version_nothing_is_put_together(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, headers: dict[str, str]
) -> None:
    cut = server.Reply(CONTENT, sent=CUT, headers=headers, ranges=True)
    whole = server.Reply(CONTENT, headers=headers, ranges=True)
    file = pinned(server.serve("/f.bin", cut, whole), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0, 0]
    server.serve("/f.bin", cut)
    (tmp_path / "out/file.bin").unlink()
    fails(file, tmp_path, left_in)


def test_slow_progress_is_progress(server: Any, pinned: Pin, tmp_path: Path) -> None:
    cut = server.Reply(CONTENT, sent=100_000, headers=STRONG, ranges=True)
    file = pinned(server.serve("/f.bin", cut), CONTENT)  # ten times more often than is given up after
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == list(range(0, len(CONTENT), 100_000))


def test_changed_file_is_begun_anew(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    old = server.Reply(OTHER, sent=CUT, headers=STRONG, ranges=True)
    new = server.Reply(CONTENT, headers={"ETag": '"two"'}, ranges=True)
    file = pinned(server.serve("/f.bin", old, new), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0, CUT]
    assert left_in(tmp_path) == ["out/file.bin"]


def test_changed_file_that_breaks_off_too_goes_on_in_its_own_version(
    server: Any, pinned: Pin, tmp_path: Path
) -> None:
    old = server.Reply(OTHER, sent=2 * CUT, headers=STRONG, ranges=True)
    new = server.Reply(CONTENT, sent=CUT, headers={"ETag": '"two"'}, ranges=True)
    file = pinned(server.serve("/f.bin", old, new), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0, 2 * CUT, CUT, 2 * CUT, 3 * CUT]
    assert [each.get("If-Range") for each in server.headers] == [None, '"one"', *['"two"'] * 3]


def test_range_of_another_version_is_never_appended(server: Any, tmp_path: Path) -> None:
    """A server may know Range but not If-Range; here no digest would find the mixture."""
    old = server.Reply(OTHER, sent=CUT, headers=STRONG)
    there = {"ETag": '"two"', "Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    rest = server.Reply(CONTENT[CUT:], status=206, headers=there)
    whole = server.Reply(CONTENT, headers={"ETag": '"two"'})
    file = UpstreamFile(url=server.serve("/f.bin", old, rest, whole))
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0, CUT, 0]


@pytest.mark.parametrize(
    "there",
    [
        f"bytes {CUT - 1}-{len(CONTENT) - 1}/{len(CONTENT)}",
        f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}",
        f"bytes {CUT}-{len(CONTENT)}/{len(CONTENT) + 1}",
        f"bytes {CUT}-{CUT + 9}/{CUT + 10}",
        "bytes */*",
        "",
    ],
    ids=["start", "from 0", "total above", "total below", "no numbers", "none"],
)
def test_wrong_range_is_not_appended_but_begun_anew(
    server: Any, tmp_path: Path, broken: UpstreamFile, there: str
) -> None:
    wrong = server.Reply(OTHER[CUT:], status=206, headers={**STRONG, "Content-Range": there})
    server.serve("/f.bin", wrong, server.Reply(CONTENT, headers=STRONG))
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [CUT, 0]


def test_range_of_unknown_total_is_appended(server: Any, tmp_path: Path, broken: UpstreamFile) -> None:
    there = {**STRONG, "Content-Range": f"bytes {CUT}-{len(CONTENT) - 1}/*"}
    server.serve("/f.bin", server.Reply(CONTENT[CUT:], status=206, headers=there))
    assert get(broken, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [416, 206])
def test_server_that_refuses_every_rest_is_given_up(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, status: int
) -> None:
    """It breaks off at the same place each time: no transfer brings anything new."""
    cut = server.Reply(CONTENT, sent=CUT, headers=STRONG)
    rest = server.Reply(status=status)
    file = pinned(server.serve("/f.bin", *[cut, rest] * 20), CONTENT)
    with pytest.raises(FetchError) as caught:
        get(file, tmp_path)
    text = str(caught.value)
    assert "(attempt 3 of 3)" in text
    assert "\n" not in text
    assert len(server.requests) <= 6


def test_416_begins_anew(server: Any, tmp_path: Path, broken: UpstreamFile, left_in: Names) -> None:
    server.serve("/f.bin", server.Reply(status=416), server.Reply(CONTENT, headers=STRONG))
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [CUT, 0]
    assert left_in(tmp_path) == ["out/file.bin"]


def test_whole_partial_that_was_never_renamed(server: Any, tmp_path: Path, broken: UpstreamFile) -> None:
    (tmp_path / "out/.file.bin.partial").write_bytes(CONTENT)
    server.serve("/f.bin", server.Reply(CONTENT, headers=STRONG, ranges=True))
    assert get(broken, tmp_path).read_bytes() == CONTENT


def test_next_fetch_asks_for_the_missing_bytes_alone(
    server: Any, tmp_path: Path, broken: UpstreamFile, left_in: Names
) -> None:
    server.serve("/f.bin", server.Reply(CONTENT, headers=STRONG, ranges=True))
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [CUT]
    assert left_in(tmp_path) == ["out/file.bin"]


def test_killed_process_is_gone_on_from(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    gate = threading.Event()
    hanging = server.Reply(CONTENT, sent=600_000, gate=gate, headers=STRONG, ranges=True)
    whole = server.Reply(CONTENT, headers=STRONG, ranges=True)
    file = pinned(server.serve("/f.bin", hanging, whole), CONTENT)
    out = tmp_path / "out/file.bin"
    with child(file, out) as other:
        wait_for_part(out.parent, 1)
        assert not out.exists()
        other.kill()
        other.wait(10)
    gate.set()
    arrived = (tmp_path / "out/.file.bin.partial").stat().st_size
    assert 0 < arrived <= 600_000
    assert not out.exists()
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0, arrived]
    # The abandoned temporary name of the killed process is never read again.
    assert [name for name in left_in(out.parent) if not name.endswith(".part")] == ["file.bin"]


def test_tampered_partial_is_found_and_gone(
    server: Any, tmp_path: Path, broken: UpstreamFile, left_in: Names
) -> None:
    (tmp_path / "out/.file.bin.partial").write_bytes(OTHER[:CUT])
    server.serve("/f.bin", server.Reply(CONTENT, headers=STRONG, ranges=True))
    assert f"(expected sha256 {broken.sha256}, found " in fails(broken, tmp_path, left_in)
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [CUT, 0]


@pytest.mark.parametrize("note", [b"", b"\xff\xfe"], ids=["empty", "not text"])
def test_partial_with_a_damaged_note_is_begun_anew(
    server: Any, tmp_path: Path, broken: UpstreamFile, left_in: Names, note: bytes
) -> None:
    (tmp_path / "out/.file.bin.partial").write_bytes(OTHER[:CUT])
    (tmp_path / "out/.file.bin.partial.version").write_bytes(note)
    server.serve("/f.bin", server.Reply(CONTENT, headers=STRONG, ranges=True))
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [0]
    assert left_in(tmp_path) == ["out/file.bin"]


def test_full_disk_while_going_on_loses_nothing(
    server: Any,
    tmp_path: Path,
    broken: UpstreamFile,
    left_in: Names,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.serve("/f.bin", server.Reply(CONTENT, headers=STRONG, ranges=True))
    with monkeypatch.context() as patched:
        fill_disk(patched)
        with pytest.raises(FetchError) as caught:
            get(broken, tmp_path)
    out = tmp_path / "out/file.bin"
    assert str(caught.value) == f"{out}: cannot be put in place: No space left on device"
    assert not out.exists()
    kept = (tmp_path / "out/.file.bin.partial").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert len(kept) >= CUT
    assert get(broken, tmp_path).read_bytes() == CONTENT
    assert starts(server) == [CUT, len(kept)]
    assert left_in(tmp_path) == ["out/file.bin"]


@pytest.mark.parametrize("length", [-1, None], ids=["announced", "of unknown length"])
def test_body_that_never_begins_leaves_nothing(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, length: int | None
) -> None:
    nothing = server.Reply(CONTENT, sent=0, headers=STRONG, length=length)
    file = pinned(server.serve("/f.bin", nothing), CONTENT)
    assert "broke off" in fails(file, tmp_path, left_in)
    assert len(server.requests) == transfer.BODY_ATTEMPTS


def test_partial_is_gone_when_the_file_comes_from_elsewhere(
    server: Any, tmp_path: Path, broken: UpstreamFile, left_in: Names
) -> None:
    held = tmp_path / "mirror" / broken.relative_path
    held.parent.mkdir(parents=True)
    held.write_bytes(CONTENT)
    out = tmp_path / "out/file.bin"
    assert fetch_file(broken, out, mirrors=[tmp_path / "mirror"], cache=None).kind is PlaceKind.MIRROR
    assert left_in(out.parent) == ["file.bin"]
    assert server.requests == []
