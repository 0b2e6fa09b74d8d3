"""Figure 8: which runs it is made of, and what is drawn and said of their records."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import configured, run_row, runs_of  # type: ignore[import-not-found]

from crossarch.analysis.curvature import CurvatureRecord
from crossarch.config import RunId, figure_runs, load_configuration, renderable_figures
from crossarch.errors import ConfigError, DataError
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.style import FORMATS
from crossarch.printing.synthetic import NOTICE, SYNTHETIC
from crossarch.report.figures import KINDS, render_figure

DIGEST = "0123456789abcdef"
EIGENVALUES = {"full": 8.0, "full-adamw": 80.0}


def analysed(layout: Layout, run: RunId, **changes: Any) -> None:
    """A made-up record and landscape of a run: a bowl as steep as its largest eigenvalue."""
    top, places = EIGENVALUES[run.recipe], np.linspace(-1.0, 1.0, 5)
    record = {
        "run": run,
        "digest": DIGEST,
        "images": 10 * run.ipc,
        "provenance": {},
        "settings": {"eigenvalues": 20},
        "parameters": 1000,
        "loss": 0.25,
        "gradient_norm": 0.01,
        "eigenvalues": [top / rank for rank in range(1, 21)],
        "residuals": [1e-5 * top] * 20,
        "products": 123,
        "offsets": places.tolist(),
        "landscape": (0.25 + 0.5 * (top * places[:, None] ** 2 + top / 2 * places[None] ** 2)).tolist(),
        "solver": {},
        "seconds": 150.0,
        **changes,
    }
    file = layout.analysis_record("curvature", run)
    write_text(file, CurvatureRecord.model_validate(record).model_dump_json())


def records(layout: Layout) -> list[Path]:
    """As the rule hands them over."""
    return sorted((layout.results / "analysis" / "curvature").rglob("*.json"))


def table_of(configuration: Any, rows: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    return KINDS["curvature"](configuration, "figure8").table(rows, records(layout))


def words_in(svg: Path) -> list[str]:
    return re.findall(r"<!-- (.*?) -->", svg.read_text())


def runs_and_rows(**selection: Any) -> tuple[Any, list[RunId], pd.DataFrame]:
    configuration = configured(figures=["figure8"], **selection)
    runs = figure_runs(configuration, "figure8")
    rows = [run_row(43.0, epochs=4000, **run.model_dump()) for run in runs]
    for row in rows:
        row["epochs"] = 4000
    return configuration, runs, runs_of(rows)


def test_the_first_ipc_that_is_chosen_and_the_first_seed() -> None:
    paths = {
        None: "cifar10/frepo/ipc10/resnet18",
        (1, 10): "cifar10/frepo/ipc10/resnet18",
        (1,): "cifar10/frepo/ipc1/resnet18",
        (50, 1): "cifar10/frepo/ipc1/resnet18",
        (50,): "cifar10/frepo/ipc50/resnet18",
    }
    for ipc, folder in paths.items():
        found = [run.path for run in figure_runs(configured(ipc=ipc, seeds=[2, 0]), "figure8")]
        assert found == [f"{folder}/full/seed2", f"{folder}/full-adamw/seed2"]
    assert figure_runs(configured(archs=["alexnet"]), "figure8") == []
    narrowed = figure_runs(configured(recipes=["full"]), "figure8")
    assert [run.recipe for run in narrowed] == ["full"]
    figures = ["figure8"]
    assert renderable_figures(configured(figures=figures, datasets=["cifar100"])) == []


def test_full_adamw_is_full_with_the_optimiser_of_the_baseline() -> None:
    book = load_configuration(Path(__file__).parents[2] / "config").recipe_book
    at = {"protocol": "paper", "ipc": 1, "arch": "resnet18", "source": "frepo"}
    adamw, full, baseline = (book.recipe(name, **at) for name in ("full-adamw", "full", "baseline"))
    assert adamw.optimizer == baseline.optimizer
    other = {"title", "optimizer"}
    assert adamw.model_dump(exclude=other) == full.model_dump(exclude=other)


def test_what_is_drawn_and_said(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    for run in runs:
        analysed(layout, run)
    files = render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    assert {file.name for file in files} == {f"figure8.{kind}" for kind in ("csv", "md", *FORMATS)}
    table = pd.read_csv(layout.figures / "figure8.csv")
    assert table.groupby(["recipe", "part"]).size().to_dict() == {
        (recipe, part): count
        for recipe in EIGENVALUES
        for part, count in (("eigenvalue", 20), ("landscape", 25))
    }
    top = table[(table["part"] == "eigenvalue") & (table["rank"] == 1)].set_index("recipe")["value"]
    assert top.to_dict() == EIGENVALUES
    words = words_in(layout.figures / "figure8.svg")
    for word in (
        "(a) Eigenvalues of the Hessian",
        "(b) Lion",
        "(c) AdamW",
        "Magnitude of the eigenvalue",
    ):
        assert word in words
    assert NOTICE not in words
    said = (layout.figures / "figure8.md").read_text()
    assert "Measured with 1 image per class (the paper: 10)." in said
    assert "no DropPath, batch norms with their running statistics" in said
    assert "accuracies measured on CIFAR-10." in said
    assert "Lion: 4000 epochs, test accuracy 43.0%, training cross-entropy 0.25 on 10 images" in said
    assert "20 eigenvalues from 80 to 4" in said
    assert "(123 Hessian-vector products, 150 s with the landscape)" in said
    again = render_figure(configuration, "figure8", rows, tmp_path / "again", records(layout))
    assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def test_the_table_has_a_row_for_each_eigenvalue_and_each_point(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    assert table_of(configuration, rows, layout).empty
    analysed(layout, runs[0])
    table = table_of(configuration, rows, layout)
    assert len(table) == 20 + 25
    second = table[table["rank"] == 2].iloc[0]
    assert (second["value"], second["residual"], second["seconds"]) == (4.0, 8e-5, 150.0)
    edge = table[(table["alpha1"] == -1.0) & (table["alpha2"] == 0.5)].iloc[0]
    assert edge["value"] == pytest.approx(0.25 + 0.5 * (8 + 4 / 4))  # steeper along the first
    other = runs_of([run_row(43.0, arch="vgg11")])  # those of the figure have not ended
    assert table_of(configuration, other, layout).empty


def test_negative_eigenvalues_are_told(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    for run in runs:
        analysed(layout, run, eigenvalues=[9.0, -4.0, 1.0, -0.5], residuals=[1e-3] * 4)
    render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    assert (
        "Hollow markers: negative eigenvalues, 4 in all." in (layout.figures / "figure8.md").read_text()
    )


def test_both_landscapes_have_one_scale(tmp_path: Path) -> None:
    """The colour bar reaches from the least to the largest loss of both."""
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    for run in runs:
        analysed(layout, run)
    render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    highest = 0.25 + 0.5 * 80 * 1.5
    ticks = np.geomspace(0.25, highest, 12)[::3]
    words = words_in(layout.figures / "figure8.svg")
    assert all(f"{tick:.2g}" in words for tick in ticks)


def test_what_was_not_analysed_is_told(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    assert "No run analysed yet." in (layout.figures / "figure8.md").read_text()
    assert words_in(layout.figures / "figure8.svg").count("no run analysed yet") == 1
    analysed(layout, runs[0])
    render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    assert "Not analysed and left out: AdamW." in (layout.figures / "figure8.md").read_text()
    words = words_in(layout.figures / "figure8.svg")
    assert "(b) Lion" in words
    assert not any("AdamW" in word or "no run" in word for word in words)


def test_made_up_runs_are_marked(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    for run in runs:
        analysed(layout, run)
    render_figure(
        configuration, "figure8", rows.assign(device=SYNTHETIC), layout.figures, records(layout)
    )
    assert NOTICE in words_in(layout.figures / "figure8.svg")
    assert NOTICE in (layout.figures / "figure8.md").read_text()


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    configuration, runs, rows = runs_and_rows(ipc=[1])
    layout = Layout(tmp_path)
    analysed(layout, runs[0], digest="fedcba9876543210")
    with pytest.raises(DataError, match=r"rerun it by snakemake --forcerun .*curvature/.*seed0.json$"):
        render_figure(configuration, "figure8", rows, layout.figures, records(layout))
    other = configured(datasets=["cifar100"])
    with pytest.raises(ConfigError, match=r"datasets: found cifar100, but figure8 is not of them$"):
        render_figure(other, "figure8", rows, layout.figures, records(layout))
    with pytest.raises(ConfigError, match=r"curvature: points \(4\) must be odd"):
        configured(curvature={"points": 4})
