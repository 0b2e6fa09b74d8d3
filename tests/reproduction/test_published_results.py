"""The results kept in git: made with today's settings, and rendered from nothing but themselves."""

import csv
import json
import re
from collections import defaultdict
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pytest
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
from crossarch.report.printed_tables import render_table
from crossarch.report.reproduction import render_reproduction
from crossarch.report.scorecard_page import render_scorecard

PROJECT = Path(__file__).parents[2]
PUBLISHED = Layout(PROJECT / "results" / "reproduction")
RUNS = PUBLISHED.finished_runs()
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
def test_what_is_published_is_what_the_metrics_give(
    tmp_path: Path, configuration: Configuration
) -> None:
    runs = collect_runs(RUNS)
    made = [
        *render_table(configuration, "table2", runs, tmp_path / "tables"),
        *render_table(configuration, "table8", runs, tmp_path / "tables"),
        *render_scorecard(configuration, runs, tmp_path / "report"),
        render_reproduction(configuration, runs, tmp_path / "README.md"),
    ]
    for file in made:
        kept = PUBLISHED.results / file.relative_to(tmp_path)
        assert file.read_text() == kept.read_text(), kept


def test_no_published_run_is_left_out(configuration: Configuration) -> None:
    assert outdated_runs(configuration, RUNS) == {}


@of_published_runs
def test_the_readme_has_the_numbers_of_the_scorecard() -> None:
    text = " ".join((PROJECT / "README.md").read_text().split())
    with PUBLISHED.scorecard_files()[1].open() as file:
        (whole,) = [row for row in csv.DictReader(file) if row["name"] == "all tables"]
    difference = float(whole["ours"]) - float(whole["paper"])
    assert f"measure {whole['n']} of the {whole['of']} numbers in the paper's tables" in text
    assert f"On average they are {difference:+.1f} points from the paper's" in text
    assert f"{len(RUNS)} runs" in text


@of_published_runs
def test_the_page_counts_what_is_there() -> None:
    """Against the metrics themselves; verdicts against the numbers beside them."""
    page = (PUBLISHED.results / "README.md").read_text()
    every = [json.loads(file.read_text()) for file in RUNS]
    hours = sum(sum(metrics["seconds"].values()) for metrics in every) / 3600
    assert f"{len(RUNS)} runs at full length, {hours:.0f} hours" in page
    assert {metrics["commit"] for metrics in every} <= set(re.findall(r"[0-9a-f]{12}", page))
    judged = [(verdict, row) for verdict, rows in verdicts(page).items() for row in rows]
    for verdict, row in judged:
        if verdict != "Of one seed":
            allowed = float(row["seeds allow"].removeprefix("± "))
            distance = abs(float(row["difference"]))
            if abs(distance - allowed) > 0.11:  # of rounded ones
                assert (distance < allowed) == (verdict == "As near")
    with PUBLISHED.scorecard_files()[1].open() as file:
        (whole,) = [row for row in csv.DictReader(file) if row["name"] == "all tables"]
    assert len(judged) == int(whole["n"])


def verdicts(page: str) -> dict[str, list[dict[str, str]]]:
    """The rows below each verdict of the page, by its first two or three words."""
    titles = {"Farther": "Farther from the paper", "As near": "As near as", "Of one seed": "Of one seed"}
    paragraphs = page.split("## Which numbers reproduce\n\n")[1].split("\n\n")
    return {
        name: table(paragraphs[place + 1])
        for name, title in titles.items()
        for place, paragraph in enumerate(paragraphs)
        if paragraph.startswith(title) and ":" in paragraph
    }


def table(paragraph: str) -> list[dict[str, str]]:
    """The rows of a Markdown table, by the names of its columns."""
    lines = paragraph.splitlines()
    names, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(names, row, strict=True)) for row in rows]


def page_of(configuration: Configuration, folder: Path, rows: Any) -> str:
    runs = rows if isinstance(rows, pd.DataFrame) else runs_of(rows)
    return render_reproduction(configuration, runs, folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("by", "both"),
    [
        (("holds", "holds"), "holds"),
        (("holds", "open"), "open"),
        (("does not hold", "does not hold"), "does not hold"),
        (("holds", "does not hold"), "open"),
    ],
)
def test_a_claim_holds_by_the_best_evaluation_and_by_the_last(
    configuration: Configuration, tmp_path: Path, by: tuple[str, str], both: str
) -> None:
    """Networks that gain, gain nothing sure, or lose by `full`, by either evaluation."""
    gains = {"holds": [5.0, 6.0], "open": [5.0, -5.0], "does not hold": [-5.0, -6.0]}
    rows = []
    for place, (source, arch) in enumerate(product(("frepo", "mtt"), ("resnet18", "alexnet", "vgg11"))):
        cell = {"source": source, "arch": arch}
        best, last = (40.0 + gains[verdict][place % 2] for verdict in by)
        rows += [
            run_row(40.0, **cell),
            run_row(best, **cell, recipe="full", accuracy_last=last),
        ]
    claims = page_of(configuration, tmp_path, rows).split("## Which of the paper's claims hold\n\n")[1]
    (row,) = [row for row in table(claims.split("\n\n")[0]) if row["claim"] == "full > baseline"]
    assert row["verdict"] == both


@of_published_runs
@pytest.mark.parametrize("other", ["baseline", "wo_dp_kd", "wo_dp", "wo_kd"])
@pytest.mark.parametrize(
    ("kind", "column"), [("best", "holds here"), ("last", "by the last evaluation")]
)
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
    _, _, claims = page.partition("## Which of the paper's claims hold\n\n")
    rows = table(claims.split("\n\n")[0]) if claims else []
    found = {row["claim"]: row[column] for row in rows}.get(f"full > {other}".replace("_", r"\_"))
    assert found == (f"{sum(held)} of {len(held)}" if held else None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"device": SYNTHETIC}, "found synthetic runs"),
        ({"protocol": "released"}, "found no run of a number in the paper's tables"),
    ],
)
def test_runs_that_measure_nothing_are_one_line(
    configuration: Configuration, tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        page_of(configuration, tmp_path, [run_row(44.0, **changes)])
    assert not list(tmp_path.iterdir())


def test_one_seed_does_not_say_what_reproduces(configuration: Configuration, tmp_path: Path) -> None:
    """Neither that nothing does: how much seeds vary is not known."""
    page = page_of(configuration, tmp_path, complete_runs())
    assert "as near to the paper's" not in page
    assert set(verdicts(page)) == {"Of one seed"}
    assert "nan" not in page


def test_what_is_said_of_the_runs_is_read_off_them(configuration: Configuration, tmp_path: Path) -> None:
    row = run_row(44.0, device="NVIDIA A100", threads=8, epochs=10)
    page = page_of(configuration, tmp_path, [row])
    assert page.startswith(
        "# Measured results\n\n1 run (1 of them not at full length), 0 hours on NVIDIA A100, on CIFAR-10"
    )
    assert "on somewhere, 8 threads a run" in page
    assert "claim" not in page.split("## Which numbers reproduce")[0].split("scorecard.md)")[1]
    assert "nan" not in page
