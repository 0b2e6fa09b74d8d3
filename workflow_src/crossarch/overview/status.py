"""How far each run is, read off the files that it leaves.

- done: it has `metrics.json`, which is written last, and would be made so today;
- outdated: it has one, made with other settings, another set or another teacher than today's;
- failed: it has none, and its log ends in an error; or it has one that is damaged;
- running: it has none, and its log has been begun and ends in no error. A training that was killed
  outright (SIGKILL, power) looks the same until it is started again: the age of its log tells;
- missing: anything else, also a training that was interrupted and said so (it will go on from its
  saved state).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from crossarch.collect.current import Digest, outdated
from crossarch.config import Configuration, RunId
from crossarch.errors import WARNING, DataError
from crossarch.files import sha256_of
from crossarch.layout import Layout

State = Literal["done", "outdated", "running", "failed", "missing"]
STATES: tuple[State, ...] = get_args(State)
_TAIL = 4096  # bytes of a log that are looked at


@dataclass(frozen=True)
class RunStatus:
    """One run; of those that are outdated, running or failed also what tells it, what it says and since.

    That is the log and its last line, or metrics and what is wrong with them.
    """

    run: RunId
    state: State
    file: Path | None = None
    message: str | None = None
    age: float | None = None  # seconds

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        told = {"file": str(self.file), "message": self.message, "age_seconds": self.age}
        return {"run": self.run.path, "state": self.state} | (told if self.message is not None else {})


def run_statuses(
    configuration: Configuration, layout: Layout, runs: Iterable[RunId]
) -> dict[RunId, RunStatus]:
    """The status of each of `runs`, in order."""
    now, digest = time.time(), cache(sha256_of)
    return {run: _status(configuration, layout, run, now, digest) for run in runs}


def counted(statuses: Iterable[RunStatus]) -> dict[State, int]:
    """How many runs there are in each state, all states named."""
    states = [status.state for status in statuses]
    return {state: states.count(state) for state in STATES}


def _status(
    configuration: Configuration, layout: Layout, run: RunId, now: float, digest: Digest
) -> RunStatus:
    log, metrics = layout.train_log(run), layout.run_metrics(run)
    if metrics.exists():
        try:
            reason = outdated(configuration, metrics, digest)
        except DataError as error:
            wrong = str(error).removeprefix(f"{metrics}: ")
            told = f"{wrong}; delete it to train the run again"
            return RunStatus(run, "failed", metrics, told, _age(metrics, now))
        if reason:
            return RunStatus(run, "outdated", metrics, reason, _age(metrics, now))
        return RunStatus(run, "done")
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL))
            tail = stream.read().decode("utf-8", errors="replace")
        age = _age(log, now)
    except OSError:
        return RunStatus(run, "missing")
    lines = [line for line in tail.splitlines() if line.strip()]
    last = lines[-1].strip() if lines else ""
    if last.startswith("crossarch: interrupted"):
        return RunStatus(run, "missing")
    has_ended = last.startswith("crossarch: ") and not last.startswith(WARNING)
    failed = has_ended or "Traceback (most recent call last):" in tail
    return RunStatus(run, "failed" if failed else "running", log, last, age)


def _age(file: Path, now: float) -> float:
    return round(max(0.0, now - file.stat().st_mtime), 1)
