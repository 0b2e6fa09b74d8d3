"""Synthetic runs: as the metrics that a training leaves, and as the table made of them."""

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.collect.runs import RUNS
from crossarch.config import Configuration, RunId, load_configuration, resolve

CONFIG = Path(__file__).parents[1] / "config"
LONG = ("wo_kd", "full")  # how recipes of 4000 epochs begin; the others have 1000


def configured(**selection: Any) -> Configuration:
    """The project's configuration, with `selection` laid over what the tests take for granted."""
    usual = {
        "datasets": ["cifar10"],
        "seeds": [0, 1, 2],
        "protocol": "paper",
        "accuracy": "best",
    }
    return _loaded(json.dumps({**usual, **selection}))


@functools.cache
def _loaded(selection: str) -> Configuration:
    return load_configuration(CONFIG, overrides=[("test", json.loads(selection))])


def run_row(accuracy: float, **changes: Any) -> dict[str, Any]:
    """A row of the table of runs: FRePo IPC=1, 3-layer CNN, baseline, unless `changes` say else."""
    recipe = changes.get("recipe", "baseline")
    return {
        "dataset": "cifar10",
        "source": "frepo",
        "ipc": 1,
        "arch": "cnn",
        "recipe": recipe,
        "protocol": "paper",
        "seed": 0,
        "accuracy_best": accuracy,
        "accuracy_last": accuracy,
        "best_epoch": 500,
        "epochs": 4000 if recipe.startswith(LONG) else 1000,
        "evaluate_every": 100,
        "whitening": "zca-kornia",
        "seconds_training": 1.0,
        "seconds_evaluation": 2.0,
        "images_per_second": 123.0,
        "peak_memory_mib": None,
        "device": "cpu",
        "threads": 1,
        "machine": "somewhere",
        "commit": "abc",
        "digest": "0123456789abcdef",
        "finished": "2024-01-01T00:00:00+00:00",
        **changes,
    }


def runs_of(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The table that `collect_runs` would make of the rows."""
    frame: pd.DataFrame = RUNS.validate(pd.DataFrame(list(rows), columns=list(RUNS.columns)))
    return frame


def complete_runs() -> pd.DataFrame:
    """One run for every number in the paper's tables, with that accuracy.

    What several tables print is one run: the first table counts.
    """
    names = {"distillation": "source", "method": "recipe"}
    key = ["dataset", "source", "ipc", "recipe", "arch"]
    files = ("main_results", "ablations", "seed_std", "augmentation_2fold")
    paper = pd.concat([pd.read_csv(CONFIG / "paper" / f"{file}.csv") for file in files])
    cells = paper.rename(columns=names).drop_duplicates(key)
    return runs_of(run_row(row["accuracy"], **row[key]) for _, row in cells.iterrows())


def metrics_of(run: RunId, accuracy: float = 44.1) -> dict[str, Any]:
    """The contents of a run's metrics.json."""
    return {
        "run": run.model_dump(),
        "settings": {"epochs": 1000, "whitening": "zca-frepo", "evaluate_every": 500, "more": {}},
        "digest": "0123456789abcdef",
        "accuracy": {"last": accuracy, "best": accuracy + 0.4},
        "best_epoch": 500,
        "evaluations": [{"epoch": 500, "accuracy": accuracy + 0.4}],
        "losses": [{"epoch": 1, "loss": 2.3}],
        "seconds": {"training": 1.0, "evaluation": 2.0},
        "images_per_second": 123.0,
        "peak_memory_mib": 500.0,
        "device": "cpu",
        "threads": 1,
        "versions": {"torch": "2"},
        "commit": "abc",
        "machine": "somewhere",
        "inputs": {},
        "finished": "2024-01-01T00:00:00+00:00",
    }


def metrics_of_today(configuration: Configuration, run: RunId) -> dict[str, Any]:
    """The contents of the metrics.json of a run with the settings that `configuration` has for it."""
    settings = resolve(configuration, run).model_dump(mode="json", exclude={"run"})
    return {**metrics_of(run), "settings": settings}


def a_run(**changes: Any) -> RunId:
    """`cifar10/frepo/ipc1/alexnet/baseline/seed0`, unless `changes` say else."""
    fields = {"dataset": "cifar10", "source": "frepo", "ipc": 1, "arch": "alexnet", "seed": 0}
    return RunId.model_validate({**fields, "recipe": "baseline", **changes})
