"""`snakemake --logger trainings`: how many trainings are left, and how long they take, beside its lines.

Snakemake finds the package by its name and asks it for a `LogHandler`; profiles/default turns it on.
"""

import time
from logging import LogRecord

from snakemake.logging import logger
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Says one line whenever a training ends; the time left is at the mean pace of those that ended."""

    writes_to_stream = False  # else Snakemake leaves all its own lines to this handler
    writes_to_file = False
    has_filter = True  # `--quiet` keeps its lines off the screen, not the events away
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.planned = 0
        self.ended = 0
        self.begun: dict[int, float] = {}

    def emit(self, record: LogRecord) -> None:
        """Count what Snakemake tells of jobs; the fields are those of its log events."""
        known = record.__dict__
        match known.get("event"):
            case LogEvent.RUN_INFO:
                self.planned = known["stats"].get("train", 0)
            case LogEvent.JOB_INFO if known["rule_name"] == "train":
                self.begun[known["jobid"]] = time.monotonic()
            case LogEvent.JOB_FINISHED if known["job_id"] in self.begun:
                self.ended += 1
                logger.info(self.line(time.monotonic() - min(self.begun.values())))

    def line(self, seconds: float) -> str:
        """What is said when trainings have run for so many seconds."""
        left = max(0, self.planned - self.ended)
        told = f"Trainings: {self.ended} of {self.planned} done"
        return f"{told}, {left} left, about {_duration(seconds / self.ended * left)}" if left else told


def _duration(seconds: float) -> str:
    """Minutes below two hours, then hours.

    >>> _duration(20), _duration(200), _duration(9000)
    ('1 min', '3 min', '2.5 h')
    """
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
