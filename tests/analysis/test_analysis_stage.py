"""Whom an edit of the stage concerns, what its rules import, and what is kept of its results."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import configured  # type: ignore[import-not-found]

from crossarch import digests
from crossarch.analysis.chosen import analyses_together, chosen_runs
from crossarch.analysis.summary import NOTHING, findings
from crossarch.config import load_configuration, parse_run, published_teacher, read_overrides
from crossarch.config.schema import MEASURED, SUMMARISED, Summarised
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout
from crossarch.report.marked import check_marked, marks, renew

PROJECT = Path(__file__).parents[2]
PUBLISHED = Layout(PROJECT / "results" / "reproduction")


@pytest.mark.parametrize(
    ("module", "concerned"),
    [
        ("selection.py", {"analysis"}),
        ("testing.py", {"testing"}),
        ("taught.py", {"testing", "retrace"}),
        ("softness.py", {"analysis"}),
        ("findings.py", {"analysis"}),
        ("predictions.py", {"testing", "retrace"}),
        ("retrace.py", {"retrace"}),
        ("teachers.py", {"analysis"}),
        ("chosen.py", {"analysis", "testing"}),
        ("landscape.py", {"curvature"}),
        ("finished.py", {"curvature", "testing", "retrace"}),
        ("job.py", {"curvature", "testing", "retrace"}),
    ],
)
def test_an_edit_of_an_analysis_trains_nothing(
    module: str, concerned: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {stage: digests.stage_digest(stage) for stage in digests.STAGES}
    package = tmp_path / "crossarch"
    shutil.copytree(digests.PACKAGE, package)
    with (package / "analysis" / module).open("a") as code:
        code.write("\nANOTHER = 1\n")
    monkeypatch.setattr(digests, "PACKAGE", package)
    digests.stage_digest.cache_clear()
    try:
        after = {stage: digests.stage_digest(stage) for stage in digests.STAGES}
    finally:
        digests.stage_digest.cache_clear()
    assert {stage for stage in before if before[stage] != after[stage]} == concerned


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("crossarch.analysis.chosen", ("torch", "pandas", "matplotlib", "scipy")),
        ("crossarch.analysis.summary", ("torch", "curvlinops")),
        ("crossarch.report.figures.curvature", ("torch", "curvlinops")),
        ("crossarch.analysis.measure", ("pandas", "matplotlib")),  # not in the environment of trainings
    ],
)
def test_each_part_imports_what_its_environment_has(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


def test_runs_that_an_analysis_is_about() -> None:
    chosen = configured(
        datasets=["cifar10"],
        sources=["frepo"],
        ipc=[1],
        archs=["cnn", "alexnet"],
        seeds=[0],
        tables=["table2"],
    )
    about = {
        name: [run.path.split("/", 3)[3] for run in chosen_runs(chosen, name)] for name in SUMMARISED
    }
    cnn = ["cnn/baseline/seed0", "cnn/wo_dp_kd/seed0"]
    alexnet = [f"alexnet/{r}/seed0" for r in ("baseline", "wo_dp_kd", "wo_dp", "wo_kd", "full")]
    assert sorted(about["selection"]) == sorted(about["whitening"]) == sorted(cnn + alexnet)
    assert about["agreement"] == about["softness"] == ["alexnet/wo_dp/seed0", "alexnet/full/seed0"]
    assert sorted(about["statistics"]) == sorted(cnn + alexnet)
    assert sorted(about["teachers"]) == sorted(cnn)
    assert len(about["protocols"]) == 3 * 7
    assert "alexnet/full@released_as_is/seed0" in about["protocols"]
    mixed = configured(sources=["frepo", "mtt"], tables=["table2"])
    assert {run.source for run in chosen_runs(mixed, "statistics")} == {"frepo"}  # MTT: instance norm


@pytest.mark.parametrize(
    ("chosen", "left_out"),
    [
        ({}, set()),
        ({"sources": ["mtt"], "archs": ["resnet18"]}, {"statistics"}),  # instance norm throughout
        ({"recipes": ["baseline"]}, {"agreement", "softness"}),  # no teacher
    ],
)
def test_analyses_together_are_those_that_have_a_run(chosen: dict[str, Any], left_out: set[str]) -> None:
    every = {"selection", "whitening", "agreement", "softness", "statistics"}
    selection = {"datasets": ["cifar10"], "tables": ["table2"], **chosen}
    configuration = load_configuration(overrides=[("--config", selection)])
    assert set(analyses_together(configuration)) == every - left_out


@pytest.mark.parametrize(
    ("analysis", "chosen"),
    [
        ("agreement", {"recipes": ["baseline"]}),
        ("softness", {"recipes": ["baseline"]}),
        ("statistics", {"sources": ["mtt"]}),
        ("teachers", {"archs": ["alexnet"]}),
    ],
)
def test_no_run_that_an_analysis_is_about(analysis: str, chosen: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match=f"^{analysis}: no run is left"):
        chosen_runs(configured(tables=["table2"], **chosen), analysis)


def test_whose_weights_the_authors_published() -> None:
    configuration = configured()
    found = {
        path: published_teacher(configuration, parse_run(f"{path}/wo_dp_kd/seed0"))
        for path in (
            "cifar10/mtt/ipc10/cnn",
            "cifar10/mtt/ipc10/alexnet",
            "cifar100/mtt/ipc10/cnn",
            "cifar10/real/ipc10/cnn",
        )
    }
    first, *none = found.values()
    assert first is not None
    assert first.url.endswith("/snapshots/cifar10_10_mtt_convnet/checkpoint_best.pth")
    assert none == [None, None, None]


@pytest.mark.parametrize("analysis", SUMMARISED)
def test_what_the_pages_say_is_what_the_kept_results_give(analysis: Summarised) -> None:
    presets = read_overrides([PROJECT / "config" / "presets" / "reproduction.yaml"])
    configuration = load_configuration(PROJECT / "config", overrides=presets)
    runs = [parse_run(file.as_posix()) for file in PUBLISHED.finished_runs()]
    if not runs:
        pytest.skip("no published runs")
    if analysis in MEASURED:
        runs = [run for run in runs if PUBLISHED.analysis_record(analysis, run).exists()]
    told = findings(configuration, PUBLISHED, analysis, runs).told or NOTHING
    begin, end = marks(analysis)
    text = (PROJECT / "docs" / "analysis.md").read_text()
    assert told in text.partition(begin)[2].partition(end)[0]
    assert told in (PUBLISHED.analysis_files(analysis)[1]).read_text()


def test_a_page_is_changed_between_its_marks_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = "<!-- a: made by `snakemake reproduction` -->", "<!-- /a -->"
    page.write_text(f"before\n{begin}\nold\nlines\n{end}\nbehind\n")
    renew(page, "a", r"new \1")
    assert page.read_text() == f"before\n{begin}\nnew \\1\n{end}\nbehind\n"
    with pytest.raises(DataError, match=r"page\.md: found no lines <!-- b: made by"):
        check_marked(page, "b")
