"""The results kept in git: made with today's settings, and rendered from nothing but themselves."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise, product
from pathlib import Path
from statistics import fmean

import pytest
from matplotlib.figure import Figure
from synthetic_runs import complete_runs, run_row, runs_of

from crossarch.collect import collect_runs, read_runs
from crossarch.collect.current import outdated_runs
from crossarch.config import (
    Configuration,
    RunSettings,
    load_configuration,
    parse_run,
    read_overrides,
    resolve,
)
from crossarch.errors import DataError
from crossarch.layout import Layout
from crossarch.printing.synthetic import SYNTHETIC
from crossarch.printing.words import plural
from crossarch.report import render_scorecard, render_table
from crossarch.report.figures import headline as headline_figure
from crossarch.report.marked import marks
from crossarch.report.reproduction import REPRODUCED, headline, render_reproduction
from crossarch.report.scorecard import scorecard_cells

PROJECT = Path(__file__).parents[2]
PUBLISHED = Layout(PROJECT / "results" / "reproduction")
RUNS = PUBLISHED.finished_runs()
BEGIN, END = marks(REPRODUCED)
of_published_runs = pytest.mark.skipif(not RUNS, reason="no published runs")


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
    # As written: what a recipe says of its teacher is resolved, and not among the settings.
    written = made.model_copy(update={"evaluate_every": expected.evaluate_every}).model_dump()
    assert written == expected.model_dump()
    assert [e["epoch"] for e in metrics["evaluations"]][-1] == made.epochs
    exact = [e["accuracy"] for e in metrics["evaluations"] if e["precision"] == "float32"]
    assert metrics["accuracy"]["best"] == max(exact)


@of_published_runs
def test_the_published_csv_is_what_the_metrics_give() -> None:
    assert read_runs(PUBLISHED.metrics("runs")).equals(collect_runs(RUNS))


@of_published_runs
@pytest.mark.parametrize("table", ["table2", "table8"])
def test_the_published_tables_are_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration, table: str
) -> None:
    for rendered in render_table(configuration, table, collect_runs(RUNS), tmp_path):
        assert rendered.read_text() == (PUBLISHED.tables / rendered.name).read_text()


@of_published_runs
def test_the_published_scorecard_is_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration
) -> None:
    layout = Layout(tmp_path)
    rendered = render_scorecard(configuration, collect_runs(RUNS), layout)
    for made, kept in zip(rendered, PUBLISHED.scorecard_files(), strict=True):
        assert made.read_text() == kept.read_text()


def test_no_published_run_is_left_out(configuration: Configuration) -> None:
    assert outdated_runs(configuration, RUNS) == {}


@of_published_runs
def test_the_pages_that_tell_of_them_are_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration
) -> None:
    layout = Layout(tmp_path / "results")
    layout.results.mkdir()
    layout.analyses.mkdir()
    if (PUBLISHED.results / "findings.md").exists():
        shutil.copy(PUBLISHED.results / "findings.md", layout.results)
    for name in ("statistics", "whitening"):
        shutil.copy(PUBLISHED.analysis_files(name)[0], layout.analyses)
    readme = Path(shutil.copy(PROJECT / "README.md", tmp_path))
    kept = readme.read_text()
    begin, end = kept.index(BEGIN) + len(BEGIN), kept.index(END)
    readme.write_text(f"{kept[:begin]}\nsomething else\n{kept[end:]}")
    page, *_ = render_reproduction(configuration, collect_runs(RUNS), layout, readme)
    assert readme.read_text() == kept
    assert page.read_text() == (PUBLISHED.results / "README.md").read_text()


@of_published_runs
def test_the_page_counts_what_is_there(configuration: Configuration) -> None:
    """Against the metrics themselves."""
    page = (PUBLISHED.results / "README.md").read_text()
    all_metrics = [json.loads(file.read_text()) for file in RUNS]
    hours = sum(sum(metrics["seconds"].values()) for metrics in all_metrics) / 3600
    assert f"{plural(len(RUNS), 'run')} at full length, {hours:.0f} hours" in page
    for metrics in all_metrics:
        assert metrics["commit"] in page


@of_published_runs
def test_means_by_network_and_recipe_are_those_of_the_cells_below_them() -> None:
    page = (PUBLISHED.results / "README.md").read_text()
    means, cells = (
        table_below(page, heading, place)
        for heading, place in {
            "## How far from the paper, by network and recipe": 0,
            "## Every measured cell": 1,
        }.items()
    )
    differences: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in cells:
        for key in product((cell["network"], "all"), (cell["recipe"], "all")):
            differences[key].append(float(cell["difference"]))
    told = {
        (row["mean difference (cells)"], recipe): text
        for row in means
        for recipe, text in list(row.items())[1:]
        if text != "—"
    }
    assert set(told) == set(differences)
    for key, text in told.items():
        mean, count = text.rstrip(")").split(" (")
        assert float(mean) == pytest.approx(fmean(differences[key]), abs=0.11)  # of rounded ones
        assert int(count) == len(differences[key])


@of_published_runs
def test_what_reproduces_is_counted() -> None:
    """The verdicts against the numbers beside them, the counts against the verdicts."""
    page = (PUBLISHED.results / "README.md").read_text()
    cells = table_below(page, "## Every measured cell", place=1)
    allowed = {}
    for cell in cells:
        key = (cell["set"], cell["network"], cell["recipe"])
        if cell["seeds allow"] == "—":
            assert cell["reproduces"] == "—"
            continue
        allowed[key] = float(cell["seeds allow"].removeprefix("± "))
        distance = abs(float(cell["difference"]))
        if abs(distance - allowed[key]) > 0.11:  # of rounded ones
            assert cell["reproduces"] == ("yes" if distance < allowed[key] else "no")
    near = sum(cell["reproduces"] == "yes" for cell in cells)
    judged = f"{len(allowed)}{' that can be judged' if len(allowed) < len(cells) else ''}"
    told = f"; {near} of the {judged} are as near to the paper's as seeds alone"
    assert (told in page) == bool(allowed)


@of_published_runs
def test_the_page_has_the_accuracies_in_every_space_of_the_records(configuration: Configuration) -> None:
    found: dict[tuple[str, str, str], list[dict[str, float]]] = defaultdict(list)
    own = {}
    for file in sorted((PUBLISHED.results / "analysis/whitening").rglob("seed*.json")):
        record = json.loads(file.read_text())
        run = record["run"]
        if run["protocol"] == "paper":
            source = configuration.sources[run["source"]].title
            network = configuration.arch_title(run["arch"])
            cell = (f"{source}, IPC {run['ipc']}", network, run["recipe"])
            found[cell].append(record["accuracies"])
            own[cell] = record["own"]

    page = (PUBLISHED.results / "README.md").read_text()
    heading = "## Tested in every whitening"
    rows = table_below(page, heading, place=1) if found else []
    assert (heading in page) == bool(found)
    assert len(rows) == len(found)
    for row in rows:
        cell = (row["set"], row["network"], row["recipe"])
        assert row["seeds"] == str(len(found[cell]))
        for space in found[cell][0]:
            printed = row[f"`{space}`"]
            assert printed.startswith("**") == (space == own[cell])
            mean = fmean(accuracies[space] for accuracies in found[cell])
            assert abs(float(printed.strip("*")) - mean) < 0.051


@pytest.fixture
def headline_page(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Figure:
    """The headline of the paper's numbers for four sets, laid out."""
    drawn: list[Figure] = []

    def keep(page: Figure, _: Path) -> list[Path]:
        page.canvas.draw()
        drawn.append(page)
        return []

    monkeypatch.setattr(headline_figure, "save", keep)
    runs = complete_runs()
    cells = scorecard_cells(configuration, runs[runs["ipc"].isin([1, 10])])
    headline_figure.draw_headline(configuration, cells, tmp_path / "headline")
    return drawn[0]


def test_titles_of_the_headline_fit_beside_each_other(headline_page: Figure) -> None:
    boxes = [panel.title.get_window_extent() for panel in headline_page.axes]
    assert len(boxes) > 1
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    assert boxes[0].x0 > 0
    assert boxes[-1].x1 < headline_page.bbox.x1


def test_gains_are_as_long_in_every_panel_of_the_headline(headline_page: Figure) -> None:
    """Panels of another IPC lie elsewhere on the axis; nothing lies outside."""
    panels = headline_page.axes
    limits = [panel.get_xlim() for panel in panels]
    assert len(panels) > 1
    assert len({round(high - low, 6) for low, high in limits}) == 1
    assert len(set(limits)) > 1
    for panel, (low, high) in zip(panels, limits, strict=True):
        shown = [value for line in panel.get_lines() for value in line.get_xdata()]
        assert all(low < value < high for value in shown)


PARTS = {
    "augmentation, Lion": ("baseline", "wo_dp_kd"),
    "distillation": ("wo_dp_kd", "wo_dp"),
    "distillation, beside DropPath": ("wo_kd", "full"),
    "DropPath": ("wo_dp_kd", "wo_kd"),
    "DropPath, beside distillation": ("wo_dp", "full"),
    "all": ("baseline", "full"),
}


@of_published_runs
def test_what_parts_are_worth_is_what_the_metrics_and_the_paper_give(
    configuration: Configuration,
) -> None:
    """Against the metrics and the paper's numbers themselves."""
    ours: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for file in RUNS:
        metrics = json.loads(file.read_text())
        run = metrics["run"]
        if run["protocol"] == "paper":
            set_ = f"{configuration.source(run['source']).title}, IPC {run['ipc']}"
            cell = (set_, configuration.arch_title(run["arch"]), run["recipe"])
            ours[cell].append(metrics["accuracy"]["best"])
    paper = {
        (
            f"{configuration.source(row['distillation']).title}, IPC {row['ipc']}",
            configuration.arch_title(row["arch"]),
            row["method"],
        ): float(row["accuracy"])
        for row in csv.DictReader((PROJECT / "config" / "paper" / "main_results.csv").open())
        if row["dataset"] == "cifar10"
    }
    page = (PUBLISHED.results / "README.md").read_text()
    table = parts_of(page)
    rows = [row for row in table if row["set"] != "mean"]
    means = {row["network"]: row for row in table if row["set"] == "mean"}
    has_every_part = [all(row[part] != "—" for part in PARTS) for row in rows]
    for part, (without, recipe) in PARTS.items():
        gains = dict[bool, list[tuple[float, float]]]({True: [], False: []})
        for row, whole in zip(rows, has_every_part, strict=True):
            place = (row["set"], row["network"])
            small, large = (*place, without), (*place, recipe)
            if not {small, large} <= ours.keys() & paper.keys():
                assert row[part] == "—"
                continue
            gain = (fmean(ours[large]) - fmean(ours[small]), paper[large] - paper[small])
            assert tuple(map(float, row[part].split(" / "))) == pytest.approx(gain, abs=0.0501)
            gains[whole].append(gain)
        for whole, network in ((True, "every part measured"), (False, "the others")):
            if not gains[whole]:
                assert means.get(network, {}).get(part, "—") == "—"
                continue
            mean = tuple(map(fmean, zip(*gains[whole], strict=True)))
            told = means[network][part].split(" / ")
            assert tuple(map(float, told)) == pytest.approx(mean, abs=0.0501)


@of_published_runs
@pytest.mark.parametrize("side", [0, 1])
def test_the_parts_of_a_network_add_up(side: int) -> None:
    page = (PUBLISHED.results / "README.md").read_text()
    for row in parts_of(page):
        gains = {part: row[part].split(" / ") for part in PARTS if row[part] != "—"}
        if len(gains) == len(PARTS):
            chain = ("augmentation, Lion", "distillation", "DropPath, beside distillation")
            total = sum(float(gains[part][side]) for part in chain)
            assert total == pytest.approx(float(gains["all"][side]), abs=0.21)  # of rounded ones


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        (("holds", "holds"), "holds"),
        (("holds", "open"), "open"),
        (("does not hold", "does not hold"), "does not hold"),
        (("holds", "does not hold"), "open"),
    ],
)
def test_a_claim_holds_by_the_best_test_and_by_the_last(
    configuration: Configuration, verdicts: tuple[str, str], told: str
) -> None:
    """Networks that gain, gain nothing sure, or lose by `full`, by either test."""
    gains = {"holds": [5.0, 6.0], "open": [5.0, -5.0], "does not hold": [-5.0, -6.0]}
    rows = []
    for place, (source, arch) in enumerate(product(("frepo", "mtt"), ("resnet18", "alexnet", "vgg11"))):
        cell = {"source": source, "arch": arch}
        best, last = (40.0 + gains[verdict][place % 2] for verdict in verdicts)
        rows += [
            run_row(40.0, **cell),
            run_row(best, **cell, recipe="full", accuracy_last=last),
        ]
    runs = runs_of(rows)
    said = headline(configuration, runs, scorecard_cells(configuration, runs))
    (line,) = (line for line in said.splitlines() if line.startswith("| full > baseline"))
    assert line.split(" | ")[-1] == f"{told} |"


@of_published_runs
@pytest.mark.parametrize("other", ["baseline", "wo_dp_kd", "wo_dp", "wo_kd"])
@pytest.mark.parametrize(("kind", "column"), [("best", "holds here"), ("last", "by the last test")])
def test_claims_are_counted_over_the_means_of_seeds(other: str, kind: str, column: str) -> None:
    """Against the metrics themselves."""
    seeds: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for file in RUNS:
        metrics = json.loads(file.read_text())
        run = metrics["run"]
        if run["protocol"] == "paper" and run["source"] in ("frepo", "mtt"):
            cell = (run["source"], str(run["ipc"]), run["arch"], run["recipe"])
            seeds[cell].append(metrics["accuracy"][kind])
    pairs = [(cell, (*cell[:3], other)) for cell in seeds if cell[3] == "full"]
    held = [fmean(seeds[full]) > fmean(seeds[than]) for full, than in pairs if than in seeds]
    page = (PUBLISHED.results / "README.md").read_text()
    rows = table_below(page, "# Measured results", place=2) if "\n| claim |" in page else []
    told = {row["claim"]: row[column] for row in rows}.get(f"full > {other}".replace("_", r"\_"))
    assert told == (f"{sum(held)} of {len(held)}" if held else None)


def parts_of(page: str) -> list[dict[str, str]]:
    """What the page says of the parts of the method; nothing where no part was measured."""
    heading = "## What each part of the method is worth"
    return table_below(page, heading, place=1) if heading in page else []


def table_below(page: str, heading: str, place: int = 0) -> list[dict[str, str]]:
    """The rows of the Markdown table in a paragraph after a heading, by the names of its columns."""
    lines = page.split(f"{heading}\n\n")[1].split("\n\n")[place].splitlines()
    names, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(names, row, strict=True)) for row in rows]


@of_published_runs
@pytest.mark.slow
def test_every_picture_that_pages_show_is_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    command = [sys.executable, "-m", "snakemake", "reproduction", "-n", "--cores", "1", "--force"]
    planned = subprocess.run(command, capture_output=True, text=True, check=True)
    [line] = [line for line in planned.stdout.splitlines() if line.strip().startswith("output: ")]
    outputs = {Path(file) for file in line.strip().removeprefix("output: ").split(", ")}
    shown = {
        (page.parent / link).relative_to(PROJECT)
        for page in (PROJECT / "README.md", PUBLISHED.results / "README.md")
        for link in re.findall(r"!\[[^\]]*\]\((\S+?\.svg)\)", page.read_text())
    }
    in_front = Path("results/reproduction/figures/headline.svg")  # where both recipes were measured
    assert {picture for picture in shown if picture.parent == in_front.parent} <= {in_front, *outputs}


@pytest.fixture
def places(tmp_path: Path) -> tuple[Layout, Path]:
    """Results with findings, and a README with marks."""
    layout = Layout(tmp_path / "results")
    layout.results.mkdir()
    (layout.results / "findings.md").write_text("## Found\n")
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    return layout, readme


def test_sets_of_several_data_sets_are_told_apart(places: tuple[Layout, Path]) -> None:
    datasets = {"datasets": ["cifar10", "cifar100"]}
    presets = read_overrides([PROJECT / "config" / "presets" / "reproduction.yaml"])
    both = load_configuration(PROJECT / "config", overrides=[*presets, ("both", datasets)])
    layout, readme = places
    runs = complete_runs()
    page, *_ = render_reproduction(both, runs[runs["ipc"] == 1], layout, readme)
    sets = {row["set"] for row in table_below(page.read_text(), "## Every measured cell", place=1)}
    assert {"CIFAR-10, FRePo, IPC 1", "CIFAR-100, FRePo, IPC 1"} <= sets
    assert layout.headline.with_suffix(".svg").is_file()


def test_a_readme_without_the_marks_is_one_line(tmp_path: Path, configuration: Configuration) -> None:
    (tmp_path / "findings.md").write_text("## Found\n")
    readme = tmp_path / "README.md"
    readme.write_text("# A page\n")
    with pytest.raises(DataError, match=r"README\.md: found no lines <!-- reproduced"):
        render_reproduction(configuration, collect_runs(RUNS), Layout(tmp_path), readme)
    assert readme.read_text() == "# A page\n"


def test_no_runs_at_all_are_one_line(tmp_path: Path, configuration: Configuration) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(DataError, match="found no finished runs"):
        render_reproduction(configuration, collect_runs([]), Layout(tmp_path), readme)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"device": SYNTHETIC}, "found synthetic runs"),
        ({"protocol": "released"}, "found no run of a number in the paper's tables"),
    ],
)
def test_runs_that_measure_nothing_are_one_line(
    configuration: Configuration, places: tuple[Layout, Path], changes: dict[str, str], told: str
) -> None:
    layout, readme = places
    runs = runs_of([run_row(44.0, **changes)])
    with pytest.raises(DataError, match=told):
        render_reproduction(configuration, runs, layout, readme)
    assert not layout.headline.with_suffix(".svg").exists()


def test_findings_are_on_the_page_where_there_are_any(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    layout, readme = places
    runs = runs_of([run_row(44.0), run_row(41.0, arch="alexnet")])
    page, *_ = render_reproduction(configuration, runs, layout, readme)
    assert "\n\n## Found\n\n" in page.read_text()
    (layout.results / "findings.md").unlink()
    page, *_ = render_reproduction(configuration, runs, layout, readme)
    assert "ound" not in page.read_text().split("## What it cost")[0]
    assert "\n\n\n" not in page.read_text()


def test_a_picture_is_shown_where_both_recipes_were_measured(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    layout, readme = places
    rows = [run_row(41.0, arch="alexnet")]
    page, *_ = render_reproduction(configuration, runs_of(rows), layout, readme)
    assert "headline.svg" not in page.read_text()
    assert "| claim |" not in page.read_text()
    rows.append(run_row(45.0, arch="alexnet", recipe="full"))
    page, *_ = render_reproduction(configuration, runs_of(rows), layout, readme)
    assert "headline.svg" in page.read_text()
    assert layout.headline.with_suffix(".svg").is_file()
    assert "| claim |" in readme.read_text()


def test_the_statistics_of_test_batches_are_added(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    layout, readme = places
    csv_file, *_ = layout.analysis_files("statistics")
    csv_file.parent.mkdir()
    csv_file.write_text(
        "dataset,source,ipc,arch,recipe,n,running,batch,change,error\n"
        "cifar10,frepo,1,cnn,baseline,1,44.0,45.5,1.5,0.7\n"
    )
    runs = runs_of([run_row(44.0), run_row(41.0, arch="alexnet")])
    page, *_ = render_reproduction(configuration, runs, layout, readme)
    heading = "## How far from the paper, with the statistics of test batches"
    (row,) = table_below(page.read_text(), heading, place=1)
    assert (row["network"], row["difference"]) == ("3-layer CNN", "-0.3")  # the paper: 44.3
    assert (row["statistics of test batches"], row["difference then"]) == ("+1.5", "+1.2")


def test_one_seed_tells_not_what_reproduces(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    """Neither that nothing does: how much seeds vary is not known."""
    page, readme, *_ = render_reproduction(configuration, complete_runs(), *places)
    assert "as near to the paper's" not in readme.read_text()
    cells = table_below(page.read_text(), "## Every measured cell", place=1)
    assert {cell["reproduces"] for cell in cells} == {"—"}


def test_what_is_told_of_the_runs_is_read_off_them(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    row = run_row(44.0, device="NVIDIA A100", threads=8, epochs=10)
    page, readme, *_ = render_reproduction(configuration, runs_of([row]), *places)
    headline_of_one = "1 run (1 of them not at full length), 0 hours on NVIDIA A100, on CIFAR-10"
    assert headline_of_one in readme.read_text()
    text = page.read_text()
    assert "on NVIDIA A100 (somewhere), 8 threads a run" in text
    assert "rank correlation" not in readme.read_text()
    assert "nan" not in text


def test_a_cell_that_two_tables_print_of_one_run_is_counted_once(
    configuration: Configuration, places: tuple[Layout, Path]
) -> None:
    """The CNN's wo_dp_kd with FRePo's set of IPC 1 is in Table 2, and in Table 8 as wo_dp_kd-2fold."""
    row = run_row(44.0, recipe="wo_dp_kd")
    page, readme, *_ = render_reproduction(configuration, runs_of([row]), *places)
    assert " 1 of them measure 2 of the " in " ".join(readme.read_text().split())
    assert len(table_below(page.read_text(), "## Every measured cell", place=1)) == 1
