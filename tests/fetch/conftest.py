"""A loopback HTTP server that misbehaves on demand; nothing here talks to another machine."""

import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fetching import Finished

from crossarch import cli
from crossarch.config.files import UpstreamFile
from crossarch.fetch import transfer


@dataclass
class Answer:
    """One answer; `sent` limits the bytes of `body` that are sent, `gate` is waited for after."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1  # -1: that of the body; None: no Content-Length
    sent: int | None = None
    reset: bool = False  # end with a TCP reset rather than an orderly close
    gate: threading.Event | None = None


class Loopback:
    """`serve` the replies for a path (the last one is repeated); `requests` are the paths asked."""

    Reply = Answer

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._replies: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def serve(self, path: str, *replies: Answer) -> str:
        self._replies[path] = list(replies)
        return self.url(path)

    def encrypt(self, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.requests.append(handler.path)
            self.headers.append(dict(handler.headers))
            queue = self._replies.get(handler.path, [Answer(status=404)])
            reply = queue.pop(0) if len(queue) > 1 else queue[0]
        try:
            if reply.reset and not reply.body:
                return self._reset(handler)
            handler.send_response(reply.status)
            for name, value in reply.headers.items():
                handler.send_header(name, value)
            length = len(reply.body) if reply.length == -1 else reply.length
            if length is not None:
                handler.send_header("Content-Length", str(length))
            handler.end_headers()
            handler.wfile.write(reply.body[: reply.sent])
            handler.wfile.flush()
            if reply.gate is not None:
                reply.gate.wait(20)
                handler.wfile.write(reply.body[reply.sent :] if reply.sent else b"")
            if reply.reset:
                self._reset(handler)
        except OSError:
            pass  # the client gave up, as some tests want

    @staticmethod
    def _reset(handler: BaseHTTPRequestHandler) -> None:
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback()
    yield loopback
    loopback.close()


@pytest.fixture(autouse=True)
def short_waits_and_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def pinned() -> Callable[[str, bytes], UpstreamFile]:
    """Describe `content` at `url`, with every check there is."""

    def describe(url: str, content: bytes) -> UpstreamFile:
        return UpstreamFile(
            url=url,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            git_blob=hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            md5=hashlib.md5(content).hexdigest(),
        )

    return describe


@pytest.fixture
def left_in() -> Callable[[Path], list[str]]:
    """Name the files in a folder, but for lock files, which stay for the next writer."""

    def names(folder: Path) -> list[str]:
        return sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.endswith(".lock")
        )

    return names


@pytest.fixture
def crossarch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Finished]:
    """The command line, run in `tmp_path` with nothing of this machine's mirrors and caches."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for variable in ("CROSSARCH_MIRROR", "CROSSARCH_DATA", "CROSSARCH_RESULTS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CROSSARCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> Finished:
        monkeypatch.setattr("sys.argv", ["crossarch", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.run()
        captured = capsys.readouterr()
        return Finished(int(end.value.code or 0), captured.out, captured.err)

    return run
