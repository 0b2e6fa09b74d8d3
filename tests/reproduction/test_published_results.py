"""The results kept in git: made with today's settings, and rendered from nothing but themselves."""

import json
from pathlib import Path

import pytest

from crossarch.config import (
    Configuration,
    RunSettings,
    load_configuration,
    parse_run,
    read_overrides,
    resolve,
)
from crossarch.layout import Layout
from crossarch.report import (
    collect_runs,
    outdated,
    read_runs,
    render_scorecard,
    render_table,
)

PROJECT = Path(__file__).parents[2]
PUBLISHED = Layout(PROJECT / "results" / "reproduction")
RUNS = PUBLISHED.finished_runs()


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    presets = read_overrides([PROJECT / "config" / "presets" / "reproduction.yaml"])
    return load_configuration(PROJECT / "config", overrides=presets)


@pytest.mark.parametrize("file", RUNS, ids=lambda file: str(file.parent.relative_to(PUBLISHED.results)))
def test_a_published_run_was_made_with_the_settings_of_its_name(
    file: Path, configuration: Configuration
) -> None:
    metrics = json.loads(file.read_text())
    expected = resolve(configuration, parse_run(file))
    made = RunSettings.model_validate({"run": metrics["run"], **metrics["settings"]})
    assert made.digest == metrics["digest"]
    assert made.model_copy(update={"evaluate_every": expected.evaluate_every}) == expected
    assert [e["epoch"] for e in metrics["evaluations"]][-1] == made.epochs
    assert metrics["accuracy"]["best"] == max(e["accuracy"] for e in metrics["evaluations"])


def test_the_published_tables_are_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration
) -> None:
    runs = collect_runs(RUNS)
    assert read_runs(PUBLISHED.metrics("runs")).equals(runs)
    for rendered in render_table(configuration, "table2", runs, tmp_path):
        assert rendered.read_text() == (PUBLISHED.tables / rendered.name).read_text()


def test_the_published_scorecard_is_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration
) -> None:
    layout = Layout(tmp_path)
    rendered = render_scorecard(configuration, collect_runs(RUNS), layout)
    for made, kept in zip(rendered, PUBLISHED.scorecard_files(), strict=True):
        assert made.read_text() == kept.read_text()


def test_no_published_run_is_left_out(configuration: Configuration) -> None:
    assert outdated(configuration, RUNS) == {}
