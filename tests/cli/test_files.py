"""Files are written whole or not at all, and what goes wrong names the file that was asked for."""

import errno
from pathlib import Path

import pytest

from crossarch.files import atomic_path, sha256_of, write_text


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
