"""How many trainings of a workflow are left and how long they take, said whenever one has ended."""

import logging
import time

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent


class TrainingsLeft(logging.Handler):
    """Counts what Snakemake logs of its jobs, and logs a line after each training.

    The time left is at the mean pace of those that ended. Fields are those of Snakemake's log events.
    """

    def __init__(self) -> None:
        super().__init__()
        self.planned = 0
        self.ended = 0
        self.begun: dict[int, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        known = record.__dict__
        match known.get("event"):
            case LogEvent.RUN_INFO:
                self.planned = known["stats"].get("train", 0)
            case LogEvent.JOB_INFO if known["rule_name"] == "train":
                self.begun[known["jobid"]] = time.monotonic()
            case LogEvent.JOB_FINISHED if self.planned and known["job_id"] in self.begun:
                self.ended += 1
                logger.info(self.line(time.monotonic() - min(self.begun.values())))

    def line(self, seconds: float) -> str:
        """What is said when trainings have run for so many seconds."""
        left = max(0, self.planned - self.ended)
        told = f"Trainings: {self.ended} of {self.planned} done"
        return f"{told}, {left} left, about {_duration(seconds / self.ended * left)}" if left else told


def tell_trainings_left() -> None:
    """Let Snakemake's log have the line, in this process; it goes with `--quiet progress`."""
    if not any(isinstance(handler, TrainingsLeft) for handler in logger.handlers):
        logger.addHandler(TrainingsLeft())


def _duration(seconds: float) -> str:
    """Minutes below two hours, then hours.

    >>> _duration(20), _duration(200), _duration(9000)
    ('1 min', '3 min', '2.5 h')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
