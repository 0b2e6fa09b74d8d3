"""How far a training is: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from crossarch.training.trainer import Progress as OnEpoch

LINES = 20  # in the log of a training


@contextmanager
def showing_progress(title: str, epochs: int) -> Iterator[OnEpoch]:
    """Yield the callback of `train` that shows progress on stderr."""
    if not sys.stderr.isatty():
        yield _log(title, epochs)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs, loss {task.fields[loss]:.3f}, test {task.fields[accuracy]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=epochs, loss=float("nan"), accuracy="—")

        def show(epoch: int, loss: float, accuracy: float | None) -> None:
            bar.update(task, completed=epoch, loss=loss)
            if accuracy is not None:
                bar.update(task, accuracy=f"{accuracy:.1f}%")

        yield show


def _log(title: str, epochs: int) -> OnEpoch:
    started = time.monotonic()
    every = max(1, epochs // LINES)

    def show(epoch: int, loss: float, accuracy: float | None) -> None:
        if accuracy is None and epoch % every:
            return
        seconds = time.monotonic() - started
        tested = "" if accuracy is None else f", test accuracy {accuracy:.2f}%"
        line = f"{title}: epoch {epoch} of {epochs}, loss {loss:.4f}{tested}, {seconds:.0f} s"
        print(line, file=sys.stderr, flush=True)

    return show
