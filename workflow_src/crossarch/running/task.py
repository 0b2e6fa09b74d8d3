"""Long work from files to files: done by one process, gone on with after an interruption, done once."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from crossarch.errors import DataError, TrainingError
from crossarch.files import read_mapping, remove_leftovers, sha256_of
from crossarch.running.finished import cache_finished, restore_finished
from crossarch.running.memory import is_out_of_memory, keep_freed_memory
from crossarch.running.provenance import device_name
from crossarch.running.slots import taking_device
from crossarch.running.state import exclusive_lock, remove_states
from crossarch.running.stop import StopRequest, hearing_signals


@dataclass(frozen=True)
class Task:
    """What is to be done: its name, what that is called (`trained`) and counted in (`epoch`).

    States lie in `states` while it lasts. The last of `outputs` is JSON that tells of the work; `hint`
    says what helps where memory runs out.
    """

    name: str
    verb: str
    unit: str
    states: Path
    outputs: tuple[Path, ...]
    hint: str

    @property
    def unfinished(self) -> Path:
        """The folder of the states to go on from."""
        return self.states / "unfinished"


def digests_of(inputs: Mapping[str, Path]) -> dict[str, str]:
    """The SHA-256 of each file, by what it is used as; DataError for one that is not there."""
    for path in inputs.values():
        if not path.is_file():
            raise DataError(f"{path}: no such file")
    return {kind: sha256_of(path) for kind, path in inputs.items()}


def run_once(
    task: Task,
    do: Callable[[torch.device, StopRequest], dict[str, Any]],
    *,
    device: str,
    slots_per_gpu: int,
    threads: int,
) -> dict[str, Any]:
    """Do the work, or take what it came to where it has ended already; gives what its record says.

    `do` is called with the device and what tells whether an end was asked for; it writes the outputs,
    the record last (an earlier one is gone by then), and returns what that holds. Of two processes for
    the same work one does it, and the other waits for the result. Raises TrainingError where memory runs
    out, and what `do` raises.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    with exclusive_lock(task.states, task.name, task.verb):
        for output in task.outputs:
            remove_leftovers(output)
        try:
            if restore_finished(task.states, task.outputs):
                print(f"{task.name}: had ended already ({task.states})", file=sys.stderr)
                return dict(read_mapping(task.outputs[-1]))
        except DataError as error:
            again = f"is {task.verb} again, for what is kept of it is damaged: {error}"
            print(f"{task.name}: {again}", file=sys.stderr)
        with taking_device(device, slots_per_gpu) as chosen, hearing_signals(task.unit) as stop:
            try:
                record = do(chosen, stop)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                raise TrainingError(
                    f"{task.name}: out of memory on {device_name(chosen)}; what may help: {task.hint}"
                ) from None
            cache_finished(task.states, task.outputs)
            remove_states(task.unfinished)
            return record
