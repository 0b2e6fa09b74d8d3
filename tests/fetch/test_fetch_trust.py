"""Trust on first use: the lock file, by the command line against the loopback server."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fetching import CONTENT, ROOT, Finished, Run

from crossarch.config import load_configuration
from crossarch.config.locked import Locked, parse_lock, write_lock
from crossarch.errors import ConfigError

OTHER = CONTENT[::-1]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def folder(tmp_path: Path, server: Any) -> Path:
    """A copy of the configuration with a source of the loopback server: a pair and a pinned file."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    sources = tmp_path / "config" / "sources.yaml"
    own = {
        "title": "Own",
        "arch": "cnn",
        "widths": [8],
        "norm": "batch",
        "labels": "hard",
        "whitening": "none",
        "sets": {
            "cifar10": {
                1: {
                    "images": {"url": server.serve("/images.pt", server.Reply(CONTENT))},
                    "labels": {"url": server.serve("/labels.pt", server.Reply(b"labels"))},
                    "teacher": {
                        "url": server.serve("/teacher.pth", server.Reply(b"teacher")),
                        "sha256": digest(b"teacher"),
                    },
                }
            }
        },
    }
    sources.write_text(sources.read_text(encoding="utf-8") + "\n" + yaml.safe_dump({"own": own}))
    return tmp_path


def locked(folder: Path) -> dict[str, Any]:
    text = (folder / "config/checksums.lock.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def downloaded(folder: Path, server: Any, name: str) -> Path:
    return folder / "results/downloads" / server.host / name


def one_line(finished: Finished, code: int) -> str:
    assert finished.returncode == code, finished.stdout + finished.stderr
    assert finished.stderr.count("\n") == 1
    assert finished.stderr.startswith("crossarch: ")
    return finished.stderr


def test_first_use_is_locked_and_a_change_stops(folder: Path, server: Any, crossarch: Run) -> None:
    url = server.url("/images.pt")
    finished = crossarch("fetch", "--update-lock", url)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == f"{url} sha256 {digest(CONTENT)}, {len(CONTENT)} bytes (new)\n"
    assert locked(folder) == {url: {"size": len(CONTENT), "sha256": digest(CONTENT)}}
    text = (folder / "config/checksums.lock.yaml").read_text(encoding="utf-8")
    assert "# Files that upstream publishes no checksum of" in text

    path = downloaded(folder, server, "images.pt")
    assert crossarch("fetch", url).stderr == ""  # what is known is not warned of
    path.unlink()
    shutil.rmtree(folder / "cache")
    server.serve("/images.pt", server.Reply(OTHER))
    text = one_line(crossarch("fetch", url), 3)
    assert f"found sha256 {digest(OTHER)}, expected {digest(CONTENT)}" in text
    assert "config/checksums.lock.yaml" in text
    assert f"crossarch fetch --update-lock {url}\n" in text
    assert not path.exists()

    finished = crossarch("fetch", "--update-lock", url)
    was = f"(was {digest(CONTENT)}, {len(CONTENT)} bytes)"
    assert finished.stdout == f"{url} sha256 {digest(OTHER)}, {len(OTHER)} bytes {was}\n"
    assert locked(folder)[url]["sha256"] == digest(OTHER)
    assert path.read_bytes() == OTHER
    assert crossarch("fetch", url).returncode == 0


def test_change_is_seen_though_old_bytes_lie_there_and_in_the_cache(
    folder: Path, server: Any, crossarch: Run
) -> None:
    url = server.url("/images.pt")
    assert crossarch("fetch", "--update-lock", url).returncode == 0
    server.serve("/images.pt", server.Reply(OTHER))
    assert crossarch("fetch", url).returncode == 0  # it is there, and as it was locked
    finished = crossarch("fetch", "--update-lock", url)
    assert f"(was {digest(CONTENT)}" in finished.stdout
    assert downloaded(folder, server, "images.pt").read_bytes() == OTHER
    downloaded(folder, server, "images.pt").unlink()
    assert crossarch("fetch", url).returncode == 0
    assert downloaded(folder, server, "images.pt").read_bytes() == OTHER
    assert "(unchanged)" in crossarch("fetch", "--update-lock", url).stdout


def test_update_that_fails_leaves_lock_and_file_alone(
    folder: Path, server: Any, crossarch: Run, left_in: Callable[[Path], list[str]]
) -> None:
    url = server.url("/images.pt")
    assert crossarch("fetch", "--update-lock", url).returncode == 0
    before = (folder / "config/checksums.lock.yaml").read_bytes()
    server.serve("/images.pt", server.Reply(status=404))
    text = one_line(crossarch("fetch", "--update-lock", url), 3)
    assert "HTTP 404" in text
    assert (folder / "config/checksums.lock.yaml").read_bytes() == before
    assert left_in(folder / "results") == [f"downloads/{server.host}/images.pt"]


def test_pinned_files_are_not_locked(folder: Path, server: Any, crossarch: Run) -> None:
    urls = [server.url(f"/{name}") for name in ("teacher.pth", "labels.pt")]
    finished = crossarch("fetch", "--update-lock", *urls)
    assert finished.returncode == 0
    assert list(locked(folder)) == urls[1:]
    assert finished.stderr == f"{urls[0]} has its own sha256 in the configuration; not locked\n"
    assert "/teacher.pth" not in server.requests


def test_pinned_digest_stands_above_the_lock(folder: Path, server: Any) -> None:
    url = server.url("/teacher.pth")
    write_lock(folder / "config/checksums.lock.yaml", {url: Locked(size=1, sha256="0" * 64)})
    configuration = load_configuration(folder / "config")
    file = configuration.upstream()["own cifar10 IPC 1 teacher"]
    assert configuration.pinned(file).sha256 == digest(b"teacher")


def test_file_without_any_checksum_is_warned_of_with_its_digest(
    folder: Path, server: Any, crossarch: Run
) -> None:
    url = server.url("/images.pt")
    finished = crossarch("fetch", url)
    assert finished.returncode == 0
    assert finished.stderr == (
        f"crossarch: warning: No pinned checksum for {url}; downloaded sha256={digest(CONTENT)}; "
        f"to hold later downloads to it, run: crossarch fetch --update-lock {url}\n"
    )
    assert crossarch("fetch", server.url("/teacher.pth")).stderr == ""


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"size": 1}, "found nothing, but this key is needed"),
        ({"size": 1, "sha256": "abc"}, "found 'abc', allowed: "),
        ({"size": -1, "sha256": "0" * 64}, "found -1, allowed: "),
        ({"size": 1, "sha256": "0" * 64, "md5": "0" * 32}, "found unknown key 'md5'"),
        ("0" * 64, "allowed: "),
        (None, "allowed: "),
    ],
)
def test_bad_lock_is_one_line(
    folder: Path, server: Any, crossarch: Run, entry: object, told: str
) -> None:
    url = server.url("/images.pt")
    (folder / "config/checksums.lock.yaml").write_text(yaml.safe_dump({url: entry}))
    text = one_line(crossarch("fetch", url), 2)
    assert "config/checksums.lock.yaml: " in text
    assert url in text
    assert told in text
    assert server.requests == []


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_lock_that_is_no_mapping_is_one_line(folder: Path, text: str) -> None:
    (folder / "config/checksums.lock.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"checksums\.lock\.yaml:") as caught:
        load_configuration(folder / "config")
    assert "\n" not in str(caught.value)


def test_lock_round_trip_in_order(tmp_path: Path) -> None:
    file = tmp_path / "lock.yaml"
    lock = {
        f"https://example.org/{name}": Locked(size=n, sha256=f"{n:064x}") for n, name in enumerate("cab")
    }
    write_lock(file, lock)
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert list(data) == sorted(lock)
    assert parse_lock(data, file) == lock


def test_lock_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lock.yaml"
    write_lock(file, {})
    before = file.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_lock(file, {"https://example.org/a": Locked(size=1, sha256="0" * 64)})
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]
