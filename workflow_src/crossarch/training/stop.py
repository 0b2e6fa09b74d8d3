"""Signals that ask a training to stop: heard between two epochs, when its state can be saved."""

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
def hearing_signals() -> Iterator[StopRequest]:
    """Yield what tells whether SIGTERM, SIGUSR1 or SIGINT came; they end nothing by themselves.

    A second SIGINT (an impatient Ctrl-C) raises Interrupted at once: an epoch may take a minute.
    """
    heard: list[Signals] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and signal.SIGINT in heard:
            raise Interrupted(number)
        if not heard:
            again = "; again: at once" if number == signal.SIGINT else ""
            text = f"{Signals(number).name}: stopping after this epoch{again}\n"
            os.write(2, text.encode())  # print() may be in the middle of a line
        heard.append(Signals(number))

    before = {number: signal.signal(number, hear) for number in STOPPING}
    try:
        yield lambda: heard[0] if heard else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
