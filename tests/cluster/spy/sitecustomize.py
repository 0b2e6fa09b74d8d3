"""Python loads this before a job's own code: it notes each training, and disturbs it as a test wants.

`watch/trainings` gets a JSON line when a training starts and when it ends; a file `watch/fail` makes the
next one fail; `watch/pace` holds the seconds that an epoch takes longer, and `watch/save_every` those
between two states, if it is there.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import wrapt

watch = Path(os.environ["WATCH"])


def note(event: str, name: str) -> None:
    line = {
        "event": event,
        "run": name,
        "time": time.time(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "granted": granted() if event == "start" else None,
        "job": os.environ.get("SLURM_JOB_ID"),
        "process": os.getpid(),
    }
    with (watch / "trainings").open("a") as stream:
        stream.write(json.dumps(line) + "\n")


def granted() -> str | None:
    """The index of the GPU that Slurm has given to this job."""
    command = ["scontrol", "show", "--details", "job", os.environ["SLURM_JOB_ID"]]
    shown = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"GRES=gpu:1\(IDX:(\d+)\)", shown)
    return found.group(1) if found else None


def slow_down(trainer: Any) -> None:
    train_epoch = trainer.Training.train_epoch

    def slowly(self: Any, epoch: int) -> None:
        train_epoch(self, epoch)
        time.sleep(float((watch / "pace").read_text()))

    trainer.Training.train_epoch = slowly


def save_often(state: Any) -> None:
    if (watch / "save_every").exists():
        state.SAVE_EVERY = float((watch / "save_every").read_text())


arguments = sys.orig_argv
if arguments[1:4] == ["-m", "crossarch", "train"]:
    run = json.loads(arguments[arguments.index("--settings") + 1])["run"]
    name = f"{run['arch']}/{run['recipe']}/seed{run['seed']}"
    note("start", name)
    if (watch / "fail").exists():
        (watch / "fail").unlink()
        note("end", name)
        os._exit(1)
    atexit.register(note, "end", name)
    wrapt.register_post_import_hook(slow_down, "crossarch.training.trainer")
    wrapt.register_post_import_hook(save_often, "crossarch.running.state")
