"""Archives from elsewhere: what would leave its folder, fill the disk or run is refused."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossarch.data import archives
from crossarch.data.archives import check_pickle, reading, unpack_tar
from crossarch.errors import DataError


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as files:  # type: ignore[call-overload]
        for member, content in members:
            member.size = len(content)
            files.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o4777
    return info


def refused(act: Callable[[], object], path: Path) -> str:
    with pytest.raises(DataError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_files_and_folders_are_unpacked(tmp_path: Path, mode: str) -> None:
    files = [
        (member("a", tarfile.DIRTYPE), b""),
        (member("a/b.bin"), b"bytes"),
        (member("/c.bin"), b"c"),
    ]
    unpack_tar(tar(tmp_path / "x.tar", *files, mode=mode), tmp_path / "out")
    assert below(tmp_path / "out") == ["a/b.bin", "c.bin"]  # an absolute name stays inside
    assert (tmp_path / "out/a/b.bin").read_bytes() == b"bytes"
    assert (
        tmp_path / "out/a/b.bin"
    ).stat().st_mode & 0o7022 == 0  # no special bits, not for all to write


@pytest.mark.parametrize(
    "bad",
    [
        member("../out.bin"),
        member("a/../../out.bin"),
        member("//../out.bin"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.SYMTYPE, "good.bin"),
        member("link", tarfile.LNKTYPE, "good.bin"),
        member("link", tarfile.LNKTYPE, "../../etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("device", tarfile.BLKTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name} {info.type.decode()} {info.linkname}",
)
def test_what_leaves_its_folder_or_is_no_file_is_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    path = tar(tmp_path / "x.tar.gz", (member("good.bin"), b"good"), (bad, b""))
    refused(lambda: unpack_tar(path, tmp_path / "in" / "out"), path)
    assert set(below(tmp_path)) <= {"x.tar.gz", "in/out/good.bin"}


def test_tar_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LIMIT_BYTES", 1000)
    path = tar(tmp_path / "x.tar.gz", *((member(f"{n}"), bytes(300)) for n in range(4)))
    text = refused(lambda: unpack_tar(path, tmp_path / "out"), path)
    assert "unpacks to 1200 bytes, allowed: 1000" in text
    assert below(tmp_path) == ["x.tar.gz"]


def test_declared_size_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = tarfile.TarInfo("bomb")
    header.size = 10**15
    path = tmp_path / "x.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert f"unpacks to {10**15} bytes" in refused(lambda: unpack_tar(path, tmp_path / "out"), path)


def damaged(content: bytes) -> list[bytes]:
    middle = len(content) // 2
    return [
        b"",
        content[:5],
        content[:middle],
        content[:-9],
        content[:middle] + bytes(50) + content[middle + 50 :],
        content[:30] + b"\xff" * 30 + content[60:],
        b"<html>log in</html>",
    ]


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w:bz2"])
def test_damaged_tar_is_one_line(tmp_path: Path, mode: str, number: int) -> None:
    noise = np.random.default_rng(0).bytes(5000)
    path = tar(tmp_path / "x.tar", (member("a.bin"), noise), (member("b.bin"), noise), mode=mode)
    path.write_bytes(damaged(path.read_bytes())[number])
    refused(lambda: unpack_tar(path, tmp_path / "out"), path)


def test_absent_archives(tmp_path: Path) -> None:
    refused(lambda: unpack_tar(tmp_path / "absent", tmp_path / "out"), tmp_path / "absent")
    refused(lambda: read_all(tmp_path / "absent"), tmp_path / "absent")


def a_zip(path: Path, content: bytes = bytes(5000), method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as files:
        for name in ("a.bin", "b.bin"):
            files.writestr(name, content)
    return path


def read_all(path: Path) -> None:
    with reading(path) as files:
        for name in files.namelist():
            files.read(name)


def test_zip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LIMIT_BYTES", 9999)
    path = a_zip(tmp_path / "x.zip")
    assert "unpacks to 10000 bytes, allowed: 9999" in refused(lambda: read_all(path), path)


def test_zip_that_lies_about_its_size(tmp_path: Path) -> None:
    path = a_zip(tmp_path / "x.zip")
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 5000), struct.pack("<I", 5)))
    refused(lambda: read_all(path), path)


def test_encrypted_zip(tmp_path: Path) -> None:
    path = a_zip(tmp_path / "x.zip")
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    assert "a.bin" in refused(lambda: read_all(path), path)


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_zip_is_one_line(tmp_path: Path, method: int, number: int) -> None:
    path = a_zip(tmp_path / "x.zip", np.random.default_rng(0).bytes(5000), method)
    path.write_bytes(damaged(path.read_bytes())[number])
    refused(lambda: read_all(path), path)


# --- pickles ------------------------------------------------------------------------------------


def short(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


OS, SYSTEM, NUMPY, NDARRAY = short("os"), short("system"), short("numpy"), short("ndarray")
START, CALL = b"\x80\x04", short("touch marker") + b"\x85R."
MEMO = b"\x94"
POP = b"0"
INNOCENT = NUMPY + NDARRAY
ATTACKS = {
    "global": [b"cos\nsystem\n(S'touch marker'\ntR."],
    "instance": [b"(S'touch marker'\nios\nsystem\n."],
    "builtins": [b"cbuiltins\neval\n(S'1'\ntR."],
    "stack global": [START, OS, SYSTEM, b"\x93", CALL],
    "memoised names": [START, OS, MEMO, SYSTEM, MEMO, POP, POP, INNOCENT, POP, POP, b"h\0h\1\x93", CALL],
    "names below others": [START, OS, SYSTEM, INNOCENT, POP, POP, b"\x93", CALL],
    "one name memoised": [START, SYSTEM, MEMO, POP, OS, NDARRAY, POP, b"h\0\x93", CALL],
    "put and get by number": [
        START,
        OS,
        b"q\7",
        SYSTEM,
        b"r\x08\0\0\0",
        INNOCENT,
        b"h\7j\x08\0\0\0\x93",
        CALL,
    ],
    "put and get as text": [
        START,
        OS,
        b"p5\n",
        SYSTEM,
        b"p6\n",
        INNOCENT,
        POP,
        POP,
        b"g5\ng6\n\x93",
        CALL,
    ],
    "memo overwritten": [
        START,
        NUMPY,
        b"q\0",
        OS,
        b"q\0",
        NDARRAY,
        b"q\1",
        SYSTEM,
        b"q\1h\0h\1\x93",
        CALL,
    ],
    "duplicate": [START, OS, b"2", SYSTEM, b"\x93", CALL],
    "dotted name": [START, NUMPY, short("ndarray.tofile"), b"\x93."],
    "extension": [b"\x80\x02\x82\x01."],
    "persistent": [b"\x80\x02K\x01Q."],
    "bytes as names": [START, b"C\x05numpyC\x07ndarray\x93."],
}


@pytest.mark.parametrize("parts", ATTACKS.values(), ids=ATTACKS)
def test_pickle_that_would_run_something_is_refused(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "batch"
    path.write_bytes(b"".join(parts))
    assert "which is not let to run" in refused(lambda: check_pickle(path.read_bytes(), str(path)), path)


@pytest.mark.parametrize("name", [name for name, parts in ATTACKS.items() if CALL in parts])
def test_attacks_are_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What the check is there for: `pickle` itself would call os.system."""
    called: list[str] = []
    monkeypatch.setattr(os, "system", called.append)
    pickle.loads(b"".join(ATTACKS[name]))
    assert called == ["touch marker"]


class Marker:
    """Creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("marker",)


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_of_arrays_pass_and_of_objects_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
    batch = {
        "data": pixels,
        "labels": [1, 2, 3, 4],
        "fine_labels": np.arange(4),
        "more": [pixels[:2], np.asfortranarray(pixels.astype(np.float32))],
        b"filenames": ["a.png", "b.png"],
        "names": ["numpy", "ndarray", "dtype", "os", "system"],
    }
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps(batch, protocol))
    check_pickle(path.read_bytes(), str(path))
    path.write_bytes(pickle.dumps({**batch, "x": Marker()}, protocol))
    assert "mkdir" in refused(lambda: check_pickle(path.read_bytes(), str(path)), path)
    assert not (tmp_path / "marker").exists()


def test_pickle_of_python_2_passes(tmp_path: Path) -> None:
    """As CIFAR's own files: written by Python 2, its strings are bytes."""
    path = tmp_path / "batch"
    path.write_bytes(
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
        b"U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06abcdeftbU\x06labels]q\x08(K\x01K\x02eu."
    )
    check_pickle(path.read_bytes(), str(path))
    with path.open("rb") as stream:
        loaded = pickle.load(stream, encoding="latin1")
    assert loaded["data"].tolist() == [[97, 98, 99], [100, 101, 102]]


@given(content=st.binary(max_size=200))
def test_any_bytes_are_checked_without_another_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content.replace(b".", b""))
    with pytest.raises(DataError):  # without an end no pickle is whole
        check_pickle(path.read_bytes(), str(path))


def test_truncated_gzip_of_a_pickle_is_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(gzip.compress(pickle.dumps({"data": 1}))[:10])
    refused(lambda: check_pickle(path.read_bytes(), str(path)), path)
