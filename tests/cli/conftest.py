"""The command line as users and their shells call it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from calling import Call
from synthetic_runs import metrics_of_today  # type: ignore[import-not-found]

from crossarch.config import Configuration, RunId, load_configuration, parse_run, resolve
from crossarch.layout import Layout

KEPT = (
    *(f"cifar10/frepo/ipc1/alexnet/{recipe}/seed0" for recipe in ("baseline", "full", "wo_dp")),
    *(f"cifar10/frepo/ipc1/cnn/{recipe}/seed0" for recipe in ("baseline", "wo_dp_kd")),
    "cifar10/mtt/ipc1/alexnet/full/seed0",
    *(f"cifar10/mtt/ipc1/cnn/baseline/seed{seed}" for seed in (0, 1)),
)


@pytest.fixture(scope="session")
def kept(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with the metrics of the runs KEPT, of full length and with today's settings."""
    configuration = load_configuration(project / "config")
    layout = Layout(tmp_path_factory.mktemp("kept"))
    for run in map(parse_run, KEPT):
        file = layout.run_metrics(run)
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(_metrics(configuration, run)))
    return layout.results


def _metrics(configuration: Configuration, run: RunId) -> dict[str, Any]:
    """Tests every 500 epochs, of which the last but one is the best."""
    settings = resolve(configuration, run)
    tests = [
        {"epoch": epoch, "accuracy": round(40 + epoch / 1000 + len(run.arch) / 10, 2)}
        for epoch in range(500, settings.epochs + 1, 500)
    ]
    tests[-1]["accuracy"] = tests[-2]["accuracy"] - 0.5
    inputs = {"distilled": run.training_set.path, "test": f"{run.dataset}/{settings.whitening}"}
    if settings.teacher:
        inputs["teacher"] = settings.teacher.path
    return {
        **metrics_of_today(configuration, run),
        "digest": settings.digest,
        "accuracy": {"last": tests[-1]["accuracy"], "best": tests[-2]["accuracy"]},
        "best_epoch": tests[-2]["epoch"],
        "evaluations": tests,
        "losses": [
            {"epoch": epoch, "loss": 100 / epoch} for epoch in range(50, settings.epochs + 1, 50)
        ],
        "inputs": {name: hashlib.sha256(of.encode()).hexdigest() for name, of in inputs.items()},
    }


@pytest.fixture(scope="session")
def call(project: Path) -> Call:
    """Run `crossarch` in the project's folder; keyword arguments are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSARCH")}
        return subprocess.run(
            [sys.executable, "-m", "crossarch", *arguments],
            cwd=project,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
