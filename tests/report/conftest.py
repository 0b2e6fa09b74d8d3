"""What several tests of the report start from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic_runs import CONFIG, metrics_of, run_row, runs_of

from crossarch.config import RunId


@pytest.fixture
def write_metrics(tmp_path: Path) -> Callable[..., Path]:
    """Write the metrics of a run where the pipeline would, possibly after spoiling them."""

    def write(run: RunId, spoil: Callable[[dict[str, Any]], Any] = lambda data: data) -> Path:
        data = metrics_of(run)
        spoiled = spoil(data)
        file = tmp_path / "runs" / run.path / "metrics.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(data if spoiled is None else spoiled), encoding="utf-8")
        return file

    return write


@pytest.fixture
def paper_runs() -> pd.DataFrame:
    """One run for every number that Table 2 prints, with that accuracy."""
    paper = pd.read_csv(CONFIG / "paper" / "main_results.csv")
    names = {"distillation": "source", "method": "recipe"}
    cells = paper[paper["table"] == "table2"].rename(columns=names)
    keys = ["source", "ipc", "arch", "recipe"]
    return runs_of(
        run_row(row["accuracy"], **{key: row[key] for key in keys}) for _, row in cells.iterrows()
    )
