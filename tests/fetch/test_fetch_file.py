"""The order of the places, and what is under the final name when something goes wrong."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fetching import CONTENT, Names, Pin, child, fill_disk, wait_for_part

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch.checks import mismatch
from crossarch.fetch.download import fetch_file
from crossarch.fetch.places import mirrors_from_environment

SHARED_MIRROR = Path(__file__).parents[3] / "shared/data/mirror"
OTHER = CONTENT[::-1]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "file.bin"


def place(root: Path, file: UpstreamFile, content: bytes) -> Path:
    """Put `content` into a mirror or a cache as that of `file`."""
    path = root / file.relative_path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_right_file_is_left_alone(
    server: Any, pinned: Pin, out: Path, left_in: Names, capsys: pytest.CaptureFixture[str]
) -> None:
    out.parent.mkdir()
    out.write_bytes(CONTENT)
    before = out.stat()
    found = fetch_file(pinned(server.url("/f.bin"), CONTENT), out, mirrors=(), cache=None)
    assert found == ("present", str(out))
    assert (out.stat().st_mtime_ns, out.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert list(out.parent.iterdir()) == [out]  # not even a lock: it may be read-only
    assert server.requests == []
    assert capsys.readouterr().err == ""


def test_wrong_file_is_fetched_again_with_a_warning(
    server: Any, pinned: Pin, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.parent.mkdir()
    out.write_bytes(b"half a fi")
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    assert fetch_file(file, out, mirrors=(), cache=None).kind == "network"
    assert out.read_bytes() == CONTENT
    assert capsys.readouterr().err == (
        f"crossarch: warning: present {out}: found 9 bytes, expected {len(CONTENT)}; "
        "trying the next place\n"
    )


def test_wrong_file_stays_when_no_better_one_is_found(
    server: Any, pinned: Pin, out: Path, left_in: Names
) -> None:
    out.parent.mkdir()
    out.write_bytes(b"mine")
    with pytest.raises(FetchError, match="no place has the right file"):
        fetch_file(pinned(server.url("/f.bin"), CONTENT), out, mirrors=(), cache=None)
    assert out.read_bytes() == b"mine"
    assert left_in(out.parent) == ["file.bin"]


def test_directory_in_the_way_is_told_before_any_download(server: Any, pinned: Pin, out: Path) -> None:
    out.mkdir(parents=True)
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    with pytest.raises(FetchError, match=r"file\.bin: found a directory, expected a file"):
        fetch_file(file, out, mirrors=(), cache=None)
    assert server.requests == []


def test_first_mirror_that_has_the_file_is_used(
    server: Any, pinned: Pin, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pinned(server.url("/a/f.bin"), CONTENT)
    mirrors = [tmp_path / "m1", tmp_path / "m2"]
    mirrors[0].mkdir()
    held = place(mirrors[1], file, CONTENT)
    found = fetch_file(file, out, mirrors=mirrors, cache=tmp_path / "cache")
    assert found == ("mirror", str(held))
    assert out.read_bytes() == CONTENT
    assert out.stat().st_ino != held.stat().st_ino  # a change of one must not reach the other
    assert server.requests == []
    assert not (tmp_path / "cache").exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("kind", ["mirror", "cache"])
@pytest.mark.parametrize(
    ("held", "told"),
    [
        (OTHER, f"found sha256 {sha256(OTHER).hexdigest()}, expected {sha256(CONTENT).hexdigest()}"),
        (CONTENT[:-1], f"found {len(CONTENT) - 1} bytes, expected {len(CONTENT)}"),
        (None, "cannot be read: Is a directory"),
    ],
    ids=["other", "cut", "directory"],
)
def test_place_without_the_right_bytes_is_skipped_with_a_warning(
    server: Any,
    pinned: Pin,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    held: bytes | None,
    told: str,
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    path = place(tmp_path / kind, file, held or b"")
    if held is None:
        path.unlink()
        path.mkdir()
    mirrors = [tmp_path / "mirror"] if kind == "mirror" else []
    assert fetch_file(file, out, mirrors=mirrors, cache=tmp_path / "cache").kind == "network"
    assert out.read_bytes() == CONTENT
    warned = f"crossarch: warning: {kind} {path}: {told}; trying the next place"
    assert capsys.readouterr().err.splitlines()[0] == warned
    if held is not None:  # a mirror is only read, the cache gets the right bytes
        assert path.read_bytes() == (held if kind == "mirror" else CONTENT)


def test_wrong_first_mirror_does_not_hide_the_second(
    server: Any, pinned: Pin, out: Path, tmp_path: Path
) -> None:
    file = pinned(server.url("/f.bin"), CONTENT)
    place(tmp_path / "m1", file, OTHER)
    held = place(tmp_path / "m2", file, CONTENT)
    found = fetch_file(file, out, mirrors=[tmp_path / "m1", tmp_path / "m2"], cache=None)
    assert found == ("mirror", str(held))
    assert out.read_bytes() == CONTENT
    assert server.requests == []


def test_download_is_kept_in_the_cache_and_found_there(
    server: Any, pinned: Pin, out: Path, tmp_path: Path, left_in: Names
) -> None:
    cache = tmp_path / "cache"
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    fetch_file(file, out, mirrors=(), cache=cache)
    cached = cache / file.relative_path
    assert cached.read_bytes() == CONTENT
    assert cached.stat().st_ino != out.stat().st_ino
    again = tmp_path / "again.bin"
    found = fetch_file(file, again, mirrors=(), cache=cache)
    assert found == ("cache", str(cached))
    assert again.read_bytes() == CONTENT
    assert server.requests == ["/f.bin"]
    assert left_in(tmp_path) == sorted(["again.bin", "out/file.bin", f"cache/{file.relative_path}"])


def test_cache_that_cannot_be_written_is_a_warning(
    server: Any, pinned: Pin, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    cache.write_text("a file where the folder should be")
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    assert fetch_file(file, out, mirrors=(), cache=cache).kind == "network"
    assert out.read_bytes() == CONTENT
    assert "cannot be cached" in capsys.readouterr().err


def test_error_lists_all_that_was_tried_and_what_to_do(
    server: Any, pinned: Pin, out: Path, tmp_path: Path, left_in: Names
) -> None:
    file = pinned(server.url("/f.bin"), CONTENT)
    empty, wrong, cache = tmp_path / "m1", tmp_path / "m2", tmp_path / "cache"
    place(wrong, file, OTHER)
    with pytest.raises(FetchError) as caught:
        fetch_file(file, out, mirrors=[empty, wrong], cache=cache)
    relative, found = file.relative_path, pinned(file.url, OTHER).sha256
    assert str(caught.value) == (
        f"{out}: no place has the right file: mirror {empty / relative} (no such file), "
        f"mirror {wrong / relative} (found sha256 {found}, expected {file.sha256}), "
        f"cache {cache / relative} (no such file), network {file.url} (HTTP 404 Not Found); "
        f"set CROSSARCH_MIRROR to a directory that holds {relative}, or put the file at {out}"
    )
    assert left_in(out.parent) == []


@pytest.mark.parametrize("from_mirror", [True, False], ids=["mirror", "network"])
def test_full_disk_leaves_nothing(
    server: Any,
    pinned: Pin,
    out: Path,
    tmp_path: Path,
    left_in: Names,
    monkeypatch: pytest.MonkeyPatch,
    from_mirror: bool,
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    place(tmp_path / "m", file, CONTENT)
    fill_disk(monkeypatch)
    with pytest.raises(FetchError) as caught:
        fetch_file(file, out, mirrors=[tmp_path / "m"] if from_mirror else (), cache=None)
    assert str(caught.value) == f"{out}: cannot be written: No space left on device"
    assert left_in(out.parent) == []
    assert server.requests == ([] if from_mirror else ["/f.bin"])  # not repeated: it is no use


@pytest.mark.parametrize("function", ["os.fsync", "tempfile.mkstemp", "pathlib.Path.mkdir"])
def test_any_failed_system_call_is_one_line(
    server: Any,
    pinned: Pin,
    out: Path,
    left_in: Names,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    monkeypatch.setattr(function, refuse)
    with pytest.raises(FetchError) as caught:
        fetch_file(file, out, mirrors=(), cache=None)
    assert str(caught.value) == f"{out}: cannot be written: Permission denied"
    assert left_in(out.parent) == []


def test_threads_that_want_one_file_download_it_once(
    server: Any, pinned: Pin, out: Path, left_in: Names
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    start = threading.Barrier(6)

    def work(_: int) -> str:
        start.wait(5)
        return fetch_file(file, out, mirrors=(), cache=None).kind

    with ThreadPoolExecutor(6) as pool:
        kinds = sorted(pool.map(work, range(6)))
    assert kinds == ["network"] + ["present"] * 5
    assert server.requests == ["/f.bin"]
    assert out.read_bytes() == CONTENT
    assert left_in(out.parent) == ["file.bin"]


def test_processes_wait_for_each_other(
    server: Any, pinned: Pin, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = threading.Event()
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT, sent=600_000, gate=gate)), CONTENT)
    with child(file, out) as other:
        wait_for_part(out.parent, 1)
        threading.Timer(0.2, gate.set).start()
        found = fetch_file(file, out, mirrors=(), cache=None)
        told, _ = other.communicate(timeout=10)
    assert found.kind == "present"
    assert told == "network\n"
    assert server.requests == ["/f.bin"]
    assert out.read_bytes() == CONTENT
    assert "being fetched by another process; waiting for it" in capsys.readouterr().err


def test_killed_download_leaves_no_file_and_no_lock(
    server: Any, pinned: Pin, out: Path, left_in: Names
) -> None:
    gate = threading.Event()
    hanging = server.Reply(CONTENT, sent=600_000, gate=gate)
    file = pinned(server.serve("/f.bin", hanging, server.Reply(CONTENT)), CONTENT)
    with child(file, out) as other:
        wait_for_part(out.parent, 1)
        other.kill()
        other.wait(10)
    assert not out.exists()
    gate.set()
    assert fetch_file(file, out, mirrors=(), cache=None).kind == "network"
    assert out.read_bytes() == CONTENT
    assert left_in(out.parent) == ["file.bin"]  # nothing of the killed process


def test_real_file_from_a_real_mirror(out: Path, left_in: Names) -> None:
    mirrors = mirrors_from_environment() or (SHARED_MIRROR,)
    if not mirrors[0].is_dir():
        pytest.skip("no mirror at hand: set CROSSARCH_MIRROR")
    file = UpstreamFile(
        url="https://raw.githubusercontent.com/CityU-MLO/mitigate_architecture_overfitting/"
        "b5b40d3a4627285b597c95262b418f6cc22c3b69/distilled_data/cifar10_1_mtt/labels_best.pt",
        sha256="83fb342355d674877b81eb2180de3d336eb4304f48a18173d12e48852e30c282",
        git_blob="a0b2b8052aec954c6e43ea31f4aa2b2f03f016eb",
    )
    if not any((mirror / file.relative_path).is_file() for mirror in mirrors):
        pytest.skip(f"no mirror holds {file.relative_path}")  # the test must not use the network
    assert fetch_file(file, out, mirrors=mirrors, cache=None).kind == "mirror"
    assert mismatch(out, file) is None
    assert left_in(out.parent) == ["file.bin"]
