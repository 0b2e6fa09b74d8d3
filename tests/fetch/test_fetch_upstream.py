"""What is known of an upstream file, and the checks made with it."""

import contextlib
import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crossarch.config.files import UpstreamFile, relative_path
from crossarch.config.validation import validated
from crossarch.errors import ConfigError
from crossarch.fetch.checks import mismatch

URL = "https://example.org/a/file.bin"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a/b.bin", "example.org/a/b.bin"),
        ("http://EXAMPLE.org/A.bin", "example.org/A.bin"),
        ("https://example.org:443/a", "example.org/a"),
        ("https://example.org:8443/a", "example.org:8443/a"),
        ("https://example.org/a%20b", "example.org/a b"),
        ("https://example.org/get?file=x/y", "example.org/get?file=x%2Fy"),
        ("https://example.org/a#part", "example.org/a"),
    ],
)
def test_relative_path_is_that_of_wget(url: str, expected: str) -> None:
    assert UpstreamFile(url=url).relative_path == PurePosixPath(expected)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/",
        "https://example.org/a/",
        "https://example.org//a",
        "https://example.org/../a",
        "https://example.org/a/..",
        "https://example.org/./a",
        "https://example.org/%2e%2e/a",
        "https://example.org/..%2Fa",
        "https://example.org/a%00b",
        "https://example.org/.\t./a",
        "https://example.org/get?a=%0A",
        "https://../a",
        "https:///a",
        "https://user:secret@example.org/a",
        "https://example.org:port/a",
        "https://[::1/a",
        "ftp://example.org/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ],
)
def test_url_that_names_no_safe_path_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^a(n https or http)? URL") as caught:
        relative_path(url)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"^sources\.yaml: a\.url: found "):
        validated(UpstreamFile, {"url": url}, "sources.yaml", "a")


@given(st.text(max_size=30))
@example("../../etc/passwd")
@example("%2e%2e/%2e%2e")
@example("a\\..\\b")
def test_no_path_leads_out_of_the_mirror(text: str) -> None:
    for path in (text, quote(text), quote(text, safe="")):
        with contextlib.suppress(ValueError):
            relative = UpstreamFile(url=f"https://example.org/{path}").relative_path
            assert not relative.is_absolute()
            assert relative.parts[0] == "example.org"
            assert len(relative.parts) >= 2
            assert ".." not in relative.parts


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("size", -1, "size: found -1, allowed: greater than or equal to 0"),
        ("sha256", "abc", "sha256: found 'abc', allowed: what matches"),
        ("git_blob", "g" * 40, "git_blob: found 'ggg"),
        ("md5", "", "md5: found '', allowed"),
    ],
)
def test_impossible_pin_is_refused(field: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        validated(UpstreamFile, {"url": URL, field: value}, "sources.yaml")


def test_digests_are_those_that_are_pinned_strongest_first() -> None:
    assert UpstreamFile(url=URL, size=0).digests == {}
    assert list(UpstreamFile(url=URL, md5="0" * 32, sha256="0" * 64).digests) == ["sha256", "md5"]


@pytest.mark.parametrize(
    ("content", "blob"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
    ],
)
def test_git_blob_ids_known_from_git(tmp_path: Path, content: bytes, blob: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert mismatch(path, UpstreamFile(url=URL, git_blob=blob)) is None
    assert mismatch(path, UpstreamFile(url=URL, git_blob=blob.upper())) is None
    path.write_bytes(content + b"x")
    told = mismatch(path, UpstreamFile(url=URL, git_blob=blob)) or ""
    assert told.startswith("found git_blob ")
    assert told.endswith(f", expected {blob}")


def test_size_is_told_before_any_digest(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"hello")
    told = mismatch(path, UpstreamFile(url=URL, size=6, sha256="0" * 64))
    assert told == "found 5 bytes, expected 6"


@pytest.mark.parametrize("name", ["sha256", "md5"])
def test_a_wrong_digest_names_what_was_expected_and_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"hello")
    found = hashlib.new(name, b"hello").hexdigest()
    expected = "0" * len(found)
    told = mismatch(path, UpstreamFile(url=URL, size=5, **{name: expected}))
    assert told == f"found {name} {found}, expected {expected}"


@given(content=st.binary(min_size=1, max_size=200), data=st.data())
def test_any_changed_byte_is_found(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.bin"
    path.write_bytes(content)
    file = UpstreamFile(url=URL, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    assert mismatch(path, file) is None
    where = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[where] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    assert (mismatch(path, file) or "").startswith("found sha256")


def test_file_of_many_chunks_is_hashed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossarch.fetch.checks.CHUNK_BYTES", 3)
    path = tmp_path / "file.bin"
    path.write_bytes(b"0123456789")
    file = UpstreamFile(url=URL, sha256=hashlib.sha256(b"0123456789").hexdigest())
    assert mismatch(path, file) is None
