"""How far long work is: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINES = 20  # in the log of a whole run

OnProgress = Callable[[int, float | None, float | None], None]
"""What is told after each epoch or step: how many are done, loss and test accuracy if measured."""


@contextmanager
def showing_progress(title: str, total: int, unit: str) -> Iterator[OnProgress]:
    """Yield the callback that shows on stderr how many of `total` epochs or steps are done.

    `unit` is what is counted, `epoch` or `step`.
    """
    if not sys.stderr.isatty():
        yield _log(title, total, unit)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}s, loss {{task.fields[loss]}}, test {{task.fields[accuracy]}}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, loss="—", accuracy="—")

        def show(done: int, loss: float | None, accuracy: float | None) -> None:
            bar.update(task, completed=done)
            if loss is not None:
                bar.update(task, loss=f"{loss:.3f}")
            if accuracy is not None:
                bar.update(task, accuracy=f"{accuracy:.1f}%")

        yield show


def _log(title: str, total: int, unit: str) -> OnProgress:
    started = time.monotonic()
    every = max(1, total // LINES)

    def show(done: int, loss: float | None, accuracy: float | None) -> None:
        if accuracy is None and done % every:
            return
        seconds = time.monotonic() - started
        learned = "" if loss is None else f", loss {loss:.4f}"
        tested = "" if accuracy is None else f", test accuracy {accuracy:.2f}%"
        line = f"{title}: {unit} {done} of {total}{learned}{tested}, {seconds:.0f} s"
        print(line, file=sys.stderr, flush=True)

    return show
