"""The state of unfinished work, so that what was killed goes on from where it was.

States lie in a folder named after the hash of the resolved settings, so that nothing ever picks up
another's. The last two are kept: a damaged one is recognised and the one before it is used.
"""

import errno
import hashlib
import json
import os
import platform
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from crossarch.config.model import Resolved
from crossarch.data.store import load_pt
from crossarch.digests import stage_digest
from crossarch.errors import Interrupted, warn
from crossarch.files import atomic_path
from crossarch.locks import locked
from crossarch.running.stop import StopRequest

KEPT = 2
SAVE_EVERY = 120.0  # seconds between states of unfinished work


def state_key(settings: Resolved, inputs: Mapping[str, str], stage: str) -> str:
    """The name of a piece of work's folder: 16 hex digits of its settings, inputs (SHA-256) and code."""
    text = settings.to_json() + json.dumps(inputs, sort_keys=True) + stage_digest(stage)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def exclusive_lock(folder: Path, name: str, verb: str) -> Iterator[None]:
    """Hold the lock of a piece of work, so that no two processes do it; a second one waits, and says so.

    `name` is what it is called and `verb` what is done to it (`trained`), for the message.

    Two there are when Snakemake was killed, its job on a cluster was not, and Snakemake runs again.
    """
    holder = folder / "holder"

    def tell() -> None:
        other = holder.read_text(encoding="utf-8").strip() if holder.exists() else "another process"
        print(f"{name}: waiting, it is being {verb} by {other}", file=sys.stderr, flush=True)

    with locked(folder / "lock", tell):
        job = os.environ.get("SLURM_JOB_ID")
        who = f"Slurm job {job}" if job else f"process {os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        holder.write_text(f"{who} on {platform.node()}\n", encoding="utf-8")
        yield


class Keeper:
    """Saves the state of a piece of work every `SAVE_EVERY` seconds, and before it is stopped.

    `name` is what the work is called, `total` how many of `unit` (epochs or steps) there are; without
    `folder` nothing is saved.
    """

    def __init__(self, name: str, unit: str, total: int, folder: Path | None, stop: StopRequest) -> None:
        self.name, self.unit, self.total = name, unit, total
        self.folder, self.stop = folder, stop
        self.saved = time.monotonic()

    def after(self, done: int, state: Callable[[], Mapping[str, Any]]) -> None:
        """Save `state()` if it is due; Interrupted if an end was asked for. After the last: neither.

        Where it cannot be written (a full disk) a warning says so, the states before it stay, and the
        work goes on, or ends as it was asked to.
        """
        stopped = self.stop()
        is_due = stopped is not None or time.monotonic() - self.saved > SAVE_EVERY
        if done == self.total or not is_due:
            return
        kept = self._saved(self.folder, done, state()) if self.folder else "no state is kept"
        self.saved = time.monotonic()
        if stopped:
            so_far = f"after {self.unit} {done} of {self.total}"
            raise Interrupted(stopped, f"interrupted by {stopped.name}: {self.name} {so_far}; {kept}")

    def _saved(self, folder: Path, done: int, state: Mapping[str, Any]) -> str:
        """Save a state; what is to be said of it."""
        try:
            save_state(folder, done, state)
        except OSError as error:
            told = f"its state after {self.unit} {done} could not be saved ({error.strerror or error})"
            warn(f"{self.name}: {told}")
            return told
        return "its state is saved"


def save_state(folder: Path, done: int, state: Mapping[str, Any]) -> None:
    """Write the state after `done` epochs or steps, atomically, and drop all but the last two.

    Raises OSError where it cannot be written; the states before it stay.
    """
    path = _path(folder, done)
    with atomic_path(path) as temporary:
        try:
            torch.save(dict(state), temporary)
        except RuntimeError as error:  # what it makes of an OSError, such as a full disk
            first = str(error).splitlines()[0]
            raise OSError(errno.EIO, f"cannot be written: {first}", str(path)) from None
    for old in _states(folder)[:-KEPT]:
        old.unlink(missing_ok=True)


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest whole state in `folder`, or None."""
    for path in reversed(_states(folder)):
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged is None:
                return dict(load_pt(path))
        except Exception:  # damage makes the readers of zip and pickle raise nearly anything
            continue
    return None


def remove_states(folder: Path) -> None:
    """Forget all states: the work has ended."""
    shutil.rmtree(folder, ignore_errors=True)


def _path(folder: Path, done: int) -> Path:
    return folder / f"state{done:08d}.pt"


def _states(folder: Path) -> list[Path]:
    return sorted(folder.glob("state*.pt"))
