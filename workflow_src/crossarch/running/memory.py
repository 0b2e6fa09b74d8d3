"""How memory is used, and when there is none: nothing here changes a result."""

import ctypes
import sys

import torch

from crossarch.config import NetworkSettings

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # mallopt's parameters, malloc.h
_MEBIBYTE = 2**20


def memory_format(network: NetworkSettings) -> torch.memory_format:
    """The order of a network's activations in memory that its layers like best.

    Convolutions like the channels innermost; GroupNorm's kernel on the CPU loses more than that gains.
    """
    return torch.channels_last if network.norm == "batch" else torch.contiguous_format


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether that is what an error says: the GPU's has a class of its own, the CPU's has not."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def keep_freed_memory() -> None:
    """Tell glibc to keep freed blocks for the next step instead of handing them to the kernel.

    A step frees as much as it takes, and each return costs the faults of getting it back: about a
    tenth of the time of a small batch. Elsewhere than on glibc nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * _MEBIBYTE)  # the largest value that glibc takes
    mallopt(_TRIM_THRESHOLD, 1024 * _MEBIBYTE)
    mallopt(_TOP_PAD, 64 * _MEBIBYTE)
