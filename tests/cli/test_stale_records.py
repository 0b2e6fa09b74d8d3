"""Records of runs that were trained again after they were measured."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crossarch.analysis.record import WhiteningRecord, write_record
from crossarch.analysis.stale import stale_records
from crossarch.analysis.summary import findings
from crossarch.cli import app
from crossarch.config import load_configuration, parse_run
from crossarch.errors import DataError
from crossarch.layout import Layout

PROJECT = Path(__file__).parents[2]
SET = "cifar10/mtt/ipc1"
OLD, KEPT = (parse_run(f"{SET}/cnn/baseline/seed{seed}") for seed in (0, 1))


def invoke(*arguments: str, results: Path) -> Result:
    options = ("--config-dir", str(PROJECT / "config"), "--results", str(results))
    return CliRunner().invoke(app, [*options, *arguments])


@pytest.fixture
def layout(kept: Path, tmp_path: Path) -> Layout:
    """Finished baselines of MTT's CNN with their records; that of `OLD` is of another training."""
    layout = Layout(tmp_path)
    for run in (OLD, KEPT):
        metrics = layout.run_metrics(run)
        shutil.copytree(Layout(kept).run(run), metrics.parent)
        found = json.loads(metrics.read_text())
        last = found["accuracy"]["last"]
        record = WhiteningRecord(
            run=run,
            digest=found["digest"],
            images=10_000,
            provenance={"inputs": {"weights": "0" * 64}},
            own="zca-kornia",
            recorded=last,
            accuracies={"zca-kornia": last, "none": 30.0},
            seconds=1.0,
        )
        write_record(record, layout.analysis_record("whitening", run))
    file = layout.analysis_record("whitening", OLD)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"digest": "0" * 16}))
    return layout


def reason(layout: Layout) -> str:
    digest = json.loads(layout.run_metrics(OLD).read_text())["digest"]
    return (
        f"{layout.analysis_record('whitening', OLD)}: digest: found {'0' * 16}, but "
        f"the run has {digest}: analyse it again: crossarch analyse whitening {OLD.path}"
    )


def test_a_summary_leaves_them_out_and_names_them(layout: Layout) -> None:
    finished = invoke("analyse", "whitening", "--summary", results=layout.results)
    assert finished.exit_code == 0
    assert finished.stderr == f"left out: {reason(layout)}\n"
    assert "of 1 run are" in layout.analysis_files("whitening")[1].read_text()
    with pytest.raises(DataError) as caught:
        findings(load_configuration(PROJECT / "config"), layout, "whitening", [KEPT, OLD])
    assert str(caught.value) == reason(layout)


@pytest.mark.parametrize("other", ["weights", "distilled"])
def test_a_record_of_other_weights_or_another_set_is_left_out(layout: Layout, other: str) -> None:
    """The settings are the same, and so is the digest."""
    record, metrics = layout.analysis_record("whitening", KEPT), layout.run_metrics(KEPT)
    measured, run = json.loads(record.read_text()), json.loads(metrics.read_text())
    inputs = measured["provenance"]["inputs"]
    run["weights"] = {"last.safetensors": inputs["weights"], "best.safetensors": "1" * 64}
    inputs["distilled"] = run["inputs"]["distilled"]
    record.write_text(json.dumps(measured))
    metrics.write_text(json.dumps(run))
    assert stale_records(layout, "whitening", [KEPT]) == {}
    found = inputs[other]
    expected = inputs[other] = "2" * 64
    record.write_text(json.dumps(measured))
    assert stale_records(layout, "whitening", [KEPT])[record] == (
        f"provenance.inputs.{other}: found {expected}, but the run has {found}: analyse it again: "
        f"crossarch analyse whitening {KEPT.path}"
    )


def test_nothing_measured_writes_nothing(tmp_path: Path) -> None:
    """An empty page would look like a finished one."""
    for analysis in ("protocols", "whitening", "selection"):
        refused = invoke("analyse", analysis, "--summary", results=tmp_path)
        assert str(refused.exception) == (
            f"analyse {analysis}: found no finished run that it says something of, needed: at least one;"
            f" `snakemake {analysis}` trains what is missing"
        )
    assert not list(tmp_path.iterdir())


def test_publishing_warns_of_a_run_that_would_be_made_otherwise(layout: Layout, tmp_path: Path) -> None:
    layout.analysis_record("whitening", OLD).unlink()
    file = layout.run_metrics(OLD)
    run = json.loads(file.read_text())
    run["settings"]["batch_size"] = 7
    file.write_text(json.dumps(run))
    published = invoke("publish", "--destination", str(tmp_path / "kept"), results=layout.results)
    assert published.exit_code == 0
    assert published.stderr.splitlines()[0] == (
        f"warning: {file}: settings.batch_size: made with 7, today 10"
    )


def test_they_are_measured_again(layout: Layout) -> None:
    finished = invoke("analyse", "whitening", results=layout.results)
    last = layout.run(OLD) / "last.safetensors"
    assert str(finished.exception) == f"{last}: no such file; train the run: crossarch train {OLD.path}"


def test_they_are_not_published(layout: Layout, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    refused = invoke("publish", "--destination", str(kept), results=layout.results)
    assert isinstance(refused.exception, DataError)
    assert str(refused.exception) == reason(layout)
    assert not kept.exists()
    layout.analysis_record("whitening", OLD).unlink()
    assert invoke("publish", "--destination", str(kept), results=layout.results).exit_code == 0
    assert len(list(kept.rglob("*.json"))) == 3
