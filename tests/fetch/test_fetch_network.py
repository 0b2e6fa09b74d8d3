"""What servers do wrong: the right bytes arrive in the end, or one line tells why not."""

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import requests
from fetching import CONTENT, QUOTA, Names, Pin, fails, get
from requests.adapters import BaseAdapter

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch import transfer
from crossarch.fetch.checks import CHUNK_BYTES
from crossarch.fetch.transfer import page_title

OTHER = CONTENT[::-1]
TAMPERED = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
OCTETS = {"Content-Type": "application/octet-stream"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
SIGN_IN = b"""<!doctype html><html lang="en"><head><title>Google Drive: Sign-in</title></head>
<body><form>One account. <input type="submit" value="Next"></form></body></html>"""
PORTAL = b"""\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html><head><title>Guest &amp; visitor
  Wi-Fi</title></head><body>Please log in to use this network.</body></html>"""


def test_good_file_arrives(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["out/file.bin"]
    assert server.headers[0]["User-Agent"].startswith("crossarch/")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (b"", {}),
        (b"whatever", {"length": None}),
        (b"\x1f\x8bnot decoded", {"headers": {"Content-Encoding": "gzip"}}),
    ],
    ids=["empty", "no length", "called gzip"],
)
@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "unpinned"])
def test_bytes_arrive_as_they_were_sent(
    server: Any, pinned: Pin, tmp_path: Path, content: bytes, options: dict[str, Any], is_pinned: bool
) -> None:
    url = server.serve("/f.tar.gz", server.Reply(content, **options))
    file = pinned(url, content) if is_pinned else UpstreamFile(url=url)
    assert get(file, tmp_path).read_bytes() == content


@pytest.mark.parametrize(
    "broken",
    [
        {"body": b"oops", "status": 500},
        {"reset": True},
        {"body": CONTENT, "sent": 300_000},
        {"body": CONTENT, "sent": 300_000, "reset": True},
        {"body": CONTENT, "sent": 0},
        {"body": CONTENT, "sent": 5, "length": None},
        {"body": OTHER, "sent": 300_000},
    ],
    ids=["500", "reset at once", "cut", "reset", "cut at 0", "cut, no length", "another version, cut"],
)
def test_what_may_succeed_later_is_tried_again(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, broken: dict[str, Any]
) -> None:
    bad = server.Reply(**broken)
    file = pinned(server.serve("/f.bin", bad, bad, server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3
    assert left_in(tmp_path) == ["out/file.bin"]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"body": b"oops", "status": 503}, "(HTTP 503 Service Unavailable)"),
        ({"body": CONTENT, "sent": 300_000}, "IncompleteRead(300000 bytes read, 748576 more expected)"),
        ({"body": CONTENT, "sent": 0}, "IncompleteRead(0 bytes read, 1048576 more expected)"),
        ({"body": CONTENT, "sent": 0, "length": None}, "IncompleteRead(0 bytes read"),
        ({"body": CONTENT, "sent": 300_000, "reset": True}, "Connection reset by peer"),
        ({"reset": True}, "Connection reset by peer"),
    ],
)
def test_what_never_succeeds_is_given_up(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, broken: dict[str, Any], told: str
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(**broken)), CONTENT)
    assert told in fails(file, tmp_path, left_in)
    assert len(server.requests) == 1 + transfer.RETRIES


def test_truncation_is_found_without_pins(server: Any, tmp_path: Path, left_in: Names) -> None:
    file = UpstreamFile(url=server.serve("/f.bin", server.Reply(CONTENT, length=len(CONTENT) + 1)))
    assert "IncompleteRead" in fails(file, tmp_path, left_in)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"status": 404}, "(HTTP 404 Not Found)"),
        ({"status": 403, "body": QUOTA, "length": 10**6, "reset": True}, "(HTTP 403 Forbidden)"),
        ({"status": 206, "body": CONTENT}, "(HTTP 206 Partial Content)"),
        ({"body": b"short"}, "(found 5 bytes, expected 1048576)"),
        ({"body": TAMPERED}, "(found sha256 "),
        ({"status": 302, "headers": {"Location": "http://[bad"}}, "(ValueError: Invalid IPv6 URL)"),
        ({"status": 302, "headers": {"Location": "file:///etc/passwd"}}, "(InvalidSchema: "),
    ],
)
def test_what_is_wrong_is_refused_at_once(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, reply: dict[str, Any], told: str
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(**reply)), CONTENT)
    assert told in fails(file, tmp_path, left_in)
    assert server.requests == ["/f.bin"]


def test_endless_answer_is_stopped(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    gate = threading.Event()
    endless = server.Reply(CONTENT, length=None, sent=len(CONTENT) - 1, gate=gate)
    text = fails(pinned(server.serve("/f.bin", endless), b"short"), tmp_path, left_in)
    gate.set()
    assert f"(found {CHUNK_BYTES} bytes, expected 5)" in text  # no more was read


@pytest.mark.parametrize(("asked", "waited"), [("1", 1), ("86400", 60)])
def test_retry_after_is_waited_for_but_no_day(
    server: Any,
    pinned: Pin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    waited: float,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    busy = server.Reply(status=429, headers={"Retry-After": asked})
    file = pinned(server.serve("/f.bin", busy, server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert waits == [waited]


def test_nobody_listens(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.url("/f.bin"), CONTENT)
    server.close()
    assert "Connection refused" in fails(file, tmp_path, left_in)


def test_silent_server_runs_into_the_time_out(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", (0.1, 0.1))
    gate = threading.Event()
    silent = server.Reply(CONTENT, sent=300_000, gate=gate)
    text = fails(pinned(server.serve("/f.bin", silent), CONTENT), tmp_path, left_in)
    gate.set()
    assert "Read timed out" in text


@pytest.mark.parametrize("headers", [HTML, OCTETS, {}], ids=["html", "octets", "untyped"])
@pytest.mark.parametrize("is_pinned", [True, False], ids=["pinned", "unpinned"])
@pytest.mark.parametrize(
    ("page", "title"),
    [
        (QUOTA, "Google Drive - Quota exceeded"),
        (SIGN_IN, "Google Drive: Sign-in"),
        (PORTAL, "Guest & visitor Wi-Fi"),
    ],
    ids=["quota", "sign-in", "portal"],
)
def test_page_is_told_by_its_title(
    server: Any,
    pinned: Pin,
    tmp_path: Path,
    left_in: Names,
    headers: dict[str, str],
    page: bytes,
    title: str,
    is_pinned: bool,
) -> None:
    url = server.serve("/f.bin", server.Reply(page, headers=headers))
    file = pinned(url, CONTENT) if is_pinned else UpstreamFile(url=url)
    assert f"(found an HTML page ({title!r}), expected a file; " in fails(file, tmp_path, left_in)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "start", [b"<!doctype HTML>", b"\n\n <html>", b"<head>", b"<script>", b"<META charset=x>", b"<body>"]
)
def test_beginnings_of_pages(start: bytes) -> None:
    assert page_title(start + b"...") == ""


@pytest.mark.parametrize(
    "start",
    [b"", b"\x80\x02}", b"PK\x03\x04", b"\x93NUMPY", b"html", b"<", b"<?xml version='1.0'?><svg>"],
)
def test_beginnings_of_files(start: bytes) -> None:
    assert page_title(start) is None


def test_title_is_one_short_line() -> None:
    title = page_title(f"<html><title>\n a\t&lt;b&gt; {'x' * 500}</title>\xff".encode("latin-1"))
    assert title == f"a <b> {'x' * 74}"


def test_redirects_are_followed(server: Any, pinned: Pin, tmp_path: Path) -> None:
    url = server.serve("/a/f.bin", server.Reply(status=302, headers={"Location": "../b"}))
    server.serve("/b", server.Reply(status=307, headers={"Location": server.url("/c")}))
    server.serve("/c", server.Reply(CONTENT))
    assert get(pinned(url, CONTENT), tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/a/f.bin", "/b", "/c"]


def test_endless_redirects_are_refused(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    url = server.serve("/f.bin", server.Reply(status=301, headers={"Location": "/f.bin"}))
    assert "(TooManyRedirects: " in fails(pinned(url, CONTENT), tmp_path, left_in)


def test_redirect_from_https_to_http_is_never_asked_for(
    server: Any, pinned: Pin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Downgrading(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            response = requests.Response()
            response.status_code = 302
            response.headers["Location"] = server.serve("/f.bin", server.Reply(CONTENT))
            response.request = request
            response.url = str(request.url)
            return response

        def close(self) -> None:
            pass

    real = requests.Session.get_adapter

    def adapter(session: requests.Session, url: str) -> Any:
        return Downgrading() if url.startswith("https:") else real(session, url)

    monkeypatch.setattr(requests.Session, "get_adapter", adapter)
    with pytest.raises(FetchError, match=f"found a redirect from https to http://{server.host}"):
        get(pinned("https://example.org/f.bin", CONTENT), tmp_path)
    assert server.requests == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_unknown_certificate_is_refused(
    server: Any, pinned: Pin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    server.encrypt(certificate, key)
    url = server.serve("/f.bin", server.Reply(CONTENT)).replace("http:", "https:")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(FetchError, match="certificate verify failed"):
        get(pinned(url, CONTENT), tmp_path)
    assert server.requests == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))  # the same server, now trusted
    assert get(pinned(url, CONTENT), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_asked_for_the_whole_address(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, f"http://{server.host}")
    url = "http://files.example.invalid/a/f.bin"
    server.serve(url, server.Reply(CONTENT))
    assert get(UpstreamFile(url=url), tmp_path / "a").read_bytes() == CONTENT
    assert server.requests == [url]
    monkeypatch.setenv("NO_PROXY", "files.example.invalid")
    with pytest.raises(FetchError, match="no place has the right file"):
        get(UpstreamFile(url=url), tmp_path / "b")
    assert server.requests == [url]


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_bar_only_on_a_terminal(
    server: Any,
    pinned: Pin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    file = pinned(server.serve("/f%5Bx%5D.bin", server.Reply(CONTENT)), CONTENT)
    get(file, tmp_path)
    captured = capsys.readouterr()
    assert ("f[x].bin" in captured.err) is terminal
    assert captured.out == ""
