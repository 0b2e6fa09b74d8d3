"""Which runs an analysis is about, what its modules import, and which jobs an edit of it reruns."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from synthetic_runs import configured  # type: ignore[import-not-found]

from crossarch import digests
from crossarch.analysis.base import find_analysis
from crossarch.config import load_configuration, parse_run, published_teacher
from crossarch.config.analyses import analysis_runs, analysis_settings, chosen_analyses
from crossarch.errors import ConfigError

CONFIGURATION = configured()
MEASURED = [name for name, entry in CONFIGURATION.analyses.items() if entry.inputs]


@pytest.mark.parametrize("name", CONFIGURATION.analyses)
def test_every_line_of_yaml_is_a_module_with_a_template(name: str) -> None:
    analysis, entry = find_analysis(name), CONFIGURATION.analysis(name)
    assert type(analysis).__module__ == f"crossarch.analysis.{name}"
    templates = digests.PACKAGE / "analysis" / "summary" / "templates"
    assert (templates / f"{name}.md").exists() == entry.summary


@pytest.mark.parametrize(
    ("module", "remeasured", "summarised"),
    [
        ("selection.py", set(), {"selection"}),
        ("whitening.py", {"whitening"}, {"whitening"}),
        ("hessian.py", {"curvature"}, set()),
        ("summary/templates/whitening.md", set(), set(CONFIGURATION.analyses)),
        ("measure.py", set(MEASURED), set()),
    ],
)
def test_an_edit_of_an_analysis_concerns_no_other(
    module: str,
    remeasured: set[str],
    summarised: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def digest(stage: str, name: str) -> str:
        return digests.stage_digest.__wrapped__(stage, f"analysis/{name}.py")

    def every() -> dict[tuple[str, str], str]:
        for cached in (digests.stage_files, digests.imported):
            cached.cache_clear()
        pairs = [("analyse", name) for name in MEASURED]
        pairs += [("summarise", name) for name in CONFIGURATION.analyses]
        return {pair: digest(*pair) for pair in pairs}

    before, trained = every(), digests.stage_digest.__wrapped__("train")
    package = tmp_path / "crossarch"
    shutil.copytree(digests.PACKAGE, package)
    with (package / "analysis" / module).open("a") as code:
        code.write("\nANOTHER = 1\n")
    monkeypatch.setattr(digests, "PACKAGE", package)
    after = every()
    changed = {pair for pair in before if before[pair] != after[pair]}
    assert {name for stage, name in changed if stage == "analyse"} == remeasured
    assert {name for stage, name in changed if stage == "summarise"} - {"curvature"} == summarised - {
        "curvature"
    }
    assert digests.stage_digest.__wrapped__("train") == trained
    monkeypatch.undo()
    every()


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("crossarch.config.analyses", ("torch", "pandas", "matplotlib", "scipy")),
        *((f"crossarch.analysis.{name}", ("torch", "matplotlib")) for name in CONFIGURATION.analyses),
        ("crossarch.analysis.summary", ("torch", "curvlinops")),
        ("crossarch.report.figures.curvature", ("torch", "curvlinops")),
        ("crossarch.analysis.measure", ("jinja2", "matplotlib")),
    ],
)
def test_each_part_imports_what_its_environment_has(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sorted(set({absent!r}) & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == []


def test_runs_that_an_analysis_is_about() -> None:
    chosen = configured(
        sources=["frepo"], ipc=[1], archs=["cnn", "alexnet"], seeds=[0], tables=["table2"]
    )
    about = {
        name: [run.path.split("/", 3)[3] for run in analysis_runs(chosen, name)]
        for name in chosen.analyses
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
    assert {run.source for run in analysis_runs(mixed, "statistics")} == {"frepo"}  # MTT: instance norm


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
    assert set(chosen_analyses(configuration)) == every - left_out


@pytest.mark.parametrize(
    ("analysis", "chosen"),
    [
        ("agreement", {"recipes": ["baseline"]}),
        ("statistics", {"sources": ["mtt"]}),
        ("teachers", {"archs": ["alexnet"]}),
    ],
)
def test_no_run_that_an_analysis_is_about(analysis: str, chosen: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match=f"^{analysis}: no run is left"):
        analysis_runs(configured(tables=["table2"], **chosen), analysis)


def test_settings_that_decide_a_record() -> None:
    """Of a teacher the temperature of Equation 2; else 1, with nothing to distil."""
    runs = {name: parse_run(f"cifar10/mtt/ipc1/cnn/{name}/seed0") for name in ("wo_dp_kd", "full")}
    assert analysis_settings(CONFIGURATION, "teachers", runs["wo_dp_kd"]) == '{"temperature": 1.5}'
    assert analysis_settings(CONFIGURATION, "teachers", runs["full"]) == '{"temperature": 1.0}'
    assert analysis_settings(CONFIGURATION, "whitening", runs["full"]) == "{}"
    assert '"eigenvalues": 20' in analysis_settings(CONFIGURATION, "curvature", runs["full"])


def test_whose_weights_the_authors_published() -> None:
    found = {
        path: published_teacher(CONFIGURATION, parse_run(f"{path}/wo_dp_kd/seed0"))
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
