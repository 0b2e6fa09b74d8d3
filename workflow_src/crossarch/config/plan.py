"""Which runs the chosen tables are made of."""

from collections.abc import Iterable, Iterator
from itertools import product

from crossarch.config.files import UpstreamFile
from crossarch.config.load import Configuration
from crossarch.config.resolve import applies, resolve
from crossarch.config.runs import RunId
from crossarch.config.schema import Table


def table_datasets(configuration: Configuration, table: Table) -> list[str]:
    """The selected data sets that a table can be measured on: its own, or one that stands in for it."""
    selected = configuration.selection.datasets
    return [name for name in selected if configuration.distilled_from(name) == table.dataset]


def grid(configuration: Configuration, table: Table, dataset: str) -> Iterator[RunId]:
    """Every cell of a table in the order of its rows, as the run with the first seed."""
    selection = configuration.selection
    for source, ipc, recipe, arch in product(table.sources, table.ipc, table.recipes, table.archs):
        yield RunId(
            dataset=dataset,
            source=source,
            ipc=ipc,
            arch=arch,
            recipe=recipe,
            protocol=selection.protocol,
            seed=selection.seeds[0],
        )


def table_runs(configuration: Configuration, table: Table) -> list[RunId]:
    """The runs of a table that the configuration selects and that make sense; teachers not included."""
    selection = configuration.selection
    return [
        run.model_copy(update={"seed": seed})
        for dataset in table_datasets(configuration, table)
        for run in grid(configuration, table, dataset)
        if run.source in selection.sources
        and run.ipc in selection.ipc
        and run.recipe in selection.recipes
        and run.arch in selection.archs
        and applies(configuration, run)
        for seed in selection.seeds
    ]


def with_teachers(configuration: Configuration, runs: Iterable[RunId]) -> list[RunId]:
    """`runs` and the teachers that they need, each once, teachers first."""
    runs = list(runs)
    teachers = [resolve(configuration, run).teacher for run in runs]
    return list(dict.fromkeys([*(teacher for teacher in teachers if teacher), *runs]))


def selected_files(configuration: Configuration) -> dict[str, UpstreamFile]:
    """The upstream files of the selected data sets and distilled sets, by what they are."""
    selection = configuration.selection
    urls = set()
    for dataset in selection.datasets:
        origin = configuration.dataset(dataset).origin
        urls |= {origin.file.url} if origin else set()
        original = configuration.distilled_from(dataset)
        for source, ipc in product(selection.sources, selection.ipc):
            entry = configuration.source(source).sets.get(original, {}).get(ipc)
            urls |= {f.url for f in entry.files if isinstance(f, UpstreamFile)} if entry else set()
    return {name: file for name, file in configuration.upstream().items() if file.url in urls}
