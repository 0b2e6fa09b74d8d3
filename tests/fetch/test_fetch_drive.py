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
from crossarch.fetch import transfer
from crossarch.fetch.download import fetch_file
from crossarch.fetch.places import list_files

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
    transfer._listing.cache_clear()
    fake = Drive(server)
    fake.folder(ROOT, SETS)
    fake.folder(SETS, ONE, TEN)
    fake.folder(ONE, **{FIRST: "best_checkpoint"})
    fake.folder(TEN, **{SECOND: "checkpoint_500000"})
    fake.file(FIRST, fake.whole())
    fake.file(SECOND, fake.whole(CONTENT[::-1]))
    yield fake
    transfer._listing.cache_clear()


def get(folder: Path, url: str = URL) -> Path:
    out = folder / "out" / "file.bin"
    file = UpstreamFile(url=url)
    assert fetch_file(file, out, mirrors=(), cache=None).kind == "network"
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


@pytest.mark.parametrize(
    "link",
    [
        f"https://drive.google.com/file/d/{FIRST}/view?usp=sharing",
        f"https://drive.google.com/file/d/{FIRST}/view",
        f"https://drive.google.com/uc?id={FIRST}",
        f"https://drive.google.com/uc?export=download&id={FIRST}",
        f"https://drive.google.com/open?id={FIRST}",
    ],
)
def test_link_of_a_single_file(google: Drive, tmp_path: Path, link: str) -> None:
    assert get(tmp_path, link).read_bytes() == CONTENT


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
    expected = f"found {told} in cifar100/ipc1_llTrue of the shared folder, expected checkpoint"
    assert f"({expected})" in fails(tmp_path, left_in)


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
    assert "Too many users have viewed or downloaded this file recently" in text
    assert "try again in a day (Google limits downloads), or set CROSSARCH_MIRROR to " in text
    assert f"https://drive.google.com/uc?id={FIRST}" in text
    google.file(FIRST, google.whole())
    assert get(tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [200, 403, 429])
def test_sign_in_page_in_place_of_the_file(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, status: int
) -> None:
    page = b"<!doctype html><html><head><title>Google Drive: Sign-in</title></head></html>"
    google.file(FIRST, server.Reply(page, status=status, headers=HTML))
    assert "try again in a day" in fails(tmp_path, left_in)


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
def test_folder_page_that_breaks_off(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, reply: dict[str, Any]
) -> None:
    google.page(ONE, server.Reply(**reply, headers=HTML))
    assert "try again in a day" in fails(tmp_path, left_in)
    google.folder(ONE, **{FIRST: "checkpoint"})
    assert get(tmp_path).read_bytes() == CONTENT


def test_file_that_breaks_off_is_tried_again(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    cut = server.Reply(CONTENT, sent=0, headers=ATTACHED)
    google.file(FIRST, server.Reply(reset=True), cut, google.whole())
    assert get(tmp_path).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["out/file.bin"]


def test_file_that_is_always_cut_leaves_nothing(
    google: Drive, server: Any, tmp_path: Path, left_in: Names
) -> None:
    google.file(FIRST, server.Reply(CONTENT, sent=300_000, headers=ATTACHED))
    text = fails(tmp_path, left_in)
    assert "(DownloadError: Download is incomplete: received " in text
    assert "kept in" not in text  # no hint to what was removed


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"body": CONTENT}, "(KeyError: 'content-type')"),
        (
            {"body": b'<html><form id="download-form"></form></html>', "headers": HTML},
            "(KeyError: 'action')",
        ),
    ],
    ids=["no content type", "another form"],
)
def test_answer_that_gdown_does_not_understand(
    google: Drive, server: Any, tmp_path: Path, left_in: Names, reply: dict[str, Any], told: str
) -> None:
    google.file(FIRST, server.Reply(**reply))
    assert told in fails(tmp_path, left_in)


def test_wrong_bytes_from_drive_are_refused(google: Drive, tmp_path: Path, left_in: Names) -> None:
    out = tmp_path / "out/file.bin"
    with pytest.raises(FetchError, match="found md5 "):
        fetch_file(UpstreamFile(url=URL, md5="0" * 32), out, mirrors=(), cache=None)
    assert left_in(tmp_path) == []


def test_listing_asks_nobody(google: Drive, tmp_path: Path) -> None:
    files = {"set": UpstreamFile(url=URL)}
    (listed,) = list_files(files, downloads=tmp_path, mirrors=(), cache=None)
    assert (listed.kind, listed.size, listed.checks) == ("network", None, ())
    assert json.dumps(google.server.requests) == "[]"
