"""`python -m crossarch` and the console script: signals are heard before anything heavy is imported."""

import os
import signal
from types import FrameType
from typing import NoReturn

from crossarch.errors import Interrupted


def main() -> NoReturn:
    """Entry point of the command line.

    SIGINT and SIGTERM end it with one line and 128 + n, and half-written files are removed.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    from crossarch.cli import run

    run()


def interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Raise Interrupted; while a module is imported, which may not bear that, end at once.

    Libraries in C++ abort where an exception comes out of their initialisation; nothing is half-written
    then.
    """
    stopped = Interrupted(number)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            os.write(2, f"crossarch: {stopped}\n".encode())
            os._exit(stopped.exit_code)
        frame = frame.f_back
    raise stopped


if __name__ == "__main__":
    main()
