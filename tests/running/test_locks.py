"""Locks between processes, also where the file system has none."""

import errno
import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossarch.locks import locked

SECONDS = 60


def hold(path: Path, begun: Any) -> None:
    with locked(path):
        begun.set()
        signal.pause()


@pytest.fixture
def holder(tmp_path: Path) -> Any:
    """A process that holds the lock of `tmp_path / "lock"`."""
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "lock", begun))
    process.start()
    assert begun.wait(SECONDS)
    yield process
    process.kill()
    process.join()


def test_a_lock_ends_with_a_holder_that_is_killed(holder: Any, tmp_path: Path) -> None:
    def kill() -> None:
        waited.append(holder.pid)
        os.kill(holder.pid, signal.SIGKILL)

    waited: list[int] = []
    with locked(tmp_path / "lock", kill):
        assert waited == [holder.pid]


def test_nobody_is_waited_for_where_nobody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    for _ in range(2):
        with locked(path, lambda: pytest.fail("waits")):
            assert path.exists()


def without_flock(number: int) -> Callable[..., None]:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return flock


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_flock_nothing_is_held_and_a_warning_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """Two at once, then: none waits for a file that another left there."""
    monkeypatch.setattr(fcntl, "flock", without_flock(number))
    path = tmp_path / "lock"
    with locked(path), locked(path):
        warnings = capsys.readouterr().err.splitlines()
    told = f"crossarch: warning: {path}: its file system has no locks; "
    assert [warning.startswith(told) for warning in warnings] == [True, True]


def test_another_error_of_the_file_system_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", without_flock(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"), locked(tmp_path / "lock"):
        pass
