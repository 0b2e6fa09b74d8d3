"""What several tests of the report start from."""

import pandas as pd
import pytest
from synthetic_runs import CONFIG, run_row, runs_of


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
