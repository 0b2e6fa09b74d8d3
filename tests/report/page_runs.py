"""Synthetic results to fill the page with: two data sets, two sources, gaps, seeds, curves."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from synthetic_runs import metrics_of, run_row, runs_of

from crossarch.config import Configuration, RunId
from crossarch.report.page import render_page

SEEDS = (0, 1, 2)


def page_runs(configuration: Configuration, folder: Path, **changes: Any) -> pd.DataFrame:
    """About two thirds of Table 2, IPC 1 and 10, with their metrics files under `folder`."""
    generator = np.random.default_rng(7)
    rows = []
    for dataset in configuration.selection.datasets:
        for source in ("frepo", "mtt"):
            for ipc in (1, 10):
                for recipe in ("baseline", "wo_dp_kd", "full"):
                    for arch in ("cnn", "resnet18", "alexnet", "vgg11", "resnet50"):
                        if (arch == "cnn" and recipe == "full") or generator.uniform() < 0.3:
                            continue
                        for seed in SEEDS[: generator.integers(1, 4)]:
                            key = {"dataset": dataset, "source": source, "ipc": ipc, "arch": arch}
                            run = RunId.model_validate({**key, "recipe": recipe, "seed": int(seed)})
                            accuracy = round(float(generator.uniform(20, 70)), 2)
                            rows.append(run_row(accuracy, **run.model_dump(), **changes))
                            _write_metrics(folder, run, accuracy)
    return runs_of(rows)


def _write_metrics(folder: Path, run: RunId, accuracy: float) -> None:
    metrics = metrics_of(run, accuracy) | {
        "evaluations": [{"epoch": e, "accuracy": accuracy - (1000 - e) / 100} for e in (250, 500, 1000)],
        "losses": [{"epoch": 5 * (step + 1), "loss": 2.3 / (step + 1)} for step in range(200)],
    }
    file = folder / run.path / "metrics.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(metrics), encoding="utf-8")


def rendered(
    configuration: Configuration, folder: Path, files: Iterable[Path] = (), **changes: Any
) -> tuple[Path, pd.DataFrame]:
    """The page of such runs, rendered into `folder`, and the runs."""
    runs = page_runs(configuration, folder / "runs", **changes)
    return render_page(configuration, runs, folder / "index.html", files, folder / "runs"), runs
