"""What long work has achieved, kept by its content: settings, inputs and code.

Snakemake deletes a job's outputs before it runs the job again, and it runs one again whose inputs are
made anew, whatever comes out, or that ended on a cluster while Snakemake was killed. The copy here (hard
links: no space is taken) gives such a job what it came to before. Imports nothing heavy: the rules use
`prune_finished`.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from crossarch.errors import DataError
from crossarch.files import atomic_path, read_mapping, sha256_of, write_text

ENDED = "ended"
SUMS = "sha256.json"  # of what is remembered: who writes into a file here writes into its twin there


def cache_finished(states: Path, outputs: Sequence[Path]) -> None:
    """Remember `outputs`, whose names differ, among a work's states; nothing where links cannot be."""
    ended = states / ENDED
    try:
        for path in outputs:
            _link(path, ended / path.name)
        sums = {path.name: sha256_of(path) for path in outputs}
        write_text(ended / SUMS, json.dumps(sums))
    except OSError:
        shutil.rmtree(ended, ignore_errors=True)


def restore_finished(states: Path, outputs: Sequence[Path]) -> bool:
    """Put remembered `outputs` where they belong, as if just written; False unless all are there.

    The last of them is the record of the work.

    Raises DataError where one is not what it was.
    """
    ended = states / ENDED
    if not all((ended / name).is_file() for name in (SUMS, *(path.name for path in outputs))):
        return False
    sums = read_mapping(ended / SUMS)
    for path in outputs:
        if sha256_of(ended / path.name) != sums.get(path.name):
            raise DataError(f"{ended / path.name}: was changed after the work had ended")
    outputs[-1].unlink(missing_ok=True)  # the record, which says that the others are whole
    for path in outputs:
        _link(ended / path.name, path)
        os.utime(path)
    return True


def prune_finished(state_root: Path) -> None:
    """Drop what is remembered below the folder of all states and lies nowhere else any more."""
    for sums in state_root.glob(f"*/{ENDED}/{SUMS}"):
        links = [path.stat().st_nlink for path in sums.parent.glob("*") if path != sums]
        if set(links) == {1}:
            in_work = (sums.parents[1] / "unfinished").exists()
            shutil.rmtree(sums.parent if in_work else sums.parents[1], ignore_errors=True)


def _link(source: Path, destination: Path) -> None:
    with atomic_path(destination) as temporary:
        temporary.unlink()
        temporary.hardlink_to(source)
