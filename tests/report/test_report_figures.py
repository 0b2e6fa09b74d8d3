"""Figures: what is drawn, from which numbers, in which files."""

import io
import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text
from PIL import Image
from synthetic_runs import CONFIG, configured, run_row, runs_of

from crossarch.config import (
    Configuration,
    SetId,
    figure_points,
    figure_runs,
    load_configuration,
    renderable_figures,
)
from crossarch.config.schema import ARCHS, Accuracies
from crossarch.errors import ConfigError, DataError
from crossarch.printing.style import ARCH_COLOURS, ARCH_MARKERS, COLOURS, FORMATS
from crossarch.printing.synthetic import NOTICE, SYNTHETIC
from crossarch.report.figures import (
    KINDS,
    accuracies,
    distillation,
    draw_csv,
    draw_distillation,
    kinds,
    render_figure,
)
from crossarch.report.figures.accuracies import widened
from crossarch.report.figures.curvature import CURVATURE

EMPTY = runs_of([])
OF_RUNS = ("figure1", "figure3", "figure4", "figure7")
ALL = tuple(f"figure{number}" for number in range(1, 8))
SEEDS = (0, 1, 2)


def points(configuration: Configuration, name: str, runs: pd.DataFrame) -> pd.DataFrame:
    return KINDS["accuracies"](configuration, name).table(runs, ())


def words_in(svg: Path) -> list[str]:
    """The texts of an SVG: matplotlib writes each beside the outlines that it is drawn with."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text())


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """The project's configuration; sources and recipes that it does not have yet are made up."""
    directory = Path(shutil.copytree(CONFIG, tmp_path_factory.mktemp("complete") / "config"))
    figures = yaml.safe_load((directory / "figures.yaml").read_text())
    panels = [panel for one in figures.values() for panel in one["drawing"].get("panels", [])]
    lines = [line for panel in panels for line in (*panel["lines"], *panel.get("references", []))]
    named = {recipe for line in lines for recipe in line.get("recipes", {}).values()}
    named |= {line["recipe"] for line in lines if "recipe" in line}
    recipes = yaml.safe_load((directory / "recipes.yaml").read_text())
    for recipe in named - set(recipes["recipes"]):
        recipes["recipes"][recipe] = {"base": "full"}
    (directory / "recipes.yaml").write_text(yaml.safe_dump(recipes))
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    for source in {panel["source"] for panel in panels} - set(sources):
        sources[source] = {**sources["frepo"], "title": "Real images"}
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources))
    return load_configuration(directory, overrides=[("test", {"datasets": ["cifar10"], "seeds": SEEDS})])


def complete_runs(configuration: Configuration) -> pd.DataFrame:
    """A made-up run for every point of every figure and every seed, marked as such."""
    generator = np.random.default_rng(0)
    planned = {
        point.run.model_copy(update={"seed": seed})
        for name in ALL
        for point in figure_points(configuration, name)
        for seed in SEEDS
    }
    return runs_of(
        run_row(round(generator.uniform(20, 70), 2), device=SYNTHETIC, **run.model_dump())
        for run in sorted(planned, key=lambda run: run.path)
    )


# --- what stands in the CSV --------------------------------------------------------------------------


def test_points_are_mean_and_deviation_over_the_selected_seeds() -> None:
    runs = runs_of(
        [
            run_row(40.0, arch="alexnet", seed=0),
            run_row(43.0, arch="alexnet", seed=1),
            run_row(46.0, arch="alexnet", seed=2),
            run_row(99.0, arch="alexnet", seed=3),
            run_row(99.0, arch="alexnet", protocol="released"),
            run_row(99.0, arch="alexnet", dataset="cifar100"),
            run_row(50.0, arch="vgg11", recipe="full"),
        ]
    )
    found = points(configured(), "figure1", runs).set_index(["panel", "line", "x"])
    alexnet = found.loc[("(a) FRePo", "AlexNet, baseline", 1.0)]
    assert (alexnet["n"], alexnet["mean"], alexnet["std"], alexnet["seeds"]) == (3, 43.0, 3.0, "0;1;2")
    vgg = found.loc[("(a) FRePo", "VGG11, Full", 1.0)]
    assert (vgg["n"], vgg["mean"]) == (1, 50.0)
    assert pd.isna(vgg["std"])
    others = found.drop([alexnet.name, vgg.name])
    assert (others["n"] == 0).all()
    assert others["mean"].isna().all()


def test_figure_1_has_both_sources_all_networks_and_every_ipc() -> None:
    found = points(configured(), "figure1", EMPTY)
    assert len(found) == 2 * 5 * 2 * 3  # sources, networks, baseline and ours, IPC
    assert set(found["source"]) == {"frepo", "mtt"}
    ours = found[found["recipe"] != "baseline"]
    assert set(ours.loc[ours["arch"] == "cnn", "recipe"]) == {"wo_dp_kd"}
    assert set(ours.loc[ours["arch"] != "cnn", "recipe"]) == {"full"}
    assert found.groupby(["panel", "line"])["x"].apply(list).map(tuple).unique().tolist() == [
        (1, 10, 50)
    ]


@pytest.mark.parametrize("name", ["figure3", "figure7"])
def test_fractions_of_the_real_data(complete: Configuration, name: str) -> None:
    found = points(complete, name, EMPTY)
    fractions = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1]  # Figure 3 of the paper
    assert sorted(set(found["x"])) == pytest.approx(fractions)
    assert (found["ipc"] == (found["x"] * 50_000 / 10).round()).all()
    assert set(found["source"]) == {"real"}
    networks = {"figure3": {"cnn", "resnet18", "resnet50"}, "figure7": {*ARCHS} - {"alexnet"}}
    assert set(found["arch"]) == networks[name]


def test_figure_7_has_a_line_for_each_teacher(complete: Configuration) -> None:
    found = points(complete, "figure7", EMPTY)
    taught = found[(found["panel"] == "(b) ResNet50") & (found["arch"] == "resnet50")]
    assert list(taught["recipe"].unique()) == ["baseline", "full", "full-teacher_resnet18"]


def test_figure_4_sweeps_one_number_a_panel(complete: Configuration) -> None:
    found = points(complete, "figure4", EMPTY)
    swept = found[found["x"].notna()].groupby("panel", sort=False)
    for (_, rows), stem in zip(swept, ("full-pmin", "full-alpha", "full-tau"), strict=True):
        usual = {"full-pmin": 0.5, "full-alpha": 0.5, "full-tau": 1.5}[stem]
        assert set(rows["arch"]) == {"resnet18"}
        for x, recipe in zip(rows["x"], rows["recipe"], strict=True):
            assert recipe == ("full" if x == usual else f"{stem}{x:g}")
    levels = found[found["x"].isna()]
    assert set(zip(levels["arch"], levels["recipe"], strict=True)) == {
        ("cnn", "baseline"),
        ("cnn", "wo_dp_kd"),
    }
    assert set(found["ipc"]) == {10}


def test_a_figure_asks_for_the_selected_part_of_its_runs() -> None:
    narrowed = configured(ipc=[1], archs=["alexnet"], recipes=["full"], sources=["mtt"])
    assert [run.path for run in figure_runs(narrowed, "figure1")] == [
        f"cifar10/mtt/ipc1/alexnet/full/seed{seed}" for seed in SEEDS
    ]
    assert figure_runs(configured(), "figure5") == []
    figures = ["figure1", "figure2", "figure5"]
    assert renderable_figures(configured(figures=figures)) == figures
    nothing_left = configured(figures=figures, archs=["cnn"], recipes=["full"])
    assert renderable_figures(nothing_left) == ["figure2", "figure5"]
    assert renderable_figures(configured(figures=figures, datasets=["cifar100"])) == figures[1:]


@pytest.mark.parametrize(("name", "column"), [("figure5", "keep_rate"), ("figure6", "lr")])
def test_schedules_are_those_of_the_command_line(
    tmp_path: Path, project: Path, name: str, column: str
) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "crossarch", "schedule", "--recipe", "full"],
        cwd=project,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    expected = pd.read_csv(io.StringIO(printed.stdout))
    render_figure(configured(), name, EMPTY, tmp_path)
    drawn = pd.read_csv(tmp_path / f"{name}.csv")
    pd.testing.assert_frame_equal(drawn, expected[["epoch", column]])
    assert len(drawn) == 4000
    by_hand = {  # Algorithm 1 and Equation 3
        "keep_rate": {0: 1.0, 500: 1.0, 501: 0.9, 2999: 0.5, 3000: 0.8, 3999: 0.8},
        "lr": {0: 0.0, 50: 5e-5, 500: 0.0, 550: 4e-5, 3050: 5e-5 * 0.8**6},
    }
    for epoch, value in by_hand[column].items():
        assert drawn.loc[epoch, column] == pytest.approx(value)


# --- what is drawn -----------------------------------------------------------------------------------


def test_every_figure_from_complete_synthetic_runs(
    complete: Configuration, tmp_path: Path, project: Path
) -> None:
    runs = complete_runs(complete)
    kept = sorted((project / "results").rglob("figure*"))
    for name in ALL:
        files = render_figure(complete, name, runs, tmp_path)
        assert {file.name for file in files} == {f"{name}.{kind}" for kind in ("csv", "md", *FORMATS)}
        marked = NOTICE in words_in(tmp_path / f"{name}.svg")
        assert marked == (name in OF_RUNS)
        assert (NOTICE in (tmp_path / f"{name}.md").read_text()) == marked
        if marked:
            assert (pd.read_csv(tmp_path / f"{name}.csv")["n"] == len(SEEDS)).all()
    assert sorted((project / "results").rglob("figure*")) == kept


def test_nothing_measured_is_said_on_the_face(complete: Configuration, tmp_path: Path) -> None:
    for name in ("figure1", "figure4", "headline", "transfer_plot"):
        render_figure(complete, name, EMPTY, tmp_path)
        words = words_in(tmp_path / f"{name}.svg")
        assert words.count("no run measured yet") == 1
        assert NOTICE not in words
        assert "No run measured yet on CIFAR-10." in (tmp_path / f"{name}.md").read_text()


def test_what_is_missing_is_left_out_and_told(tmp_path: Path) -> None:
    rows = [
        run_row(40.0 + ipc / 10, arch=arch, recipe=recipe, ipc=ipc)
        for arch in ARCHS
        for recipe in ("baseline", "wo_dp_kd" if arch == "cnn" else "full")
        for ipc in (1, 50)
        if (arch, recipe, ipc) != ("vgg11", "full", 50)
    ]
    render_figure(configured(), "figure1", runs_of(rows), tmp_path)
    caption = (tmp_path / "figure1.md").read_text()
    assert "19 of 60 points shown, 1 seed each." in caption
    assert "(a) FRePo at 10: every line; (a) FRePo at 50: “VGG11, Full”; all of (b) MTT." in caption
    assert "Measured on CIFAR-10." in caption
    assert "Epochs: 1000 (Baseline and w/o DP & KD); 4000 (Full)." in caption
    words = words_in(tmp_path / "figure1.svg")
    assert "CIFAR-10" in words
    assert "(a) FRePo" in words
    assert "(b) MTT" not in words


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 100))
def test_an_axis_has_a_least_span(low: float, width: float, span: float) -> None:
    left, right = widened(low, low + width, span)
    assert right - left == pytest.approx(max(span, width))
    assert (left + right) / 2 == pytest.approx(low + width / 2)


def test_a_difference_smaller_than_noise_does_not_fill_the_page(tmp_path: Path) -> None:
    runs = runs_of([run_row(40.0, arch="alexnet"), run_row(40.1, arch="vgg11")])
    render_figure(configured(), "figure1", runs, tmp_path)
    ticks = [float(word) for word in words_in(tmp_path / "figure1.svg") if re.fullmatch(r"\d\d", word)]
    assert {38.0, 42.0} <= set(ticks)


def test_shorter_runs_are_told(tmp_path: Path) -> None:
    runs = runs_of([run_row(40.0, arch="alexnet", recipe="full", epochs=20)])
    render_figure(configured(), "figure1", runs, tmp_path)
    assert "Epochs: 20 instead of 4000 (Full)." in (tmp_path / "figure1.md").read_text()


def test_the_drawing_reads_nothing_but_the_csv(tmp_path: Path) -> None:
    runs = runs_of([run_row(40.0, arch="alexnet"), run_row(30.0, arch="vgg11", recipe="full")])
    configuration = configured()
    render_figure(configuration, "figure1", runs, tmp_path)
    before = (tmp_path / "figure1.svg").read_bytes()
    frame = pd.read_csv(tmp_path / "figure1.csv")
    frame.loc[frame["mean"] == 40.0, "mean"] = 45.0
    frame.to_csv(tmp_path / "figure1.csv", index=False)
    draw_csv(configuration, "figure1", tmp_path / "figure1.csv")
    assert (tmp_path / "figure1.svg").read_bytes() != before


@pytest.mark.parametrize("name", ["figure1", "figure2"])
def test_a_rendering_repeats_to_the_last_byte(tmp_path: Path, name: str) -> None:
    runs = runs_of([run_row(40.0, arch="alexnet")])
    first, second = (
        {f.name: f.read_bytes() for f in render_figure(configured(), name, runs, tmp_path / place)}
        for place in ("first", "second")
    )
    assert first == second


@pytest.mark.parametrize("name", ["figure1", "figure2", "figure5"])
def test_files_are_fit_for_print(tmp_path: Path, name: str) -> None:
    configuration = configured()
    render_figure(configuration, name, runs_of([run_row(40.0)]), tmp_path)
    inches = {1: 3.4, 2: 7.0}[configuration.figure(name).columns]
    pdf = (tmp_path / f"{name}.pdf").read_bytes()
    objects = pdf + b"".join(_inflated(pdf))
    assert b"/FontFile2" in objects  # TrueType fonts, embedded
    assert b"/Type3" not in objects
    assert b"/CreationDate" not in objects
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", objects)
    assert box is not None
    assert float(box[1]) == pytest.approx(72 * inches, abs=0.5)
    svg = (tmp_path / f"{name}.svg").read_text()
    assert "<text" not in svg  # letters are outlines: no font is needed
    assert not re.search(r'(?:href|src)="(?!#)', svg)
    assert "<dc:date>" not in svg
    with Image.open(tmp_path / f"{name}.png") as image:
        assert image.width == pytest.approx(300 * inches, abs=1)


def with_networks(directory: Path, titles: Sequence[str], **selection: object) -> Configuration:
    """The project's configuration with networks `net0`, `net1` ... of these titles besides."""
    networks = {}
    for number, title in enumerate(titles):
        file = directory / f"net{number}.py"
        file.write_text("pass\n")
        networks[f"net{number}"] = {"file": str(file), "title": title}
    return configured(own_networks=networks, **selection)


def drawn_page(
    monkeypatch: pytest.MonkeyPatch, configuration: Configuration, runs: pd.DataFrame, directory: Path
) -> Canvas:
    """Figure 1 as it is saved, laid out."""
    pages = []

    def keep(page: Canvas, stem: Path) -> list[Path]:
        pages.append(page)
        page.draw_without_rendering()
        return []

    monkeypatch.setattr(kinds, "save", keep)
    render_figure(configuration, "figure1", runs, directory)
    return pages[0]


def one_of_each_line(configuration: Configuration) -> pd.DataFrame:
    """A run at one IPC of each line that a panel of Figure 1 has."""
    return runs_of(
        run_row(40.0, arch=arch, recipe=recipe)
        for arch in configuration.archs
        for recipe in ("baseline", "wo_dp_kd" if arch == "cnn" else "full")
    )


def markers(page: Canvas) -> list[tuple[Axes, float, float]]:
    """Of each drawn line its axes, and where its first marker is and its first x would be, in points."""
    return [
        (
            axes,
            72 / page.dpi * there,
            72 / page.dpi * axes.transData.transform((bars[0].get_xdata()[0], 0))[0],
        )
        for axes in page.axes
        for bars in axes.containers
        for there in [bars[0].get_transform().transform((bars[0].get_xdata()[0], 0))[0]]
    ]


@pytest.mark.parametrize(("ipc", "panels"), [([1, 10, 50], 2), ([1], 2), ([1, 10, 50], 5), ([1], 5)])
def test_markers_of_many_networks_stay_at_their_x_and_within_the_axes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ipc: list[int], panels: int
) -> None:
    usual = with_networks(tmp_path, [f"WRN {number}" for number in range(8)], ipc=ipc)
    figure = usual.figure("figure1")
    assert isinstance(figure.drawing, Accuracies)
    pairs = figure.drawing.panels[:1] * panels
    many = tuple(
        panel.model_copy(update={"title": f"({letter})", "ipc": tuple(ipc)})
        for letter, panel in zip("abcde", pairs, strict=False)
    )
    figure = figure.model_copy(update={"drawing": figure.drawing.model_copy(update={"panels": many})})
    configuration = replace(usual, figures={**usual.figures, "figure1": figure})
    runs = runs_of(
        run_row(40.0, arch=arch, recipe=recipe, ipc=each)
        for arch in configuration.archs
        for recipe in ("baseline", "wo_dp_kd" if arch == "cnn" else "full")
        for each in ipc
    )
    page = drawn_page(monkeypatch, configuration, runs, tmp_path)
    found = markers(page)
    assert len(found) == 26 * panels
    for axes, there, x in found:
        box = axes.get_window_extent()
        left, right = 72 / page.dpi * box.x0, 72 / page.dpi * box.x1
        assert left + 2.6 <= there <= right - 2.6  # half a marker and its edge
        assert len(ipc) == 1 or abs(there - x) <= 6.0 + 1e-6


def test_at_one_ipc_each_network_has_a_column_with_its_recipes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs = runs_of(
        run_row(accuracy, arch=arch, recipe=recipe)
        for arch, baseline, full in [("resnet18", 30.0, 40.0), ("alexnet", 20.0, 45.0)]
        for recipe, accuracy in [("baseline", baseline), ("full", full)]
    )
    page = drawn_page(monkeypatch, configured(ipc=[1]), runs, tmp_path)
    (axes,) = (axes for axes in page.axes if axes.containers)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["ResNet18", "AlexNet"]
    assert axes.get_xlabel().endswith(": 1")
    drawn = [(float(bars[0].get_xdata()[0]), float(bars[0].get_ydata()[0])) for bars in axes.containers]
    assert [accuracy for _, accuracy in drawn] == [30.0, 40.0, 20.0, 45.0]
    assert [round(x) for x, _ in drawn] == [0, 0, 1, 1]
    assert drawn[0][0] < drawn[1][0] < drawn[2][0] < drawn[3][0]
    joints = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [list(line.get_ydata()) for line in joints] == [[30.0, 40.0], [20.0, 45.0]]


def test_lines_without_a_measurement_take_no_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configuration = with_networks(tmp_path, [f"WRN {number}" for number in range(8)])
    page = drawn_page(monkeypatch, configuration, runs_of([run_row(40.0)]), tmp_path)
    ((_, there, x),) = markers(page)
    assert there == pytest.approx(x)


@given(st.integers(0, 40), st.floats(0.1, 20), st.floats(0.1, 60))
def test_lines_are_set_aside_about_their_x(lines: int, apart: float, most: float) -> None:
    asides = accuracies.set_aside(lines, apart, most)
    assert len(asides) == lines
    assert sum(asides) == pytest.approx(0, abs=1e-6)
    assert all(abs(aside) <= most * (1 + 1e-9) for aside in asides)
    steps = [after - before for before, after in pairwise(asides)]
    assert all(0 < step <= apart * (1 + 1e-9) for step in steps)
    assert steps == pytest.approx(steps[:1] * len(steps))


DISTILLATION = {
    "settings": {"network": {"arch": "cnn"}},
    "evaluations": [{"step": 0, "accuracy": 17.6}, {"step": 200, "accuracy": 36.2}],
    "losses": [{"step": 80, "loss": 0.42}, {"step": 160, "loss": 0.4}],
}


def of_curvature() -> pd.DataFrame:
    """The table of Figure 8: for either recipe two eigenvalues, and a bowl on 5 x 5 places."""
    places = np.linspace(-0.2, 0.2, 5)
    bowl = [(x, y, 0.7 + 10 * (x**2 + y**2)) for x in places for y in places]
    rows = [
        *({"part": "eigenvalue", "rank": rank, "value": 20 / rank, "residual": 0.0} for rank in (1, 2)),
        *({"part": "landscape", "alpha1": x, "alpha2": y, "value": value} for x, y, value in bowl),
    ]
    run = {**run_row(43.0, arch="resnet18", epochs=4000), "images": 10, "loss": 0.7}
    run |= {"tolerance": 1e-4, "products": 73, "seconds": 220.4, "recipe_epochs": 4000}
    table = [{**run, "recipe": recipe, **row} for recipe in ("full", "full-adamw") for row in rows]
    return CURVATURE.validate(pd.DataFrame(table)[list(CURVATURE.columns)])


@pytest.mark.parametrize("title", ["WRN $k_$", "WRN ($5 vs $10)", r"a \$ b $ c"])
def test_dollars_in_titles_are_dollars(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, title: str
) -> None:
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))

    def rename(file: str, change: Callable[[dict[str, Any]], None]) -> None:
        data = yaml.safe_load((directory / file).read_text())
        change(data)
        (directory / file).write_text(yaml.safe_dump(data, sort_keys=False))

    def rename_figures(data: dict[str, Any]) -> None:
        panel = data["figure1"]["drawing"]["panels"][0]
        panel["title"] = panel["x"]["title"] = panel["lines"][0]["label"] = title
        recipes = data["figure8"]["drawing"]["recipes"]
        recipes[title] = recipes.pop("Lion")

    rename("sources.yaml", lambda data: data["frepo"].update(title=title))
    rename("sources.yaml", lambda data: data["own-frepo"].update(title=f"{title} of ours"))
    rename("datasets.yaml", lambda data: data["cifar10"].update(title=title))
    rename("figures.yaml", rename_figures)
    (tmp_path / "net.py").write_text("pass\n")
    chosen = {
        "own_networks": {"net": {"file": str(tmp_path / "net.py"), "title": title}},
        "datasets": ["cifar10", "digits"],
    }
    configuration = load_configuration(directory, overrides=[("test", chosen)])
    pages: dict[str, Canvas] = {}

    def keep(page: Canvas, stem: Path) -> list[Path]:
        pages[stem.name] = page
        page.draw_without_rendering()
        return []

    for module in (kinds, distillation):
        monkeypatch.setattr(module, "save", keep)
    archs = ("alexnet", "net")
    runs = [
        run_row(40.0, arch=arch, recipe=recipe, dataset=dataset, source=source)
        for arch in archs
        for recipe in ("baseline", "full")
        for dataset, source in (("cifar10", "frepo"), ("digits", "own-frepo"))
    ]
    render_figure(configuration, "figure1", runs_of(runs), tmp_path)
    of_curvature().to_csv(tmp_path / "figure8.csv", index=False)
    draw_csv(configuration, "figure8", tmp_path / "figure8.csv")
    target = SetId(source="own-frepo", dataset="cifar10", ipc=1)
    record = tmp_path / "metrics.json"
    record.write_text(json.dumps(DISTILLATION))
    draw_distillation(configuration, target, record, tmp_path)
    render_figure(configuration, "headline", runs_of(runs), tmp_path)
    assert len(pages) == 4
    for name, page in pages.items():
        ticks = [label for axes in page.axes for label in axes.get_yticklabels()]
        words = [text.get_text() for text in (*page.findobj(Text), *ticks)]
        told = [word.replace(r"\$", "$") for word in words]
        assert any(title in word for word in told), name
        ours = [word for word in words if "mathdefault" not in word]  # powers at the ticks of axes
        assert not any(map(is_math_text, ours)), name


def test_an_arrow_is_of_the_own_network_and_the_mean_of_those_with_both_recipes(tmp_path: Path) -> None:
    measured = {
        "frepo": {
            "cnn": {"baseline": 44.0, "wo_dp_kd": 46.0},
            "alexnet": {"baseline": 30.0, "full": 42.0},
            "vgg11": {"baseline": 26.0, "full": 40.0},
            "resnet18": {"baseline": 10.0},  # counts in no mean: not measured with Full
        },
        "mtt": {"cnn": {"baseline": 46.0, "wo_dp_kd": 47.0}, "alexnet": {"full": 40.0}},
        "dc": {"alexnet": {"baseline": 26.0, "full": 28.0}},
    }
    runs = runs_of(
        run_row(accuracy, source=source, arch=arch, recipe=recipe)
        for source, networks in measured.items()
        for arch, recipes in networks.items()
        for recipe, accuracy in recipes.items()
    )
    kind = KINDS["transfer"](configured(), "transfer_plot")
    (arrow,) = kind.arrows(kind.table(runs, ())).to_dict("records")
    assert (arrow["source"], arrow["ipc"], arrow["others"]) == ("frepo", 1, 2)
    assert [arrow[end] for end in ("x", "y", "x_after", "y_after")] == [44.0, 28.0, 46.0, 41.0]
    render_figure(configured(), "transfer_plot", runs, tmp_path)
    caption = (tmp_path / "transfer_plot.md").read_text()
    assert "Other networks in a mean: FRePo, IPC 1: 2." in caption
    assert "FRePo" in words_in(tmp_path / "transfer_plot.svg")


LONG_TITLE = "Wide residual network 28-10 "


@pytest.mark.parametrize(
    "titles",
    [
        [LONG_TITLE + "A", LONG_TITLE + "B"],
        [f"{LONG_TITLE}{number}" for number in range(8)],
        [LONG_TITLE * 8 + "end"],
        ["W" * 150],
    ],
    ids=["two", "eight", "wider than the page", "one word"],
)
def test_a_legend_stays_on_the_page_whatever_networks_are_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, titles: list[str]
) -> None:
    configuration = with_networks(tmp_path, titles)
    page = drawn_page(monkeypatch, configuration, one_of_each_line(configuration), tmp_path)
    box = page.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= page.bbox.width
    assert box.y1 <= min(axes.get_tightbbox().y0 for axes in page.axes)  # below the panels
    assert all(axes.get_window_extent().height > 0.55 * 2.3 * page.dpi for axes in page.axes)
    shown = "".join(text.get_text() for text in page.legends[0].get_texts())
    assert all("".join(title.split()) in "".join(shown.split()) for title in titles)


def test_a_legend_of_the_papers_networks_has_five_columns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = drawn_page(monkeypatch, configured(), one_of_each_line(configured()), tmp_path)
    places = {round(text.get_window_extent().x0) for text in page.legends[0].get_texts()}
    assert len(places) == 5
    assert page.get_figheight() == pytest.approx(2.3 + 0.4 + 2 * 0.14 + 0.15)


def test_lines_stay_apart_without_colour() -> None:
    assert set(ARCH_COLOURS) == set(ARCH_MARKERS) == set(ARCHS)
    assert len(set(ARCH_MARKERS.values())) == len(ARCHS)
    assert len({COLOURS[colour] for colour in ARCH_COLOURS.values()}) == len(ARCHS)
    figure = configured().figure("figure7")
    for panel in figure.drawing.panels:  # type: ignore[union-attr]
        looks = [(line.arch, line.dash) for line in panel.lines]
        assert len(set(looks)) == len(looks)


# --- mistakes ----------------------------------------------------------------------------------------


def complaint(action: Callable[[], object], kind: type[Exception] = ConfigError) -> str:
    """The one line of the error that `action` must raise."""
    with pytest.raises(kind) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def spoilt(tmp_path: Path) -> Iterator[Callable[[str, str], Configuration]]:
    """Loads a copy of the configuration after replacing a text of figures.yaml."""
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))

    def load(old: str, new: str) -> Configuration:
        file = directory / "figures.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return load_configuration(directory)

    return load


def test_mistakes_in_figures_yaml_name_the_key(spoilt: Callable[[str, str], Configuration]) -> None:
    message = complaint(lambda: spoilt("columns: 2", "columns: 3"))
    assert message.endswith("config/figures.yaml: figure1.columns: found 3, allowed: 1 or 2")
    message = complaint(lambda: spoilt("columns: 3", "columns: 2\n  captoin: twice"))
    assert "figures.yaml: figure1.captoin: found unknown key 'captoin'" in message
    assert "did you mean 'caption'?" in message


def test_names_that_do_not_exist_are_refused(spoilt: Callable[[str, str], Configuration]) -> None:
    message = complaint(lambda: spoilt("recipe: wo_dp_kd}", "recipe: wo_dpkd}"))
    assert "figures.yaml: figure1.drawing.panels.0 (3-layer CNN, w/o DP & KD): found unknown" in message
    assert "did you mean 'wo_dp_kd'?" in message
    message = complaint(lambda: configured().figure("figure9"))
    assert "found unknown figure 'figure9'" in message
    message = complaint(lambda: points(configured(datasets=["cifar100"]), "figure1", EMPTY))
    assert message.endswith("config.yaml: datasets: found cifar100, but figure1 is not of them")


def test_a_spoilt_csv_is_refused(tmp_path: Path) -> None:
    render_figure(configured(), "figure1", EMPTY, tmp_path)
    csv = tmp_path / "figure1.csv"
    csv.write_text(csv.read_text().replace("mean,std", "mean,sd", 1))
    message = complaint(lambda: draw_csv(configured(), "figure1", csv), DataError)
    assert message.startswith(f"{csv}: std: found no such column")


def test_a_broken_record_of_a_distillation_is_one_line(tmp_path: Path) -> None:
    target = SetId(source="own-frepo", dataset="digits", ipc=2)
    record = tmp_path / "metrics.json"
    record.write_text('{"settings": {}}')
    message = complaint(lambda: draw_distillation(configured(), target, record, tmp_path), DataError)
    assert message == f"{record}: found no 'evaluations', expected the record of a distillation"


def _inflated(pdf: bytes) -> Iterator[bytes]:
    """The compressed streams of a PDF that are plain once inflated."""
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue
