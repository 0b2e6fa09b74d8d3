"""What the page shows: rows of cells as in the paper's tables, each with its seeds and curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.collect.runs import Curve
from crossarch.collect.tidy import DECIMALS
from crossarch.config import (
    Configuration,
    RunId,
    applies,
    figure_points,
    grid,
    table_datasets,
    trained_as,
)
from crossarch.config.complain import in_a_result, validated
from crossarch.errors import ConfigError
from crossarch.files import read_mapping
from crossarch.layout import Layout
from crossarch.report.seeds import SET, is_best, over_seeds, own_baselines
from crossarch.report.tables import paper_accuracies

LOSSES = 100  # at most so many points of a loss curve are kept
_ROW = ["dataset", "source", "ipc", "recipe", "protocol"]
Key = tuple[str, str, int, str, str]


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
    paper: float | None
    mean: float | None = None
    std: float | None = None
    gap: float | None = None
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
    cells: dict[str, Cell]

    @property
    def measured(self) -> bool:
        """Whether any of its cells was run."""
        return any(cell.seeds for cell in self.cells.values())


def rows(configuration: Configuration, runs: pd.DataFrame, layout: Layout) -> list[Row]:
    """Every row of the chosen tables and figures, and those of all other runs, in the paper's order.

    `runs` is the table of `collect_runs`; learning curves are read from the runs' `metrics.json` under
    `layout`, where they are. A cell prints the mean of the selection's `accuracy` over all its seeds,
    chosen or not, in percent, and is compared with all recipes on its set. Raises DataError for a
    metrics file or a file of the paper's numbers that is broken.
    """
    paper = paper_accuracies(configuration)
    numbers = _numbers(configuration, runs)
    groups = dict(iter(runs.sort_values("seed").groupby([*_ROW, "arch"])))

    def cell(key: Key, arch: str) -> Cell:
        served_by = _served_by(configuration, key, arch)
        seeds = tuple(_seeds(layout, groups.get((*served_by, arch), runs[:0])))
        return Cell(
            arch=arch,
            applicable=bool(seeds) or _applies(configuration, key, arch),
            seeds=seeds,
            paper=paper.get((*key[:4], arch)),
            **numbers.get((*served_by, arch), {}),
        )

    return [
        Row(*key, cells={arch: cell(key, arch) for arch in configuration.archs})
        for key in dict.fromkeys([*_planned(configuration), *_keys(runs)])
    ]


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


def _numbers(configuration: Configuration, runs: pd.DataFrame) -> Mapping[Any, dict[Any, Any]]:
    """mean, std, gap and best of each cell that was run, by its row and network."""
    cells = over_seeds(runs, f"accuracy_{configuration.selection.accuracy}")
    cells = cells.merge(own_baselines(configuration, cells), on=SET, how="left")
    cells = cells.assign(gap=cells["mean"] - cells["reference"], best=is_best(cells))
    found = (
        cells.round(DECIMALS).set_index([*_ROW, "arch"])[["mean", "std", "gap", "best"]].astype(object)
    )
    return found.where(found.notna(), None).to_dict("index")


def _served_by(configuration: Configuration, key: Key, arch: str) -> Key:
    """The row whose runs serve for a network in the row `key`; itself where it is not configured."""
    run = RunId.model_validate({**dict(zip(_ROW, key, strict=True)), "arch": arch, "seed": 0})
    try:
        return _row_key(trained_as(configuration, run))
    except ConfigError:
        return key


def _applies(configuration: Configuration, key: Key, arch: str) -> bool:
    run = RunId.model_validate({**dict(zip(_ROW, key, strict=True)), "arch": arch, "seed": 0})
    try:
        return applies(configuration, run)
    except ConfigError:  # a run of a data set, recipe or source that the configuration no longer has
        return True


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
