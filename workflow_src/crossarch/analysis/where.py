"""On what an analysis of one run is computed, and whom it tells how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from crossarch.config.schema import Arithmetic
from crossarch.running.slots import taking_device
from crossarch.training.arithmetic import set_arithmetic

OnTask = Callable[[str, int, int | None], None]
"""What is told on the way: what is being done, how much of it is, and how much there is, if known."""


@dataclass(frozen=True)
class Where:
    """What an analysis is computed on: `auto`, `cpu`, `cuda` or `mps`, and how it is shared."""

    device: str = "auto"
    slots_per_gpu: int = 1
    threads: int = 1

    @contextmanager
    def taken(self) -> Iterator[torch.device]:
        """Yield the device, with a slot on it; arithmetic is float32, whatever a run was trained in.

        (But what trains again computes as the run did.)
        """
        torch.set_num_threads(self.threads)
        set_arithmetic(Arithmetic())
        with taking_device(self.device, self.slots_per_gpu) as device:
            yield device


def silent(doing: str, done: int, total: int | None) -> None:
    """Tell nobody."""
