"""Signals that ask for an end: heard between two epochs or steps, when the state can be saved."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals
from types import FrameType

from crossarch.errors import Interrupted

STOPPING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

StopRequest = Callable[[], Signals | None]  # the signal that asked for an end, if one did


@contextmanager
def hearing_signals(unit: str) -> Iterator[StopRequest]:
    """Yield what tells whether SIGTERM, SIGUSR1 or SIGINT came; they end nothing by themselves.

    `unit` is what the work is done in, `epoch` or `step`: it is ended after one.

    A second SIGINT (an impatient Ctrl-C) raises Interrupted at once: an epoch may take a minute.
    """
    heard: list[Signals] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and signal.SIGINT in heard:
            raise Interrupted(number)
        if not heard:
            again = "; again: at once" if number == signal.SIGINT else ""
            text = f"{Signals(number).name}: stopping after this {unit}{again}\n"
            os.write(2, text.encode())  # print() may be in the middle of a line
        heard.append(Signals(number))

    before = {number: signal.signal(number, hear) for number in STOPPING}
    try:
        yield lambda: heard[0] if heard else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
