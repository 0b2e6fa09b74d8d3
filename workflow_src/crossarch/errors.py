"""Errors that a user can mend, and warnings: one line, no traceback."""

import signal
import sys

WARNING = "crossarch: warning: "
"""How the line of a warning begins."""


class CrossarchError(Exception):
    """Base of every error shown to the user as one line; the command line exits with `exit_code`."""

    exit_code = 1


class ConfigError(CrossarchError):
    """A setting is unknown, misspelt, out of range or impossible (names file, key, found, allowed)."""

    exit_code = 2


class FetchError(CrossarchError):
    """A file could not be had, or is not the file that was asked for."""

    exit_code = 3


class DataError(CrossarchError):
    """A file does not hold what it should (shape, dtype, range, NaN), or a run has not finished."""

    exit_code = 4


class TrainingError(CrossarchError):
    """A training cannot go on (for example a loss that is not finite)."""

    exit_code = 5


class Interrupted(BaseException):
    """A signal ended the work. Not an Exception, so that nothing on the way takes it for a failure.

    The command line exits with 128 + the signal's number, as a shell reports it. The message begins with
    `interrupted`: a log that ends so is of a run that goes on when it is started again.
    """

    def __init__(self, number: int, message: str = "interrupted") -> None:
        super().__init__(message)
        self.signal = signal.Signals(number)
        self.exit_code = 128 + number


def warn(text: str) -> None:
    """Tell on stderr what is no error, but may be a mistake."""
    print(f"{WARNING}{text}", file=sys.stderr, flush=True)
