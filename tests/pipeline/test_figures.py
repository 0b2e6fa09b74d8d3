"""Figures and reports in the workflow: made from runs, and made again only when their part changes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from miniature import Workspace

pytestmark = pytest.mark.slow

FIGURES = ["figure1", "figure5"]
TARGETS = ("report", *FIGURES, "table2")
TITLE = "CIFAR-10"
PAGE = {"report_page": 1, "report": 1}


@pytest.fixture
def own_code(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace of one short training, with a copy of the project's code to change."""
    copy = tmp_path_factory.mktemp("code")
    for name in ("Snakefile", "rules", "report", "envs", "workflow_src"):
        place = workspace.project / name
        if place.is_dir():
            shutil.copytree(place, copy / name)
        else:
            shutil.copy(place, copy)
    workspace.edit(
        "config.yaml",
        lambda data: data.update(archs=["cnn"], recipes=["baseline"], figures=FIGURES),
    )
    return Workspace(workspace.folder, workspace.mirror, copy)


def change(file: Path, edit: Callable[[str], str]) -> None:
    """Change a text file; the edit must have an effect."""
    before = file.read_text()
    assert edit(before) != before
    file.write_text(edit(before))


def test_figures_and_page_follow_what_they_are_made_of(own_code: Workspace) -> None:
    finished = own_code.snakemake(*TARGETS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = own_code.folder / "results"
    made = {file.name for file in (results / "figures").iterdir()}
    assert made == {f"{name}.{kind}" for name in FIGURES for kind in ("csv", "md", "pdf", "png", "svg")}
    assert "1 of 60 points shown, 1 seed each." in (results / "figures" / "figure1.md").read_text()
    assert "<strong>1</strong> runs" in (results / "report" / "index.html").read_text()
    assert own_code.planned(*TARGETS) == {}

    finished = own_code.snakemake(*TARGETS, "--report", "out.html")  # there is no network
    assert finished.returncode == 0, finished.stdout + finished.stderr
    report = (own_code.folder / "out.html").read_text()
    shown = [f"{name}.svg" for name in FIGURES] + ["table2.csv", "table2-comparison.md", "index.html"]
    for name in ("Tables", "Figures", "Explore", *shown):
        assert f'"{name}"' in report, name

    audited = results / "audit" / "audit.csv"
    audited.parent.mkdir()
    audited.touch()
    assert own_code.planned(*TARGETS) == PAGE  # which shows what was audited
    audited.unlink()
    assert own_code.planned(*TARGETS) == {}
    own_code.edit("datasets.yaml", lambda data: data["cifar10"].update(title="Others"))
    renamed = own_code.planned(*TARGETS)
    assert (renamed["render_figure"], renamed["render_table"]) == (len(FIGURES), 1)
    own_code.edit("datasets.yaml", lambda data: data["cifar10"].update(title=TITLE))

    code = own_code.project / "workflow_src" / "crossarch"
    style = code / "printing" / "style.py"
    change(code / "report" / "templates" / "page.css", lambda text: text + "\nbody { margin: 1px; }\n")
    change(style, lambda text: text + "\n# A remark changes no figure.\n")
    assert own_code.planned(*TARGETS) == PAGE
    change(style, lambda text: text.replace('"font.size": 7', '"font.size": 8'))
    every_figure = {"render_figure": len(FIGURES), **dict.fromkeys(FIGURES, 1)}
    assert own_code.planned(*TARGETS) == {**every_figure, **PAGE}


def test_a_changed_word_or_number_redraws_its_figure_alone(workspace: Workspace) -> None:
    drawn = ("figure2", "figure5", "figure6")
    finished = workspace.snakemake(*drawn)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    workspace.edit("figures.yaml", lambda data: data["figure2"].update(title="Another title"))
    assert workspace.planned(*drawn) == {"render_figure": 1, "figure2": 1}
    workspace.edit("recipes.yaml", lambda data: data["recipes"]["wo_kd"]["keep_rate"].update(decay=0.2))
    # Figures 5 and 6 show the same recipe
    assert workspace.planned(*drawn) == {"render_figure": 3, **dict.fromkeys(drawn, 1)}


def test_a_figure_of_which_no_run_is_left_is_told(workspace: Workspace) -> None:
    finished = workspace.snakemake("-n", "figure1", "--config", "recipes=[wo_kd]", "archs=[cnn]")
    assert finished.returncode != 0
    printed = finished.stdout + finished.stderr
    assert "figure1: no run is left" in printed
    assert "Traceback (most recent call last)" not in printed


def test_a_figure_of_the_runs_that_have_finished(workspace: Workspace) -> None:
    finished = workspace.crossarch("render", "figure1")
    assert finished.returncode == 2
    assert "render figure1: found no --runs, expected the CSV of its runs" in finished.stderr
    collected = workspace.crossarch("collect", "--every", "--output", "runs.csv")
    assert collected.returncode == 0, collected.stderr
    finished = workspace.crossarch("render", "figure1", "--runs", "runs.csv", "--output", "partial")
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.split()) == 5
    assert "No run measured yet on CIFAR-10." in (workspace.folder / "partial/figure1.md").read_text()
    assert not (workspace.folder / "results" / "figures").exists()
    finished = workspace.crossarch("render", "figure9")
    assert finished.returncode == 2
    assert "found unknown table or figure 'figure9' (did you mean 'figure" in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_a_wrong_name_in_a_figure_is_told_without_a_traceback(workspace: Workspace) -> None:
    def misspell(data: dict[str, Any]) -> None:
        data["figure1"]["drawing"]["panels"][0]["lines"][0]["recipe"] = "basline"

    workspace.edit("figures.yaml", misspell)
    finished = workspace.snakemake("-n", "table1")
    printed = finished.stdout + finished.stderr
    assert finished.returncode != 0
    assert "basline" in printed
    assert "Traceback" not in printed
