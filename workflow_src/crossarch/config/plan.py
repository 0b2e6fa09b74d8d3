"""Which runs the chosen tables are made of."""

from collections.abc import Iterable
from typing import TypeVar

from crossarch.config.load import Configuration
from crossarch.config.resolve import applies, resolve
from crossarch.config.runs import RunId
from crossarch.config.schema import Table

T = TypeVar("T")


def table_runs(configuration: Configuration, table: Table) -> list[RunId]:
    """The runs of a table, narrowed down to what the configuration selects, teachers not included.

    A data set that stands in for the table's own one (`cifar10-jpeg` for `cifar10`) counts as it.
    """
    selection = configuration.selection
    runs = [
        RunId(
            dataset=dataset,
            source=source,
            ipc=ipc,
            arch=arch,
            recipe=recipe,
            protocol=selection.protocol,
            seed=seed,
        )
        for dataset in selection.datasets
        if configuration.distilled_from(dataset) == table.dataset
        for source in _chosen(table.sources, selection.sources)
        for ipc in _chosen(table.ipc, selection.ipc)
        for recipe in _chosen(table.recipes, selection.recipes)
        for arch in _chosen(table.archs, selection.archs)
        for seed in selection.seeds
    ]
    return [run for run in runs if applies(configuration, run)]


def with_teachers(configuration: Configuration, runs: Iterable[RunId]) -> list[RunId]:
    """`runs` and the teachers that they need, each once, teachers first."""
    teachers = [resolve(configuration, run).teacher for run in runs]
    return list(dict.fromkeys([*(t for t in teachers if t), *runs]))


def _chosen(of_table: Iterable[T], selected: Iterable[T]) -> list[T]:
    kept = set(selected)
    return [value for value in of_table if value in kept]
