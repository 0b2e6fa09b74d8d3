"""Pages in place of a file: told for what they are, with what to do, never stored."""

import re
from pathlib import Path
from typing import Any

import pytest
from fetching import CONTENT, QUOTA, Names, Pin, fails, get

from crossarch.config.files import UpstreamFile
from crossarch.fetch.pages import is_page, reason_of_page

SIGN_IN = b"""<!doctype html><html lang="en"><head><title>Google Drive: Sign-in</title></head>
<body><form>One account. <input type="submit" value="Next"></form></body></html>"""
PORTAL = b"""\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html><head><title>Guest &amp; visitor
  Wi-Fi</title></head><body>Please log in to use this network.</body></html>"""
SCANNED = b"""<html><head><title>Google Drive - Virus scan warning</title></head><body>
Google Drive can't scan this file for viruses.</body></html>"""
MISSING = b"""<!DOCTYPE html><html><head><title>Page not found</title></head>
<body><a href="/login">Sign in</a> There is nothing here.</body></html>"""

OCTETS = {"Content-Type": "application/octet-stream"}
HTML = {"Content-Type": "text/html; charset=utf-8"}

CASES = {
    "quota": (
        QUOTA,
        "Google Drive - Quota exceeded",
        "quota for this file is used up.*try again in a day",
    ),
    "sign-in": (SIGN_IN, "Google Drive: Sign-in", "asks to sign in, so the file is not shared with all"),
    "portal": (PORTAL, "Guest & visitor Wi-Fi", "the network here .*open a page in a browser"),
    "scan": (
        SCANNED,
        "Google Drive - Virus scan warning",
        "asks to confirm a file too large to be scanned",
    ),
}


@pytest.mark.parametrize("headers", [HTML, OCTETS, {}], ids=["html", "octets", "untyped"])
@pytest.mark.parametrize(("page", "title", "told"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "unpinned"])
def test_page_is_told_for_what_it_is(
    server: Any,
    pinned: Pin,
    tmp_path: Path,
    left_in: Names,
    headers: dict[str, str],
    page: bytes,
    title: str,
    told: str,
    is_pinned: bool,
) -> None:
    url = server.serve("/f.bin", server.Reply(page, headers=headers))
    file = pinned(url, CONTENT) if is_pinned else UpstreamFile(url=url)
    text = fails(file, tmp_path, left_in)
    assert f"the server sent an HTML page instead of the file ({title!r}): " in text
    assert re.search(told, text)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 503])
def test_page_in_a_refusal_is_read(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, status: int
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(QUOTA, status=status, headers=HTML)), CONTENT)
    text = fails(file, tmp_path, left_in)
    assert f"(HTTP {status} " in text
    assert "download quota for this file is used up for now; try again in a day" in text


def test_absent_file_is_not_told_to_be_a_matter_of_signing_in(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(MISSING, status=404, headers=HTML)), CONTENT)
    text = fails(file, tmp_path, left_in)
    assert "(HTTP 404 Not Found" in text
    assert "sign in" not in text.lower()


def test_page_that_breaks_off_or_hangs_in_a_refusal_is_still_one_line(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    cut = server.Reply(QUOTA, status=403, headers=HTML, length=10**6, reset=True)
    file = pinned(server.serve("/f.bin", cut), CONTENT)
    assert "(HTTP 403 Forbidden" in fails(file, tmp_path, left_in)


def test_page_after_a_transfer_that_broke_off_is_not_appended(
    server: Any, pinned: Pin, tmp_path: Path
) -> None:
    mark = {"ETag": '"one"'}
    cut = server.Reply(CONTENT, sent=300_000, headers=mark, ranges=True)
    file = pinned(server.serve("/f.bin", cut, server.Reply(QUOTA, headers=OCTETS)), CONTENT)
    with pytest.raises(Exception, match="HTML page") as caught:
        get(file, tmp_path)
    assert "\n" not in str(caught.value)
    server.serve("/f.bin", server.Reply(CONTENT, headers=mark, ranges=True))
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert server.headers[-1]["Range"] == "bytes=300000-"  # what had come was kept


@pytest.mark.parametrize(
    "start", [b"<!doctype HTML>", b"\n\n <html>", b"<head>", b"<script>", b"<META charset=x>", b"<body>"]
)
def test_beginnings_of_pages(start: bytes) -> None:
    assert is_page(start + b"...")


@pytest.mark.parametrize(
    "start",
    [b"", b"\x80\x02}", b"PK\x03\x04", b"\x93NUMPY", b"html", b"<", b"<?xml version='1.0'?><svg>"],
)
def test_beginnings_of_files(start: bytes) -> None:
    assert not is_page(start)


def test_unknown_page_is_told_by_its_title_in_one_line() -> None:
    long = "x" * 500
    text = reason_of_page(f"<html><title>\n a\t&lt;b&gt; {long}</title>\xff".encode("latin-1"))
    assert text.startswith("the server sent an HTML page instead of the file ('a <b> xxx")
    assert text.endswith("a login, quota or error page?")
    assert "\n" not in text
    assert len(text) < 200
