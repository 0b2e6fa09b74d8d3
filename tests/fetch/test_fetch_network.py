"""What servers do wrong, and what the user is told; all on the loopback interface."""

import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from fetching import CONTENT, Names, Pin, fails, get
from requests.adapters import BaseAdapter

from crossarch.config.files import UpstreamFile
from crossarch.errors import FetchError
from crossarch.fetch import transfer
from crossarch.fetch.transfer import TransferError, check_redirect, make_session


def test_good_file_arrives(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert left_in(tmp_path) == ["out/file.bin"]
    assert server.headers[0]["User-Agent"].startswith("crossarch/")


def test_file_without_any_pin_is_accepted(server: Any, tmp_path: Path) -> None:
    file = UpstreamFile(url=server.serve("/f.bin", server.Reply(b"whatever", length=None)))
    assert get(file, tmp_path).read_bytes() == b"whatever"


def test_empty_file_arrives(server: Any, pinned: Pin, tmp_path: Path) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(b"")), b"")
    assert get(file, tmp_path).read_bytes() == b""


def test_gzip_encoding_is_left_as_it_was_sent(server: Any, pinned: Pin, tmp_path: Path) -> None:
    reply = server.Reply(b"\x1f\x8bnot decoded", headers={"Content-Encoding": "gzip"})
    file = pinned(server.serve("/f.tar.gz", reply), reply.body)
    assert get(file, tmp_path).read_bytes() == reply.body


def test_not_found(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    text = fails(pinned(server.url("/absent.bin"), CONTENT), tmp_path, left_in)
    assert "(HTTP 404 Not Found)" in text
    assert server.requests == ["/absent.bin"]


def test_server_error_is_tried_again(server: Any, pinned: Pin, tmp_path: Path) -> None:
    bad = server.Reply(b"oops", status=500)
    file = pinned(server.serve("/f.bin", bad, bad, server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_lasting_server_error_is_told(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(b"oops", status=503)), CONTENT)
    assert "(HTTP 503 Service Unavailable)" in fails(file, tmp_path, left_in)
    assert len(server.requests) == 1 + transfer.REQUEST_RETRIES


def test_retry_after_is_waited_for(server: Any, pinned: Pin, tmp_path: Path) -> None:
    busy = server.Reply(status=429, headers={"Retry-After": "1"})
    file = pinned(server.serve("/f.bin", busy, server.Reply(CONTENT)), CONTENT)
    start = time.monotonic()
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert 1 <= time.monotonic() - start < 5
    assert len(server.requests) == 2


def test_retry_after_of_a_day_is_cut(
    server: Any, pinned: Pin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    busy = server.Reply(status=429, headers={"Retry-After": "86400"})
    file = pinned(server.serve("/f.bin", busy, server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert waits == [60.0]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_truncated_transfer_is_begun_anew(server: Any, pinned: Pin, tmp_path: Path, reset: bool) -> None:
    cut = server.Reply(CONTENT, sent=300_000, reset=reset)
    file = pinned(server.serve("/f.bin", cut, cut, server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_transfer_that_always_breaks_off_is_an_error(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT, sent=300_000)), CONTENT)
    text = fails(file, tmp_path, left_in)
    assert "the transfer broke off" in text
    assert "(attempt 3 of 3)" in text
    assert len(server.requests) == 3


def test_truncation_is_found_without_pins(server: Any, tmp_path: Path, left_in: Names) -> None:
    file = UpstreamFile(url=server.serve("/f.bin", server.Reply(CONTENT, length=len(CONTENT) + 1)))
    assert "the transfer broke off" in fails(file, tmp_path, left_in)


def test_truncation_is_found_without_content_length(server: Any, pinned: Pin, tmp_path: Path) -> None:
    cut = server.Reply(CONTENT, sent=5, length=None)
    file = pinned(server.serve("/f.bin", cut, server.Reply(CONTENT, length=None)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_other_announced_length_is_refused_at_once(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(b"short")), CONTENT)
    text = fails(file, tmp_path, left_in)
    assert f"expected {len(CONTENT)} bytes, the server announces 5" in text
    assert len(server.requests) == 1


def test_endless_answer_is_stopped(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(CONTENT, length=None)), b"short")
    assert "expected 5 bytes, the server sends more" in fails(file, tmp_path, left_in)


def test_reset_before_the_answer_is_tried_again(server: Any, pinned: Pin, tmp_path: Path) -> None:
    file = pinned(server.serve("/f.bin", server.Reply(reset=True), server.Reply(CONTENT)), CONTENT)
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_nobody_listens(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    file = pinned(server.url("/f.bin"), CONTENT)
    server.close()
    assert "Connection refused" in fails(file, tmp_path, left_in)


def test_silent_server_runs_into_the_time_out(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "READ_SECONDS", 0.1)
    gate = threading.Event()
    silent = server.Reply(CONTENT, sent=300_000, gate=gate)
    text = fails(pinned(server.serve("/f.bin", silent), CONTENT), tmp_path, left_in)
    gate.set()
    assert "Read timed out" in text


def test_tampered_bytes_are_refused(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    tampered = bytes([CONTENT[0] ^ 1]) + CONTENT[1:]
    file = pinned(server.serve("/f.bin", server.Reply(tampered)), CONTENT)
    found = pinned(file.url, tampered).sha256
    text = fails(file, tmp_path, left_in)
    assert f"(expected sha256 {file.sha256}, found {found})" in text
    assert len(server.requests) == 1


def test_html_page_is_called_what_it_is(
    server: Any, pinned: Pin, tmp_path: Path, left_in: Names
) -> None:
    page = server.Reply(b"<html>log in</html>", headers={"Content-Type": "Text/HTML; charset=x"})
    text = fails(pinned(server.serve("/f.bin", page), CONTENT), tmp_path, left_in)
    assert "the server sent an HTML page instead of the file" in text
    wanted = pinned(server.serve("/page.html", page), page.body)
    assert get(wanted, tmp_path).read_bytes() == page.body


def test_redirects_are_followed(server: Any, pinned: Pin, tmp_path: Path) -> None:
    file = pinned(
        server.serve("/a/f.bin", server.Reply(status=302, headers={"Location": "../b"})), CONTENT
    )
    server.serve("/b", server.Reply(status=307, headers={"Location": server.url("/c")}))
    server.serve("/c", server.Reply(CONTENT))
    assert get(file, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/a/f.bin", "/b", "/c"]


def test_endless_redirects_are_refused(server: Any, pinned: Pin, tmp_path: Path, left_in: Names) -> None:
    url = server.serve("/f.bin", server.Reply(status=301, headers={"Location": "/f.bin"}))
    assert "more than 10 redirects" in fails(pinned(url, CONTENT), tmp_path, left_in)
    assert len(server.requests) == 11


def test_check_redirect() -> None:
    assert check_redirect("https://a/x", "/y") == "https://a/y"
    assert check_redirect("http://a/x", "https://b/y") == "https://b/y"
    assert check_redirect("http://a/x", "http://b/y") == "http://b/y"
    for location in ("http://a/x", "HTTP://b/x", "file:///etc/passwd", "http://[bad"):
        with pytest.raises(TransferError, match="a redirect"):
            check_redirect("https://a/x", location)
    with pytest.raises(TransferError, match="from http to file is refused"):
        check_redirect("http://a/x", "file:///etc/passwd")


def test_redirect_from_https_to_http_is_never_asked_for(
    server: Any, pinned: Pin, tmp_path: Path
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

    session = make_session()
    session.mount("https://", Downgrading())
    with pytest.raises(FetchError, match="a redirect from https to http is refused"):
        get(pinned("https://example.org/f.bin", CONTENT), tmp_path, session=session)
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
