"""What the page shows: rows of cells as in the paper's tables, each with its seeds and curves."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from crossarch.collect.runs import Curve
from crossarch.collect.tidy import DECIMALS
from crossarch.config import Configuration, RunId, applies, figure_points, grid, table_datasets
from crossarch.config.complain import in_a_result, validated
from crossarch.errors import ConfigError
from crossarch.files import read_mapping
from crossarch.layout import Layout
from crossarch.report.seeds import best_as_printed, over_seeds, references
from crossarch.report.tables import paper_accuracies

LOSSES = 100  # at most so many points of a loss curve are kept
_SET = ["dataset", "source", "ipc", "protocol"]
_ROW = ["dataset", "source", "ipc", "recipe", "protocol"]
_CELL = [*_ROW, "arch"]
Key = tuple[object, ...]


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
    `layout`, where they are. A cell prints the mean of the selection's `accuracy`. Raises DataError
    for a metrics file or a file of the paper's numbers that is broken.
    """
    paper = paper_accuracies(configuration)
    numbers = _numbers(configuration, runs)
    seeds = {key: tuple(_seeds(layout, group)) for key, group in runs.sort_values("seed").groupby(_CELL)}

    def cell(run: RunId) -> Cell:
        key = _values(run, _CELL)
        known = run.dataset in configuration.datasets
        original = configuration.distilled_from(run.dataset) if known else run.dataset
        return Cell(
            arch=run.arch,
            applicable=key in seeds or _applies(configuration, run),
            seeds=seeds.get(key, ()),
            paper=paper.get((original, run.source, run.ipc, run.recipe, run.arch)),
            **numbers.get(key, {}),
        )

    def row(first: RunId) -> Row:
        of_row = (first.model_copy(update={"arch": arch}) for arch in configuration.archs)
        named = {name: getattr(first, name) for name in _ROW}
        return Row(**named, cells={run.arch: cell(run) for run in of_row})

    firsts = {
        _values(run, _ROW): run
        for run in (*_planned(configuration), *map(_run, runs.to_dict("records")))
    }
    return [row(first) for first in firsts.values()]


def _planned(configuration: Configuration) -> Iterator[RunId]:
    selection = configuration.selection
    for name in selection.tables:
        table = configuration.table(name)
        for dataset in table_datasets(configuration, table):
            yield from grid(configuration, table, dataset)
    for name in selection.figures:
        yield from (point.run for point in figure_points(configuration, name))


def _values(run: RunId, names: Sequence[str]) -> Key:
    return tuple(getattr(run, name) for name in names)


def _run(record: Mapping[Hashable, Any]) -> RunId:
    return RunId.model_validate({name: record[name] for name in RunId.model_fields})


def _numbers(configuration: Configuration, runs: pd.DataFrame) -> dict[Key, dict[str, Any]]:
    """mean, std, gap and best of each measured cell."""
    accuracy = configuration.selection.accuracy
    cells = over_seeds(runs, _CELL, accuracy)
    cells = cells.merge(references(configuration, runs, _SET, accuracy), on=_SET, how="left")
    cells = cells.assign(
        gap=cells["mean"] - cells["reference"], best=best_as_printed(cells, [*_SET, "arch"])
    )
    numbers = cells.round(DECIMALS).set_index(_CELL)[["mean", "std", "gap", "best"]].astype(object)
    return cast("dict[Key, dict[str, Any]]", numbers.where(numbers.notna(), None).to_dict("index"))


def _applies(configuration: Configuration, run: RunId) -> bool:
    try:
        return applies(configuration, run)
    except ConfigError:  # a run of a data set, recipe or source that the configuration no longer has
        return True


def _seeds(layout: Layout, group: pd.DataFrame) -> Iterator[Seed]:
    for record in group.to_dict("records"):
        yield Seed(
            seed=int(record["seed"]),
            best=float(record["accuracy_best"]),
            last=float(record["accuracy_last"]),
            best_epoch=int(record["best_epoch"]),
            epochs=int(record["epochs"]),
            evaluate_every=int(record["evaluate_every"]),
            whitening=str(record["whitening"]),
            device=str(record["device"]),
            curve=_curve(layout.run_metrics(_run(record))),
        )


def _curve(file: Path) -> Curve:
    """The history of a run, its losses thinned out; none where the file is not at hand."""
    if not file.is_file():
        return Curve()
    with in_a_result():
        curve = validated(Curve, read_mapping(file), str(file))
    step = -(-len(curve.losses) // LOSSES) or 1
    return Curve(evaluations=curve.evaluations, losses=curve.losses[step - 1 :: step])
