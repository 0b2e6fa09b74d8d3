"""One page to explore all results in: a single HTML file that needs no network."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from crossarch import __version__
from crossarch.collect.interval import LEVEL
from crossarch.collect.runs import Curve
from crossarch.collect.tidy import DECIMALS, read_text_columns, read_tidy
from crossarch.config import Configuration, RunId, figure_points, grid, table_datasets
from crossarch.config.validation import as_data_error, validated
from crossarch.files import read_mapping, write_text
from crossarch.printing.synthetic import any_synthetic
from crossarch.printing.templates import NOT_RUN
from crossarch.report.cells import measured_cells
from crossarch.report.facts import text
from crossarch.report.figures import shows_nothing
from crossarch.report.reproduction import judged_cells
from crossarch.report.scorecard import SCORECARD, SUMMARY
from crossarch.report.scorecard_page import FILES, titled
from crossarch.report.tables import paper_accuracies

LOSSES = 100  # at most so many points of a loss curve are kept
PAIRS = 400  # of networks and sets that two recipes are compared on, at most
_TEMPLATES = Path(__file__).parent / "templates"
_ROW = ["dataset", "source", "ipc", "recipe", "protocol"]
_AUDIT = ["source", "dataset", "ipc", "shape", "labels", "balance", "std", "neighbour_correlation"]
_AUDIT += ["best", "confidence", "share", "configured", "warning"]


def render_page(
    configuration: Configuration,
    runs: pd.DataFrame,
    file: Path,
    files: Iterable[Path] = (),
    metrics: Path | None = None,
) -> Path:
    """Write the page to `file`; returns it.

    Shows every cell of the chosen tables and figures, and of all other `runs` (the table of
    `collect_runs`). `files` are what it shows besides, by their names: figures (`.svg`, with their
    captions, `.md`), the scorecard's CSVs, `audit.csv`. `metrics` is the folder that has the runs'
    `metrics.json`, for their curves. Raises DataError for a file that is broken.
    """
    by_name = {path.name: path for path in files}
    rows = page_rows(configuration, runs, metrics)
    cells = [cell for row in rows for cell in row["cells"].values() if cell["applicable"]]
    page = text(
        "page.html",
        version=__version__,
        assets={name: _asset(name) for name in ("page.css", "page.js")},
        archs=_archs(configuration),
        rows=rows,
        filters=_filters(configuration, rows),
        recipe_groups=recipe_groups(configuration, [row["recipe"] for row in rows]),
        titles=_titles(configuration),
        synthetic=any_synthetic(runs["device"]),
        accuracy=configuration.selection.accuracy,
        runs=len(runs),
        measured=sum(bool(cell["seeds"]) for cell in cells),
        cells=len(cells),
        data=_data(configuration, rows),
        reach=[round(float(stats.t.ppf((1 + LEVEL) / 2, free)), 6) for free in range(1, PAIRS)],
        pictures=list(_pictures(configuration, by_name, runs)),
        **_scorecard(configuration, by_name),
        audit=_audit(by_name),
        findings=configuration.findings,
    )
    write_text(file, page)
    return file


def page_rows(
    configuration: Configuration, runs: pd.DataFrame, metrics: Path | None = None
) -> list[dict[str, Any]]:
    """A row for each data set, source, IPC, recipe and protocol, in the paper's order.

    Its `cells` are those of `measured_cells` by network, with the paper's number and, in `seeds`, the
    runs, each with its curves where `metrics` has them.
    """
    keys = dict.fromkeys(_keys(configuration, runs))
    planned = [
        RunId.model_validate({**dict(zip(_ROW, key, strict=True)), "arch": arch, "seed": 0})
        for key in keys
        for arch in configuration.archs
    ]
    if not planned:
        return []
    cells = measured_cells(configuration, planned, runs).round(DECIMALS)
    paper = paper_accuracies(configuration)
    of_cell = dict(iter(runs.sort_values("seed").groupby([*_ROW, "arch"])))
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for cell in cells.astype(object).where(cells.notna(), None).to_dict("records"):
        key = tuple(cell[name] for name in _ROW)
        served = tuple(cell["trained_as" if name == "recipe" else name] for name in [*_ROW, "arch"])
        cell["paper"] = paper.get((*key[:4], cell["arch"]))
        both = None not in (cell["mean"], cell["paper"])
        cell["difference"] = round(cell["mean"] - cell["paper"], DECIMALS) if both else None
        chosen = of_cell[served].to_dict("records") if cell["n"] else []
        seeds = configuration.selection.seeds
        cell["seeds"] = [_seed(run, metrics) for run in chosen if run["seed"] in seeds]
        row = rows.setdefault(key, {**dict(zip(_ROW, key, strict=True)), "cells": {}})
        row["cells"][cell["arch"]] = cell
    return list(rows.values())


def _keys(configuration: Configuration, runs: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    selection = configuration.selection
    planned: list[RunId] = []
    for name in selection.tables:
        table = configuration.table(name)
        for dataset in table_datasets(configuration, table):
            planned += grid(configuration, table, dataset)
    for name in selection.figures:
        planned += [point.run for point in figure_points(configuration, name)]
    yield from (tuple(getattr(run, name) for name in _ROW) for run in planned)
    yield from runs[_ROW].itertuples(index=False, name=None)


def _seed(run: dict[Any, Any], metrics: Path | None) -> dict[str, Any]:
    """What the page says of one run, its losses thinned out; no curves where the file is not there."""
    names = RunId.model_fields
    path = RunId.model_validate({name: run[name] for name in names}).path
    file = metrics / path / "metrics.json" if metrics else None
    curve = Curve()
    if file and file.is_file():
        with as_data_error():
            curve = validated(Curve, read_mapping(file), str(file))
    step = -(-len(curve.losses) // LOSSES) or 1
    shown = ("seed", "best_epoch", "epochs", "evaluate_every", "whitening", "device")
    return {
        **{name: run[name] for name in shown},
        **{"best": run["accuracy_best"], "last": run["accuracy_last"]},
        "evaluations": [(one.epoch, one.accuracy) for one in curve.evaluations],
        "losses": [(one.epoch, one.loss) for one in curve.losses[step - 1 :: step]],
    }


def recipe_groups(configuration: Configuration, recipes: Iterable[str]) -> dict[str, str]:
    """The group of each recipe: the first table or figure that has it, or `Custom`."""
    groups: dict[str, str] = {}
    for name, table in configuration.tables.items():
        title = "The paper's methods" if table.layout == "settings" else f"Table {name[5:]}"
        for recipe in table.recipes:
            groups.setdefault(recipe, title if name.startswith("table") else table.title)
    for name in configuration.figures:
        for point in figure_points(configuration, name):
            groups.setdefault(point.run.recipe, f"Figure {name.removeprefix('figure')}")
    return {recipe: groups.get(recipe, "Custom") for recipe in dict.fromkeys(recipes)}


def _titles(configuration: Configuration) -> dict[str, dict[str, str]]:
    """What data sets, sources and recipes are called in print, by their names."""
    book = configuration.recipe_book
    titles = {name: book.title(name) for name in book.recipes}
    first: dict[str, str] = {}
    for name, title in titles.items():
        first.setdefault(title, name)
    unique = {
        name: title if first[title] == name else f"{title} ({name})" for name, title in titles.items()
    }
    return {
        "dataset": {name: dataset.title for name, dataset in configuration.datasets.items()},
        "source": {name: source.title for name, source in configuration.sources.items()},
        "recipe": unique,  # Table 8 prints the titles of Table 2
    }


def _filters(configuration: Configuration, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """For each column the values to choose from; the protocol only where there is a choice."""
    values = {kind: list(dict.fromkeys(row[kind] for row in rows)) for kind in _ROW}
    values["ipc"] = sorted(values["ipc"])
    if len(values["protocol"]) < 2:
        del values["protocol"]
    return {**values, "arch": list(configuration.archs)}


def _archs(configuration: Configuration) -> dict[str, str]:
    return {arch: configuration.arch_title(arch) for arch in configuration.archs}


def _data(configuration: Configuration, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the script needs for the pop-ups, curves and comparisons, by row and network."""
    titles = _titles(configuration)
    shown = ("mean", "std", "paper", "difference", "gap", "seeds")
    return {
        f"{place}-{arch}": {
            "title": f"{configuration.arch_title(arch)}, {titles['recipe'][row['recipe']]}",
            "set": f"{titles['source'][row['source']]}, IPC {row['ipc']}, tested on "
            f"{titles['dataset'][row['dataset']]}, protocol {row['protocol']}",
            **{name: cell[name] for name in shown},
            "findings": {
                name: each.title
                for name, each in configuration.findings_of({**row, "arch": arch}).items()
            },
        }
        for place, row in enumerate(rows)
        for arch, cell in row["cells"].items()
        if cell["seeds"]
    }


def _asset(name: str) -> tuple[str, str]:
    """A style or script, and the digest by which the page's policy allows this text and no other."""
    content = (_TEMPLATES / name).read_text(encoding="utf-8")
    return content, base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _pictures(
    configuration: Configuration, files: dict[str, Path], runs: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """The figures: image as a `data:` address, and title and caption from the Markdown beside it.

    A figure of runs of which too few were measured to show anything is left out.
    """
    for path in files.values():
        if path.suffix != ".svg" or shows_nothing(configuration, path.stem, runs):
            continue
        words = files[f"{path.stem}.md"].read_text(encoding="utf-8").strip().split("\n\n")
        yield {
            "name": path.stem,
            "title": words[0].removeprefix("# "),
            "caption": words[-1],
            "wide": configuration.figure(path.stem).columns == 2,
            "image": f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}",
        }


def _scorecard(configuration: Configuration, files: dict[str, Path]) -> dict[str, Any]:
    """The rows of the scorecard with their verdicts; nothing without its files."""
    if not {FILES[0], FILES[1]} <= set(files):
        return {"claims": [], "tables": []}
    cells = read_tidy(files[FILES[0]], SCORECARD)
    verdicts = judged_cells(configuration, cells)["verdict"].reindex(cells.index)
    rows = titled(
        configuration,
        cells.assign(verdict=verdicts.fillna("not run")),
        read_tidy(files[FILES[1]], SUMMARY),
    )
    return {"claims": rows["claims"], "tables": rows["tables"]}


def _audit(files: dict[str, Path]) -> dict[str, Sequence[Any]]:
    """The audit of the distilled sets: columns and rows, as text; nothing without its file."""
    if "audit.csv" not in files:
        return {"columns": [], "rows": []}
    table = read_text_columns(files["audit.csv"]).fillna(NOT_RUN)
    table = table[[name for name in _AUDIT if name in table]]
    return {"columns": list(table.columns), "rows": table.to_numpy().tolist()}
