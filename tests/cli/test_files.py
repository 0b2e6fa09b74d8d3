"""Files are written whole or not at all, and what goes wrong names the file that was asked for."""

import errno
import hashlib
from pathlib import Path

import pytest

from crossarch.errors import DataError
from crossarch.files import atomic_path, files_of, sha256_of, write_text


def test_a_folder_in_the_file_s_place_is_named(tmp_path: Path) -> None:
    place = tmp_path / "results"
    place.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_text(place, "text")
    assert caught.value.filename == str(place)
    assert list(tmp_path.iterdir()) == [place]


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    place = tmp_path / "table.md"
    place.write_text("before")
    with pytest.raises(OSError, match="No space left on device") as caught, atomic_path(place):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(place)
    assert place.read_text() == "before"
    assert list(tmp_path.iterdir()) == [place]


def test_another_file_s_error_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "copy") as temporary:
        temporary.write_bytes((tmp_path / "missing").read_bytes())
    assert caught.value.filename == str(tmp_path / "missing")


def test_a_folder_is_known_by_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "x.png", tmp_path / "b" / "y.png"
    for path in (first, second):
        path.parent.mkdir()
        path.write_bytes(b"an image")
    seen = {sha256_of(tmp_path)}
    second.rename(tmp_path / "b" / "z.png")
    seen.add(sha256_of(tmp_path))
    first.write_bytes(b"another one")
    seen.add(sha256_of(tmp_path))
    assert len(seen) == 3
    assert sha256_of(tmp_path) in seen


def test_links_in_a_folder_are_followed_and_what_is_hidden_is_not_read(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "set"
    for path in (elsewhere / "0.png", folder / "cat" / "1.png"):
        path.parent.mkdir(parents=True)
        path.write_bytes(path.name.encode())
    for name in ("apple", "boat"):
        (folder / name).symlink_to(elsewhere)
    found = [folder / name for name in ("apple/0.png", "boat/0.png", "cat/1.png")]
    assert files_of(folder) == found
    assert files_of(found[0]) == found[:1]
    first, last = (hashlib.sha256(name).hexdigest() for name in (b"0.png", b"1.png"))
    listed = f"{first} apple/0.png\n{first} boat/0.png\n{last} cat/1.png\n"
    assert sha256_of(folder) == hashlib.sha256(listed.encode()).hexdigest()

    (folder / "cat" / "around").symlink_to(folder)
    (folder / "cat" / "itself").symlink_to("itself")
    (folder / "cat" / "nowhere").symlink_to("missing")
    (folder / "cat" / ".DS_Store").write_bytes(b"what a file manager leaves")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "0.png").write_bytes(b"")
    assert files_of(folder) == found


def test_a_folder_that_may_not_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(DataError) as caught:
        sha256_of(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Permission denied"
