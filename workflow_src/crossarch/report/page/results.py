"""What the page shows: rows of cells as in the paper's tables, each with its seeds and curves."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from crossarch.collect.runs import Curve
from crossarch.config import Configuration, RunId, applies, figure_points, grid, table_datasets
from crossarch.config.complain import in_a_result, validated
from crossarch.config.schema import BASELINE
from crossarch.errors import ConfigError
from crossarch.files import read_mapping
from crossarch.layout import Layout
from crossarch.printing.numbers import printed
from crossarch.report.tables import paper_accuracies

LOSSES = 100  # at most so many points of a loss curve are kept
_ROW = ["dataset", "source", "ipc", "recipe", "protocol"]


@dataclass(frozen=True)
class Seed:
    """One run of a cell; accuracies in percent."""

    seed: int
    best: float
    last: float
    best_epoch: int
    epochs: int
    evaluate_every: int
    whitening: str
    device: str
    curve: Curve


@dataclass(frozen=True)
class Cell:
    """One network in one row; `seeds` is empty where nothing was run."""

    arch: str
    applicable: bool
    seeds: tuple[Seed, ...]
    mean: float | None
    std: float | None
    paper: float | None
    gap: float | None
    best: bool = False

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in points."""
        return None if self.mean is None or self.paper is None else self.mean - self.paper


@dataclass(frozen=True)
class Row:
    """One data set, source, IPC and recipe: a cell for each network."""

    dataset: str
    source: str
    ipc: int
    recipe: str
    protocol: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether any of its cells was run."""
        return any(cell.seeds for cell in self.cells.values())


def rows(configuration: Configuration, runs: pd.DataFrame, layout: Layout) -> list[Row]:
    """Every row of the chosen tables and figures, and those of all other runs, in the paper's order.

    `runs` is the table of `collect_runs`; learning curves are read from the runs' `metrics.json` under
    `layout`, where they are. A cell prints the mean of the selection's `accuracy`. Raises DataError
    for a metrics file or a file of the paper's numbers that is broken.
    """
    paper = paper_accuracies(configuration)
    measured = {
        key: group.sort_values("seed") for key, group in runs.groupby([*_ROW, "arch"], sort=False)
    }
    references = _references(configuration, measured)
    made = []
    for key in dict.fromkeys([*_planned(configuration), *_keys(runs)]):
        cells = {
            arch: _cell(configuration, layout, Row(*key), arch, measured, paper, references)
            for arch in configuration.archs
        }
        made.append(Row(*key, cells=cells))
    return _with_best(made)


Key = tuple[str, str, int, str, str]


def _planned(configuration: Configuration) -> Iterator[Key]:
    selection = configuration.selection
    for name in selection.tables:
        table = configuration.table(name)
        for dataset in table_datasets(configuration, table):
            yield from map(_row_key, grid(configuration, table, dataset))
    for name in selection.figures:
        yield from (_row_key(point.run) for point in figure_points(configuration, name))


def _keys(runs: pd.DataFrame) -> Iterator[Key]:
    yield from runs[_ROW].drop_duplicates().itertuples(index=False, name=None)


def _row_key(run: RunId) -> Key:
    return run.dataset, run.source, run.ipc, run.recipe, run.protocol


def _cell(
    configuration: Configuration,
    layout: Layout,
    row: Row,
    arch: str,
    measured: dict[tuple[object, ...], pd.DataFrame],
    paper: dict[tuple[object, ...], float],
    references: dict[tuple[object, ...], float],
) -> Cell:
    key = (row.dataset, row.source, row.ipc, row.recipe, row.protocol)
    group = measured.get((*key, arch))
    seeds = tuple(_seeds(layout, group)) if group is not None else ()
    accuracies = pd.Series([getattr(seed, configuration.selection.accuracy) for seed in seeds])
    mean = float(accuracies.mean()) if seeds else None
    known = row.dataset in configuration.datasets
    original = configuration.distilled_from(row.dataset) if known else row.dataset
    reference = references.get((row.dataset, row.source, row.ipc, row.protocol))
    return Cell(
        arch=arch,
        applicable=bool(seeds) or _applies(configuration, row, arch),
        seeds=seeds,
        mean=mean,
        std=float(accuracies.std()) if len(seeds) > 1 else None,
        paper=paper.get((original, row.source, row.ipc, row.recipe, arch)),
        gap=None if mean is None or reference is None else mean - reference,
    )


def _applies(configuration: Configuration, row: Row, arch: str) -> bool:
    run = RunId.model_validate({**{name: getattr(row, name) for name in _ROW}, "arch": arch, "seed": 0})
    try:
        return applies(configuration, run)
    except ConfigError:  # a run of a data set, recipe or source that the configuration no longer has
        return True


def _references(
    configuration: Configuration, measured: dict[tuple[object, ...], pd.DataFrame]
) -> dict[tuple[object, ...], float]:
    """Mean baseline accuracy of the network that each set was distilled with."""
    column = f"accuracy_{configuration.selection.accuracy}"
    return {
        (dataset, source, ipc, protocol): float(group[column].mean())
        for (dataset, source, ipc, recipe, protocol, arch), group in measured.items()
        if recipe == BASELINE
        and source in configuration.sources
        and arch == configuration.sources[str(source)].arch
    }


def _seeds(layout: Layout, group: pd.DataFrame) -> Iterator[Seed]:
    for record in group.to_dict("records"):
        run = RunId.model_validate({name: record[name] for name in RunId.model_fields})
        yield Seed(
            seed=int(record["seed"]),
            best=float(record["accuracy_best"]),
            last=float(record["accuracy_last"]),
            best_epoch=int(record["best_epoch"]),
            epochs=int(record["epochs"]),
            evaluate_every=int(record["evaluate_every"]),
            whitening=str(record["whitening"]),
            device=str(record["device"]),
            curve=_curve(layout.run_metrics(run)),
        )


def _curve(file: Path) -> Curve:
    """The history of a run, its losses thinned out; none where the file is not at hand."""
    if not file.is_file():
        return Curve()
    with in_a_result():
        curve = validated(Curve, read_mapping(file), str(file))
    step = -(-len(curve.losses) // LOSSES) or 1
    return Curve(evaluations=curve.evaluations, losses=curve.losses[step - 1 :: step])


def _with_best(made: list[Row]) -> list[Row]:
    """Marks the best recipe of each network and set, where at least two were measured."""
    means: dict[tuple[object, ...], list[str]] = {}
    for row in made:
        for arch, cell in row.cells.items():
            if cell.mean is not None:
                means.setdefault(_set_key(row, arch), []).append(printed(cell.mean))

    def marked(row: Row, arch: str, cell: Cell) -> Cell:
        others = means.get(_set_key(row, arch), [])
        best = cell.mean is not None and len(others) > 1 and printed(cell.mean) == max(others, key=float)
        return replace(cell, best=best)

    return [
        Row(
            **{**vars(row), "cells": {arch: marked(row, arch, cell) for arch, cell in row.cells.items()}}
        )
        for row in made
    ]


def _set_key(row: Row, arch: str) -> tuple[object, ...]:
    return row.dataset, row.source, row.ipc, row.protocol, arch
