"""Which runs the chosen tables are made of."""

from collections.abc import Iterable, Iterator
from itertools import product

from crossarch.config.files import UpstreamFile
from crossarch.config.load import Configuration
from crossarch.config.resolve import applies, distilled_set, resolve
from crossarch.config.runs import RunId
from crossarch.config.schema import Table
from crossarch.errors import ConfigError


def table_datasets(configuration: Configuration, table: Table) -> list[str]:
    """The selected data sets that a table can be measured on: its own, or one that stands in for it."""
    fitting = configuration.fitting(table.dataset) if table.dataset else []
    return [name for name in configuration.selection.datasets if name in fitting]


def table_sources(configuration: Configuration, table: Table) -> list[str]:
    """The sources of a table; in the main layout those that the configuration chooses besides follow."""
    chosen = configuration.selection.sources or ()
    besides = chosen if table.layout == "main" and table.dataset else ()
    own = [name for name in besides if configuration.source(name).ipcs(str(table.dataset))]
    return list(dict.fromkeys([*table.sources, *own]))


def grid(configuration: Configuration, table: Table, dataset: str) -> Iterator[RunId]:
    """Every cell of a table in the order of its rows, as the run with the first seed."""
    selection = configuration.selection
    for source, ipc in product(table_sources(configuration, table), table.ipc):
        for recipe, arch in product(table.recipes_by_ipc.get(ipc, table.recipes), table.archs):
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
    """The runs of a table that the configuration selects and that make sense; teachers not included.

    A cell whose distilled set sources.yaml does not have is left out.
    """
    return [
        run.model_copy(update={"seed": seed})
        for dataset in table_datasets(configuration, table)
        for run in grid(configuration, table, dataset)
        if selected(configuration, run)
        and _has_distilled_set(configuration, run)
        and applies(configuration, run)
        for seed in configuration.selection.seeds
    ]


def collection_runs(configuration: Configuration, collection: str) -> list[RunId]:
    """The runs of a table, or for `runs` those of all chosen tables, each once.

    Raises ConfigError if there is no such table, or if the configuration leaves no run of it.
    """
    names = configuration.selection.tables if collection == "runs" else (collection,)
    tables = [configuration.table(name) for name in names]
    runs = dict.fromkeys(run for table in tables for run in table_runs(configuration, table))
    if not runs:
        raise ConfigError(f"{', '.join(names)}: no run is left: {_why_none(configuration, tables)}")
    return list(runs)


def renderable_tables(configuration: Configuration) -> list[str]:
    """The chosen tables that need no run, and those of which at least one run is left."""
    return [
        name
        for name in configuration.selection.tables
        if (table := configuration.table(name)).layout == "settings" or table_runs(configuration, table)
    ]


def with_teachers(configuration: Configuration, runs: Iterable[RunId]) -> list[RunId]:
    """`runs` and the teachers that they need, each once, teachers first."""
    runs = list(runs)
    teachers = [resolve(configuration, run).teacher for run in runs]
    return list(dict.fromkeys([*(teacher for teacher in teachers if teacher), *runs]))


def selected_files(configuration: Configuration) -> dict[str, UpstreamFile]:
    """The upstream files that the runs of the chosen tables need, by what they are."""
    tables = [configuration.table(name) for name in configuration.selection.tables]
    runs = [run for table in tables for run in table_runs(configuration, table)]
    origins = [configuration.dataset(name).origin for name in {run.dataset for run in runs}]
    files = [origin.file for origin in origins if origin]
    for source, dataset, ipc in {run.training_set for run in runs}:
        if configuration.source(source).sets:
            entry = distilled_set(configuration, source, dataset, ipc)
            files += [file for file in entry.files if isinstance(file, UpstreamFile)]
    urls = {file.url for file in files}
    return {name: file for name, file in configuration.upstream().items() if file.url in urls}


def selected(configuration: Configuration, run: RunId) -> bool:
    """Whether the configuration's sources, ipc, archs and recipes hold those of `run`."""
    selection = configuration.selection
    chosen = (
        (run.source, selection.sources),
        (run.ipc, selection.ipc),
        (run.arch, selection.archs),
        (run.recipe, selection.recipes),
    )
    return all(names is None or name in names for name, names in chosen)


def _has_distilled_set(configuration: Configuration, run: RunId) -> bool:
    try:
        distilled_set(configuration, run.source, run.dataset, run.ipc)
    except ConfigError:
        return False
    return True


def _why_none(configuration: Configuration, tables: list[Table]) -> str:
    """What stands in the way of all runs of `tables`."""
    cells = [
        run
        for table in tables
        for dataset in table_datasets(configuration, table)
        for run in grid(configuration, table, dataset)
    ]
    if cells and not any(_has_distilled_set(configuration, run) for run in cells):
        datasets = dict.fromkeys(configuration.distilled_from(run.dataset) for run in cells)
        return f"{configuration.directory}/sources.yaml has no set of {', '.join(datasets)} for it"
    keys = "datasets, sources, ipc, archs and recipes"
    return f"the configuration's {keys} have none in common with the table"
