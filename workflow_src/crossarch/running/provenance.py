"""What a result says of where it comes from: device, versions, commit, checksums of what was read."""

import platform
import resource
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from crossarch import __version__


def provenance(device: torch.device, threads: int, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The entries of a record that say where and with what it was made; `inputs` are SHA-256 by name."""
    return {
        "peak_memory_mib": _peak_memory_mib(device),
        "device": device_name(device),
        "threads": threads,
        "versions": {
            "crossarch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "commit": _commit(),
        "inputs": dict(inputs),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def device_name(device: torch.device) -> str:
    """The name of a GPU, or `cpu`, `mps`."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _peak_memory_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kibibyte = 1 if platform.system() == "Darwin" else 1024  # macOS counts bytes, Linux KiB
    return round(peak * kibibyte / 2**20, 1)


def _processor() -> str:
    """The model of the CPU as Linux names it; elsewhere what Python knows, perhaps nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _commit() -> str:
    """The commit of the checkout that runs, with `+` when it has changes; empty outside of git."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()
