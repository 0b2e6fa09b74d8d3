"""Fair timing: what is compared takes turns, so that whatever else the machine does falls on both."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

from crossarch.running.evaluation import computes_in_bfloat16

WARM_UP = 2  # rounds that do not count


def in_turns(
    candidates: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = WARM_UP
) -> dict[str, list[float]]:
    """Seconds of each candidate in each of `rounds` rounds, after a warm-up; in turns within a round."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(warm_up + rounds):
        for name, candidate in candidates.items():
            begun = time.perf_counter()
            candidate()
            taken = time.perf_counter() - begun
            if number >= warm_up:
                seconds[name].append(taken)
    return seconds


def ratio(of: list[float], to: list[float]) -> float:
    """The median over the rounds of `of` / `to`."""
    return median(a / b for a, b in zip(of, to, strict=True))


def matrix_product(side: int = 1024) -> tuple[Callable[[], object], float]:
    """A product of two square matrices in single precision, and its work in 1e9 operations."""
    left, right = torch.randn(side, side), torch.randn(side, side)
    return (lambda: left @ right), 2.0 * side**3 / 1e9


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(cores()),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bfloat16": computes_in_bfloat16(),
    }


def cores() -> set[int]:
    """The cores that this process may use."""
    return (
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    )
