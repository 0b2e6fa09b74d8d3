"""`render report --every` is about the runs that there are, in all its parts."""

import csv
import shutil
from pathlib import Path

from typer.testing import CliRunner

from crossarch.cli import app
from crossarch.layout import Layout

PROJECT = Path(__file__).parents[2]
RUNS = [f"cifar10/frepo/ipc1/{arch}/baseline/seed0" for arch in ("cnn", "alexnet")]


def test_figures_and_scorecard_are_those_of_the_page(kept: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path).partial
    options = ("--config-dir", str(PROJECT / "config"), "--results", str(tmp_path))
    options += ("--selection", '{"datasets": ["cifar10"], "figures": ["figure1"]}')
    for run in RUNS:
        shutil.copytree(kept / "runs" / run, tmp_path / "runs" / run)
    for count in (2, 1):
        finished = CliRunner().invoke(app, [*options, "render", "report", "--every"])
        assert finished.exit_code == 0, finished.exception
        page = layout.page.read_text()
        assert f"<strong>{count}</strong> runs" in page
        with (layout.figures / "figure1.csv").open() as points:
            assert sum(int(row["n"]) for row in csv.DictReader(points)) == count
        with layout.scorecard_files()[0].open() as cells:
            rows = [row for row in csv.DictReader(cells) if row["table"] == "table2"]
        assert sum(row["n"] != "0" for row in rows) == count
        assert 'id="scorecard"' in page
        shutil.rmtree(tmp_path / "runs" / RUNS[1], ignore_errors=True)
