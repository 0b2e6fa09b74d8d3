"""Locks between processes that end with whoever holds them, however that ends."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from crossarch.errors import warn

_WITHOUT_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock of the file `path`; `on_wait` is called before another process is waited for.

    On a file system without `flock` (Lustre that is mounted without it) there is no such lock: a
    warning says so, and nothing is held. A file that merely lies there would outlive a holder that is
    killed, and on another node nobody could tell. The folder of `path` is created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire()
    except OSError as error:
        if error.errno not in _WITHOUT_FLOCK:
            raise
        warn(f"{path}: its file system has no locks; see that no other process does the same")
    try:
        yield
    finally:
        lock.release()
