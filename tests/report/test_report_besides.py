"""A data set that no table is about: in tables and figures, nowhere beside the paper's numbers."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from synthetic_runs import CONFIG, configured, run_row, runs_of

from crossarch.config import (
    Configuration,
    figure_points,
    load_configuration,
    named_runs,
    table_datasets,
)
from crossarch.report.figures import render_figure
from crossarch.report.printed_tables import render_table
from crossarch.report.scorecard import scorecard_cells
from crossarch.report.tables import table_cells


@pytest.fixture
def own(tmp_path: Path) -> Configuration:
    """A data set of the user's own, with sets of FRePo's family (IPC 1 and 7) and another's (IPC 7)."""
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    datasets = yaml.safe_load((directory / "datasets.yaml").read_text())
    datasets["mine"] = {**datasets["digits"], "title": "My images"}
    (directory / "datasets.yaml").write_text(yaml.safe_dump(datasets))
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    sources["frepo"]["sets"]["mine"] = {ipc: {"file": f"{ipc}.npz"} for ipc in (1, 7)}
    sources["mtt"]["sets"]["mine"] = {7: {"file": "mtt.npz"}}
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources, sort_keys=False))
    selection = {"datasets": ["mine"], "sources": ["frepo", "mtt"], "seeds": [0]}
    return load_configuration(directory, overrides=[("test", selection)])


def measured() -> pd.DataFrame:
    """The CNN's baseline on each set of the user's."""
    sets = (("frepo", 1, 50.0), ("frepo", 7, 60.0), ("mtt", 7, 70.0))
    return runs_of(run_row(mean, dataset="mine", source=name, ipc=ipc) for name, ipc, mean in sets)


def test_tables_with_a_row_for_each_source_take_it(own: Configuration) -> None:
    wide = {name for name, table in own.tables.items() if table_datasets(own, table) == ["mine"]}
    assert wide == {"table2", "table5", "table6", "table7", "table8", "transfer"}
    cells = table_cells(own, own.table("table2"), measured())
    found = cells[cells["n"] > 0]
    assert list(zip(found["source"], found["ipc"], found["mean"], strict=True)) == [
        ("frepo", 1, 50.0),
        ("frepo", 7, 60.0),
        ("mtt", 7, 70.0),
    ]
    assert set(cells["ipc"]) == {1, 7}
    assert cells[["paper", "paper_std", "difference"]].isna().all(axis=None)


def test_its_title_stands_where_the_papers_data_set_stood(own: Configuration, tmp_path: Path) -> None:
    render_table(own, "table2", measured(), tmp_path)
    for edition in ("table2", "table2-comparison"):
        text = (tmp_path / f"{edition}.md").read_text()
        assert "# Test accuracies on My images" in text
        assert "CIFAR" not in text
    files = render_figure(own, "figure1", measured(), tmp_path)
    words = next(file for file in files if file.suffix == ".md").read_text()
    assert "Test accuracies on My images" in words
    assert "CIFAR" not in words


@pytest.fixture
def mine(tmp_path: Path) -> Configuration:
    """A set of the user's own of digits, distilled with ResNet18, five images per class."""
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    usual = {key: sources["mtt"][key] for key in ("widths", "norm", "labels", "whitening")}
    sets = {"digits": {5: {"file": "mine.npz"}}}
    sources["mine"] = {**usual, "title": "My set", "arch": "resnet18", "sets": sets}
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources, sort_keys=False))
    selection = {"datasets": ["digits"], "sources": ["mine"], "seeds": [0]}
    return load_configuration(directory, overrides=[("test", selection)])


def of_mine(*archs: str) -> pd.DataFrame:
    return runs_of(run_row(40.0, dataset="digits", source="mine", ipc=5, arch=arch) for arch in archs)


@pytest.mark.parametrize(
    ("name", "recipes", "more"),
    [
        ("table2", "baseline, wo_dp_kd, wo_dp, wo_kd and full", "Gaps in brackets are those to"),
        ("table7", "wo_dp_kd, wo_dp, wo_kd and full", "Mean ± standard deviation over random seeds."),
        (
            "table8",
            "baseline, wo_dp_kd-2fold, wo_dp-2fold, wo_kd-2fold and full-2fold",
            "Gaps in brackets are those to",
        ),
    ],
)
def test_captions_of_tables_tell_the_sets_that_are_in_them(
    mine: Configuration, tmp_path: Path, name: str, recipes: str, more: str
) -> None:
    render_table(mine, name, of_mine("alexnet"), tmp_path)
    caption = (tmp_path / f"{name}.md").read_text().split("\n\n")[1]
    told = "Test accuracies (%) on Digits of models trained on My set, distilled with ResNet18, IPC 5. "
    assert caption.startswith(told.replace("_", "\\_"))
    assert f"Recipes: {recipes}. {more}".replace("_", "\\_") in caption
    assert not any(word in caption for word in ("FRePo", "one image", "CIFAR", "CNN", "Table"))


def test_the_caption_of_a_figure_tells_the_sets_that_are_in_it(
    mine: Configuration, tmp_path: Path
) -> None:
    render_figure(mine, "figure1", of_mine("alexnet"), tmp_path)
    caption = (tmp_path / "figure1.md").read_text().split("\n\n")[2]
    assert caption.startswith(
        "Test accuracies on Digits over the number of images per class (IPC), of models trained on My "
        "set, distilled with ResNet18, IPC 5. Dashed: Baseline. Solid: w/o DP & KD and Full."
    )
    assert "CNN" not in caption.split("Measured on")[0]


def test_captions_of_several_sources_and_data_sets(own: Configuration, tmp_path: Path) -> None:
    made = "distilled with the 3-layer CNN, IPC"
    told = f"FRePo, {made} 1 and 7; MTT, {made} 7"
    render_table(own, "table2", measured(), tmp_path)
    assert f"trained on {told}." in (tmp_path / "table2.md").read_text()
    selection = own.selection.model_copy(update={"datasets": ("cifar10", "mine")})
    both = load_configuration(own.directory, selection=selection.model_dump())
    render_figure(both, "figure1", measured(), tmp_path)
    caption = (tmp_path / "figure1.md").read_text().split("\n\n")[2]
    assert caption.startswith(both.figure("figure1").caption)  # as it is: of CIFAR-10
    assert "Test accuracies on My images over the number of images per class (IPC), of models" in caption
    assert f"trained on {told}." in caption


def test_a_figure_over_ipc_has_a_panel_for_each_source(own: Configuration) -> None:
    points = figure_points(own, "figure1")
    panels = {(point.panel, point.run.source, point.x) for point in points}
    assert panels == {("(a) FRePo", "frepo", 1), ("(a) FRePo", "frepo", 7), ("(b) MTT", "mtt", 7)}
    assert not any(figure_points(own, name) for name in ("figure3", "figure4", "figure7"))


def test_the_chosen_ipc_alone_are_shown(own: Configuration) -> None:
    selection = own.selection.model_copy(update={"ipc": (7,)})
    narrowed = load_configuration(own.directory, selection=selection.model_dump())
    assert {run.ipc for run in named_runs(narrowed, "table2")} == {7}
    assert {point.run.ipc for point in figure_points(narrowed, "figure1")} == {7}
    cells = table_cells(narrowed, narrowed.table("table2"), measured())
    assert set(cells["ipc"]) == {7}


def test_the_scorecard_compares_nothing_of_it(own: Configuration) -> None:
    assert (scorecard_cells(own, measured())["n"] == 0).all()


def test_what_a_table_is_about_stays_as_it_is() -> None:
    """Data sets of the paper do not wander into other tables."""
    for dataset in ("cifar10", "cifar100", "tiny-imagenet"):
        assert not configured().is_outside_paper(dataset)
    chosen = configured(datasets=["cifar10", "cifar100"])
    assert table_datasets(chosen, chosen.table("table2")) == ["cifar10"]
    assert table_datasets(chosen, chosen.table("table5")) == ["cifar100"]
