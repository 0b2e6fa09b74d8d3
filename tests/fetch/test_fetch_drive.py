"""Shared folders of Google Drive: gdown's own requests, answered by the loopback server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fetching import CONTENT, QUOTA, Names, reroute

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch import drive
from crossarch.fetch.download import PlaceKind, fetch_file

ROOT, SETS, ONE, TEN = (f"{name:->28}" for name in ("root", "cifar100", "ipc1", "ipc10"))
FOLDERS = {ROOT: "shared", SETS: "cifar100", ONE: "ipc1_llTrue", TEN: "ipc10_llTrue"}
FIRST, SECOND = f"{'first':->28}", f"{'second':->28}"
FOLDER = f"https://drive.google.com/drive/folders/{ROOT}"
URL = f"{FOLDER}/cifar100/ipc1_llTrue/checkpoint"
ATTACHED = {
    "Content-Type": "application/octet-stream",
    "Content-Disposition": 'attachment; filename="x"',
}
HTML = {"Content-Type": "text/html; charset=utf-8"}
CONFIRM = (  # the form in one line, as Google writes it
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>"
    '<form id="download-form" action="https://drive.usercontent.google.com/download" method="get">'
    f'<input type="hidden" name="id" value="{FIRST}"><input type="hidden" name="confirm" value="t">'
    "</form></body></html>"
).encode()


def folder_page(folder: str, *inside: str, **files: str) -> bytes:
    """A folder as its embedded view shows it: its name, folders inside, names of files by id."""
    addresses = {f"drive/folders/{key}": FOLDERS[key] for key in inside}
    addresses |= {f"file/d/{key}/view?usp=drive_web": name for key, name in files.items()}
    entries = (
        f'<div><a href="https://drive.google.com/{address}"><i></i>{name}</a></div>'
        for address, name in addresses.items()
    )
    title = f"<title>{FOLDERS[folder]}</title>"
    return f"<html><head>{title}</head><body>{''.join(entries)}</body></html>".encode()


class Drive:
    """The loopback server as Google Drive; `replies` of a path come one after the other."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def folder(self, key: str, *inside: str, **files: str) -> None:
        self.page(key, self.server.Reply(folder_page(key, *inside, **files), headers=HTML))

    def page(self, key: str, *replies: Any) -> None:
        self.server.serve(f"/drive.google.com/embeddedfolderview?id={key}", *replies)

    def file(self, key: str, *replies: Any) -> None:
        self.server.serve(f"/drive.google.com/uc?id={key}", *replies)

    def whole(self, content: bytes = CONTENT) -> Any:
        return self.server.Reply(content, headers=ATTACHED)

    def asked(self, part: str) -> int:
        return sum(part in path for path in self.server.requests)


@pytest.fixture
def google(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drive]:
    """Drive with the folders of one set, which holds one file of no agreed name."""
    reroute(monkeypatch, server)
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)  # how long gdown waits
    drive._listing.cache_clear()
    fake = Drive(server)
    fake.folder(ROOT, SETS)
    fake.folder(SETS, ONE, TEN)
    fake.folder(ONE, **{FIRST: "best_checkpoint"})
    fake.folder(TEN, **{SECOND: "checkpoint_500000"})
    fake.file(FIRST, fake.whole())
    fake.file(SECOND, fake.whole(CONTENT[::-1]))
    yield fake
    drive._listing.cache_clear()


def get(folder: Path, url: str = URL) -> Path:
    out = folder / "out" / "file.bin"
    file = UpstreamFile(url=url)
    assert fetch_file(file, out, mirrors=(), cache=None).kind is PlaceKind.NETWORK
    return out


def fails(folder: Path, names: Names, url: str = URL) -> str:
    with pytest.raises(FetchError) as caught:
        get(folder, url)
    text = str(caught.value)
    assert "\n" not in text
    assert f"network {url} (" in text
    assert names(folder) == []
    assert list(folder.glob("out/*/")) == []
    return text


def test_only_file_of_a_nested_folder_whatever_its_name(
    google: Drive, tmp_path: Path, left_in: Names
) -> None:
    assert get(tmp_path).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["out/file.bin"]
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == []


def test_folders_are_listed_once_for_all_files(google: Drive, tmp_path: Path) -> None:
    assert get(tmp_path / "a").read_bytes() == CONTENT
    other = f"{FOLDER}/cifar100/ipc10_llTrue/checkpoint"
    assert get(tmp_path / "b", other).read_bytes() == CONTENT[::-1]
    assert google.asked("embeddedfolderview") == 4


def test_exact_name_wins(google: Drive, tmp_path: Path) -> None:
    google.folder(ONE, **{SECOND: "log.txt", FIRST: "checkpoint"})
    assert get(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (
            {FIRST: "b.ckpt", SECOND: "a.ckpt"},
            "a.ckpt, b.ckpt",
        ),
        ({}, "no file"),
    ],
    ids=["several", "none"],
)
def test_file_that_cannot_be_told_is_named(
    google: Drive, tmp_path: Path, left_in: Names, entries: dict[str, str], told: str
) -> None:
    google.folder(ONE, **entries)
    expected = f"(the shared folder holds {told} in cifar100/ipc1_llTrue, not checkpoint)"
    assert expected in fails(tmp_path, left_in)


def test_large_file_is_confirmed(google: Drive, server: Any, tmp_path: Path) -> None:
    google.file(FIRST, server.Reply(CONFIRM, headers=HTML))
    query = urlencode({"id": FIRST, "confirm": "t"})
    server.serve(f"/drive.usercontent.google.com/download?{query}", google.whole())
    assert get(tmp_path).read_bytes() == CONTENT


def test_used_up_quota_is_told_with_what_to_do(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    google.file(FIRST, server.Reply(QUOTA, headers=HTML))
    text = fails(tmp_path, left_in)
    assert "Google Drive refuses for now (its quota of downloads" in text
    assert "try again in a day, or download it by hand in a browser" in text
    assert f"https://drive.google.com/uc?id={FIRST}" in text
    assert "set CROSSARCH_MIRROR to a directory that holds drive.google.com/drive/folders/" in text
    google.file(FIRST, google.whole())
    assert get(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [200, 403, 429])
def test_sign_in_page_in_place_of_the_file(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, status: int
) -> None:
    page = b"<!doctype html><html><head><title>Google Drive: Sign-in</title></head></html>"
    google.file(FIRST, server.Reply(page, status=status, headers=HTML))
    assert "download it by hand in a browser" in fails(tmp_path, left_in)


@pytest.mark.parametrize("status", [404, 403, 500])
def test_folder_page_that_is_refused(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, status: int
) -> None:
    google.page(SETS, server.Reply(b"no", status=status))
    assert f"(status code {status})" in fails(tmp_path, left_in)
    assert google.asked("/uc") == 0
    google.folder(SETS, ONE)
    assert get(tmp_path).read_bytes() == CONTENT  # what failed is not remembered


def test_folder_page_of_another_structure(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    google.page(ROOT, server.Reply(b"<html><body>new!</body></html>", headers=HTML))
    assert "The page structure may have changed" in fails(tmp_path, left_in)


@pytest.mark.parametrize(
    "reply", [{"reset": True}, {"body": b"<html>", "length": 999}], ids=["reset", "cut"]
)
def test_folder_page_is_asked_for_again(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, reply: dict[str, Any]
) -> None:
    page = server.Reply(folder_page(ONE, **{FIRST: "checkpoint"}), headers=HTML)
    broken = server.Reply(**reply, headers=HTML)
    google.page(ONE, broken, broken, page)
    assert get(tmp_path).read_bytes() == CONTENT
    drive._listing.cache_clear()
    google.page(ONE, broken)
    (tmp_path / "out/file.bin").unlink()
    assert "Google Drive: " in fails(tmp_path, left_in)


def test_cut_file_goes_on(google: Drive, server: Any, tmp_path: Path, left_in: Names) -> None:
    marks = {**ATTACHED, "ETag": '"one"'}
    cut = server.Reply(CONTENT, sent=700_000, headers=marks, ranges=True)
    google.file(FIRST, cut, server.Reply(CONTENT, headers=marks, ranges=True))
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.headers[-1]["Range"].startswith("bytes=")
    assert left_in(tmp_path) == ["out/file.bin"]


def test_file_that_is_always_cut_leaves_nothing(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    google.file(FIRST, server.Reply(CONTENT, sent=300_000, headers=ATTACHED))
    text = fails(tmp_path, left_in)
    assert "(Google Drive: Download is incomplete: received " in text
    assert ".part" not in text  # no hint to what was removed


def test_server_that_forgets_the_kind_of_its_answer(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    google.file(FIRST, server.Reply(CONTENT))  # gdown relies on a Content-Type
    assert "gdown does not understand the answer (KeyError: 'content-type')" in fails(tmp_path, left_in)


def test_form_of_another_structure(google: Drive, server: Any, tmp_path: Path, left_in: Names) -> None:
    google.file(FIRST, server.Reply(b'<html><form id="download-form"></form></html>', headers=HTML))
    assert "gdown does not understand the answer (KeyError: 'action')" in fails(tmp_path, left_in)


def test_wrong_bytes_from_drive_are_refused(google: Drive, tmp_path: Path, left_in: Names) -> None:
    out = tmp_path / "out/file.bin"
    with pytest.raises(FetchError, match="expected md5"):
        fetch_file(UpstreamFile(url=URL, md5="0" * 32), out, mirrors=(), cache=None)
    assert left_in(tmp_path) == []


def test_size_of_a_drive_file_is_not_asked_for(google: Drive, tmp_path: Path) -> None:
    from crossarch.fetch.listing import list_files

    files = {"set": UpstreamFile(url=URL)}
    (listed,) = list_files(files, downloads=tmp_path, mirrors=(), cache=None)
    assert (listed.kind, listed.size, listed.checks) == (PlaceKind.NETWORK, None, ())
    assert json.dumps(google.server.requests) == "[]"
