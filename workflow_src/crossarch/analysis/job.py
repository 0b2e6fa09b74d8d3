"""One run that is to be measured, and what every record says of how that was done."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from crossarch.analysis.finished import FinishedRun, read_finished
from crossarch.analysis.where import OnTask, Where, silent
from crossarch.config import Configuration, RunId
from crossarch.layout import Layout
from crossarch.running.provenance import provenance


@dataclass(frozen=True)
class Job:
    """Which run is measured with which configuration, on what, and who is told how far it is."""

    configuration: Configuration
    layout: Layout
    run: RunId
    where: Where
    progress: OnTask = silent
    started: float = field(default_factory=time.perf_counter)

    @cached_property
    def finished(self) -> FinishedRun:
        """The run as it ended; DataError as `read_finished`."""
        return read_finished(self.layout, self.run)

    @property
    def seconds(self) -> float:
        """Wall clock since it was begun."""
        return round(time.perf_counter() - self.started, 1)

    def stamp(self, device: torch.device, inputs: Mapping[str, str], **more: Any) -> dict[str, Any]:
        """The run, digest and provenance of its record; `inputs` are SHA-256 of what was read, by name.

        `more` is what the provenance says besides.
        """
        return {
            "run": self.run,
            "digest": self.finished.digest,
            "provenance": provenance(device, self.where.threads, inputs) | more,
        }
