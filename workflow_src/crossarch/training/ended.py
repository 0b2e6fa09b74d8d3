"""What a training has achieved, kept until Snakemake has taken note of it.

Snakemake deletes a job's outputs before it runs the job again. When it was killed while a cluster went
on training, it submits what has ended meanwhile a second time; the copy here (hard links: no space is
taken) gives the second job the result of the first. Imports nothing heavy: the rules use `forget_ended`.
"""

import os
import shutil
from pathlib import Path

from crossarch.files import atomic_path

OUTPUTS = (
    "last.safetensors",
    "best.safetensors",
    "metrics.json",
)  # in the order they are written
ENDED = "ended"


def keep_ended(record: Path, run_folder: Path) -> None:
    """Remember the outputs in `run_folder` under `record`; where files cannot be linked, do nothing."""
    try:
        for name in OUTPUTS:
            _link(run_folder / name, record / ENDED / name)
    except OSError:
        shutil.rmtree(record / ENDED, ignore_errors=True)


def take_ended(record: Path, run_folder: Path) -> bool:
    """Put remembered outputs into `run_folder`, as new as if just written; False if there are none."""
    if not all((record / ENDED / name).is_file() for name in OUTPUTS):
        return False
    for name in OUTPUTS:
        _link(record / ENDED / name, run_folder / name)
        os.utime(run_folder / name)
    return True


def forget_ended(states: Path) -> None:
    """Drop what is remembered of trainings that have ended, below `states`."""
    for ended in states.glob(f"*/{ENDED}"):
        shutil.rmtree(ended.parent, ignore_errors=True)


def _link(source: Path, destination: Path) -> None:
    with atomic_path(destination) as temporary:
        temporary.unlink()
        temporary.hardlink_to(source)
