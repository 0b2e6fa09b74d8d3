"""Which GPU a job takes on a machine that it shares with others: no more on one than it has slots.

Nobody else deals GPUs out where Snakemake runs its jobs itself. A slot is a file lock, so that it is
free again however its holder ends.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from crossarch.errors import ConfigError

POLL = 1.0  # seconds


@contextmanager
def taking_device(name: str, slots_per_gpu: int) -> Iterator[torch.device]:
    """Yield the device that `name` (auto, cpu, cuda, mps) means; a CUDA device with a slot on it."""
    device = choose_device(name)
    if device.type != "cuda":
        yield device
        return
    gpus = visible_gpus(os.environ, torch.cuda.device_count())
    with taking_slot(gpus, slots_per_gpu, slot_folder()) as index:
        torch.cuda.set_device(index)
        yield torch.device("cuda", index)


@contextmanager
def taking_slot(gpus: Sequence[str], slots_per_gpu: int, folder: Path) -> Iterator[int]:
    """Wait for a slot and hold it; yield the index of its GPU in `gpus`.

    A second job goes to a second GPU before it shares the first. `folder` is where all jobs of this
    machine keep their locks, named after the GPU (not after its index, which differs between jobs).
    """
    slots = [
        (index, FileLock(folder / f"gpu{gpu.replace(os.sep, '_')}-slot{slot}.lock"))
        for slot in range(slots_per_gpu)
        for index, gpu in enumerate(gpus)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    waits = False
    while True:
        for index, lock in slots:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield index
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)  # whoever waits for it opens it anew
                lock.release()
            return
        if not waits:
            text = f"waiting for a GPU: all {len(slots)} slots are taken ({folder})"
            print(text, file=sys.stderr, flush=True)
            waits = True
        time.sleep(POLL)


def visible_gpus(environment: Mapping[str, str], count: int) -> list[str]:
    """Names of the GPUs that PyTorch counts from 0: those of CUDA_VISIBLE_DEVICES, else 0, 1, ...

    Within a job of Slurm they carry its number: each job may call its own GPU 0, and Slurm has seen to
    it that no two jobs have the same. So slots are shared by what runs within one job.
    """
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(count)) if listed is None else map(str.strip, listed.split(","))
    job = environment.get("SLURM_JOB_ID")
    return [f"{name}-job{job}" if job else name for name in names][:count]


def slot_folder() -> Path:
    """Where this user's jobs on this machine keep their locks; never a shared file system."""
    return Path(tempfile.gettempdir()) / f"crossarch-gpu-slots-{os.getuid()}"


def choose_device(name: str) -> torch.device:
    """`auto` takes CUDA, then MPS, then the CPU; a device that is not there is an error."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available.get(name, False):
        there = ", ".join(kind for kind, is_there in available.items() if is_there)
        raise ConfigError(f"device: found {name!r}, allowed on this machine: auto, {there}")
    return torch.device(name)
