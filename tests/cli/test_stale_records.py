"""Publishing runs with the records of their analyses."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crossarch.analysis.whitening import WhiteningRecord
from crossarch.cli import app
from crossarch.config import parse_run
from crossarch.errors import DataError
from crossarch.files import sha256_of, write_text
from crossarch.layout import Layout

PROJECT = Path(__file__).parents[2]
OLD, KEPT = (parse_run(f"cifar10/mtt/ipc1/cnn/baseline/seed{seed}") for seed in (0, 1))


def publish(results: Path, destination: Path) -> Result:
    options = ("--config-dir", str(PROJECT / "config"), "--results", str(results))
    return CliRunner().invoke(app, [*options, "publish", "--destination", str(destination)])


@pytest.fixture
def layout(kept: Path, tmp_path: Path) -> Layout:
    """Finished baselines of MTT's CNN with their records; that of `OLD` is of an earlier training."""
    layout = Layout(tmp_path / "results")
    for run in (OLD, KEPT):
        metrics = layout.run_metrics(run)
        shutil.copytree(Layout(kept).run(run), metrics.parent)
        record = WhiteningRecord(
            run=run,
            digest=json.loads(metrics.read_text())["digest"],
            images=10_000,
            provenance={"inputs": {"metrics": "0" * 64 if run == OLD else sha256_of(metrics)}},
            own="zca-kornia",
            recorded=40.0,
            accuracies={"zca-kornia": 40.0, "none": 30.0},
            seconds=1.0,
        )
        write_text(layout.analysis_record("whitening", run), record.model_dump_json())
    return layout


def test_a_record_of_an_earlier_training_is_not_published(layout: Layout, tmp_path: Path) -> None:
    refused = publish(layout.results, tmp_path / "kept")
    record = layout.analysis_record("whitening", OLD)
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception) == (
        f"{record}: is of other metrics than {layout.run_metrics(OLD)}; rerun it by snakemake {record}"
    )
    assert not (tmp_path / "kept").exists()
    record.unlink()
    assert publish(layout.results, tmp_path / "kept").exit_code == 0
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 3


def test_publishing_warns_of_a_run_that_would_be_made_otherwise(layout: Layout, tmp_path: Path) -> None:
    layout.analysis_record("whitening", OLD).unlink()
    file = layout.run_metrics(OLD)
    run = json.loads(file.read_text())
    run["settings"]["batch_size"] = 7
    file.write_text(json.dumps(run))
    published = publish(layout.results, tmp_path / "kept")
    assert published.exit_code == 0
    assert published.stderr.splitlines()[0] == (
        f"warning: {file}: settings.batch_size: made with 7, today 10"
    )
