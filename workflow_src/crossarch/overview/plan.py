"""How many runs each table and figure needs, and how many all: what they share is trained once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from crossarch.config import Configuration, RunId, collection_runs, named_runs, needs_runs, with_teachers
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.overview.status import run_statuses


@dataclass(frozen=True)
class Target:
    """A table or figure: its cells, and the runs behind them with the teachers that those need."""

    name: str
    title: str
    cells: int  # of the configuration, whatever the seeds
    runs: tuple[RunId, ...]
    new: int  # runs that no earlier target needs
    left: int  # runs that are not done
    nothing: str | None = None  # why one that needs runs has none

    def counts(self) -> dict[str, Any]:
        """The numbers by name, as JSON has them."""
        done = len(self.runs) - self.left
        return {
            "cells": self.cells,
            "runs": len(self.runs),
            "new": self.new,
            "done": done,
            "left": self.left,
        }


@dataclass(frozen=True)
class Plan:
    """Targets in order, and all their distinct runs."""

    targets: tuple[Target, ...]
    runs: tuple[RunId, ...]
    left: tuple[RunId, ...]

    def to_json(self) -> dict[str, Any]:
        """Counts of each target and of all."""
        left = len(self.left)
        return {
            "targets": {target.name: target.counts() for target in self.targets},
            "all": {"runs": len(self.runs), "done": len(self.runs) - left, "left": left},
        }


def planned(configuration: Configuration, layout: Layout, names: Sequence[str]) -> Plan:
    """The runs of the tables and figures `names` under the configuration's selection.

    Raises ConfigError for an unknown name. A run is left to do if it is not done (`run_statuses`).
    """
    cells = {name: named_runs(configuration, name) for name in names}
    needed = {name: with_teachers(configuration, cells[name]) for name in cells}
    all_runs = dict.fromkeys(chain.from_iterable(needed.values()))
    statuses = run_statuses(configuration, layout, all_runs)
    left = [run for run, status in statuses.items() if status.state != "done"]
    targets, seen = list[Target](), set[RunId]()
    for name, runs in needed.items():
        targets.append(
            Target(
                name=name,
                title=_title(configuration, name),
                cells=len({run.model_copy(update={"seed": 0}) for run in cells[name]}),
                runs=tuple(runs),
                new=len(set(runs) - seen),
                left=len(set(runs) & set(left)),
                nothing=None if runs else _why_nothing(configuration, name),
            )
        )
        seen |= set(runs)
    return Plan(tuple(targets), tuple(all_runs), tuple(left))


def needed_runs(configuration: Configuration, names: Iterable[str]) -> list[RunId]:
    """The distinct runs behind tables and figures, teachers included, in their order.

    Raises ConfigError for an unknown name.
    """
    needed = (with_teachers(configuration, named_runs(configuration, name)) for name in names)
    return list(dict.fromkeys(chain.from_iterable(needed)))


def _title(configuration: Configuration, name: str) -> str:
    figure = configuration.figures.get(name)
    return figure.title if figure else configuration.table(name).title


def _has_cells(configuration: Configuration, name: str) -> bool:
    """Whether a table or figure is made of runs at all."""
    figure = configuration.figures.get(name)
    return needs_runs(figure) if figure else configuration.table(name).dataset is not None


def _why_nothing(configuration: Configuration, name: str) -> str | None:
    """Why a table or figure that is made of runs has none."""
    if not _has_cells(configuration, name):
        return None
    try:
        collection_runs(configuration, name)
    except ConfigError as error:
        return str(error)
    raise AssertionError(f"{name} has runs")
