"""Figures and reports in the workflow: made from runs, and made again only when their part changes."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import Workspace  # type: ignore[import-not-found]

pytestmark = pytest.mark.slow

FIGURES = ["figure1", "figure2", "figure5", "figure6"]
PAGE = {"report_page": 1, "report": 1}


@pytest.fixture
def own_code(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of one short training, with a copy of the project's code to change."""
    copy = tmp_path_factory.mktemp("code")
    for name in ("Snakefile", "rules", "report", "envs", "workflow_src"):
        place = workspace.project / name
        shutil.copytree(place, copy / name) if place.is_dir() else shutil.copy(place, copy)
    workspace.edit(
        "config.yaml",
        lambda data: data.update(archs=["cnn"], recipes=["baseline"], figures=FIGURES),
    )
    return Workspace(workspace.folder, workspace.mirror, copy)


def test_figures_and_page_follow_what_they_are_made_of(own_code: Workspace) -> None:
    finished = own_code.snakemake("report", *FIGURES, "table2")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = own_code.folder / "results"
    made = {file.name for file in (results / "figures").iterdir()}
    assert made == {f"{name}.{kind}" for name in FIGURES for kind in ("csv", "md", "pdf", "png", "svg")}
    assert "1 of 60 points shown, 1 seed each." in (results / "figures" / "figure1.md").read_text()
    assert "<strong>1</strong> runs" in (results / "report" / "index.html").read_text()
    targets = ("report", *FIGURES, "table2")
    assert own_code.planned(*targets) == {}

    style = own_code.project / "workflow_src/crossarch/report/figures/style.py"
    before = style.read_text()
    style.write_text(before.replace('"font.size": 7,', '"font.size": 8,'))
    assert style.read_text() != before
    again = {"render_figure": len(FIGURES), **PAGE, **dict.fromkeys(FIGURES, 1)}
    assert own_code.planned(*targets) == again
    style.write_text(before.replace("import matplotlib.style", "# A remark.\nimport matplotlib.style"))
    assert own_code.planned(*targets) == {}
    style.write_text(before)

    sheet = own_code.project / "workflow_src/crossarch/report/page/style.css"
    before = sheet.read_text()
    sheet.write_text(before + "\nbody { margin: 1px; }\n")
    assert own_code.planned(*targets) == PAGE
    sheet.write_text(before)

    own_code.edit("figures.yaml", lambda data: data["figure2"].update(title="Another title"))
    assert own_code.planned(*targets) == {"render_figure": 1, "figure2": 1, **PAGE}
    own_code.edit(
        "figures.yaml", lambda data: data["figure2"].update(title="DropPath and shortcut connections")
    )
    assert own_code.planned(*targets) == {}
    own_code.edit("recipes.yaml", lambda data: data["recipes"]["wo_kd"]["keep_rate"].update(decay=0.2))
    drawn = {"figure5": 1, "figure6": 1}
    assert own_code.planned(*targets) == {"render_figure": 2, **drawn, **PAGE}

    _check_snakemake_report(own_code)


def _check_snakemake_report(workspace: Workspace) -> None:
    """`snakemake --report` works without a network and knows the categories."""
    workspace.edit("recipes.yaml", lambda data: data["recipes"]["wo_kd"]["keep_rate"].update(decay=0.1))
    finished = workspace.snakemake("report", *FIGURES, "table2", "--report", "out.html")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    report = (workspace.folder / "out.html").read_text()
    for category in ("Tables", "Figures", "Explore"):
        assert f'"{category}"' in report
    for name in (
        *(f"{name}.svg" for name in FIGURES),
        "table2.csv",
        "table2-comparison.md",
        "index.html",
    ):
        assert re.search(rf'"{re.escape(name)}"', report), name


def test_a_figure_of_which_no_run_is_left_is_told(workspace: Workspace) -> None:
    finished = workspace.snakemake("-n", "figure1", "--config", "recipes=[wo_kd]", "archs=[cnn]")
    assert finished.returncode != 0
    printed = finished.stdout + finished.stderr
    assert "figure1: no run is left" in printed
    assert "Traceback" not in printed


def test_by_hand_a_figure_is_made_of_all_finished_runs(workspace: Workspace, project: Path) -> None:
    environment_free = [name for name in os.environ if name.startswith("CROSSARCH_RESULTS")]
    assert environment_free == []
    finished = workspace.crossarch("render", "figure1")
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.split()) == 5
    caption = (workspace.folder / "results" / "figures" / "figure1.md").read_text()
    assert "No run measured yet on CIFAR-10 (JPEG copy)." in caption
    finished = workspace.crossarch("render", "figure9")
    assert finished.returncode == 2
    assert "found unknown table or figure 'figure9' (did you mean 'figure" in finished.stderr
    assert finished.stderr.count("\n") == 1
