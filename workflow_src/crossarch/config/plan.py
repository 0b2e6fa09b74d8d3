"""Which runs the chosen tables are made of."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from crossarch.config.choice import first_run, has_training_set, selected
from crossarch.config.configuration import Configuration
from crossarch.config.figures import drawn_recipes, figure_points, figure_runs
from crossarch.config.files import UpstreamFile
from crossarch.config.resolve import applies, distilled_set, resolve, teacher_file, trained_as
from crossarch.config.runs import RunId
from crossarch.config.schema import Table
from crossarch.errors import ConfigError


def table_datasets(configuration: Configuration, table: Table) -> list[str]:
    """The selected data sets that a table can be measured on: its own.

    In a layout with a row for each source also data sets that no table is about.
    """
    if not table.dataset:
        return []
    wide = table.layout in ("main", "spread")
    return [
        name
        for name in configuration.selection.datasets
        if name == table.dataset or (wide and configuration.is_outside_paper(name))
    ]


def table_sources(configuration: Configuration, table: Table, dataset: str) -> list[str]:
    """The sources of a table; in the main layout those that the configuration chooses besides follow.

    For a data set that no table is about: the chosen sources that have sets for it.
    """
    if configuration.is_outside_paper(dataset):
        return configuration.chosen_sources(dataset)
    selection = configuration.selection
    chosen = (*(selection.sources or ()), *selection.own_sources)
    besides = chosen if table.layout == "main" and table.dataset else ()
    own = [name for name in besides if configuration.source(name).ipcs(str(table.dataset))]
    return list(dict.fromkeys([*table.sources, *own]))


def table_archs(configuration: Configuration, table: Table) -> list[str]:
    """The networks of a table; where they are columns, the user's own follow."""
    own = configuration.network_files if table.layout in ("main", "spread") else ()
    return list(dict.fromkeys([*table.archs, *own]))


def table_recipes(configuration: Configuration, table: Table, ipc: int | None = None) -> list[str]:
    """The recipes of a table (for one IPC).

    In the layouts `main` and `settings` custom ones follow, and those that are chosen by name though no
    table and no figure has them.
    """
    recipes = table.recipes if ipc is None else table.recipes_by_ipc.get(ipc, table.recipes)
    if table.layout not in ("main", "settings"):
        return list(recipes)
    drawn = {name for figure in configuration.figures.values() for name in drawn_recipes(figure)}
    named = drawn.union(*(each.recipes for each in configuration.tables.values()))
    chosen = [name for name in configuration.selection.recipes or () if name not in named]
    return list(dict.fromkeys([*recipes, *configuration.selection.own_recipes, *chosen]))


def grid(configuration: Configuration, table: Table, dataset: str) -> Iterator[RunId]:
    """Every cell of a table in the order of its rows, as the run with the first seed."""
    archs = table_archs(configuration, table)
    for source in table_sources(configuration, table, dataset):
        for ipc in _table_ipcs(configuration, table, dataset, source):
            for recipe, arch in product(table_recipes(configuration, table, ipc), archs):
                yield first_run(configuration, dataset, source, ipc, arch, recipe)


def _table_ipcs(configuration: Configuration, table: Table, dataset: str, source: str) -> Sequence[int]:
    """The IPC of a table; of what the table is not about, the chosen ones that `source` has."""
    if source in table.sources and not configuration.is_outside_paper(dataset):
        return table.ipc
    return configuration.chosen_ipcs(dataset, source)


def table_runs(configuration: Configuration, table: Table) -> list[RunId]:
    """The runs of a table that the configuration selects and that make sense; teachers not included.

    A cell whose training set sources.yaml does not have is left out. Cells that are trained alike name
    one run (`trained_as`), which comes once.
    """
    runs = (
        trained_as(configuration, run).model_copy(update={"seed": seed})
        for dataset in table_datasets(configuration, table)
        for run in grid(configuration, table, dataset)
        if selected(configuration, run)
        and has_training_set(configuration, run)
        and applies(configuration, run)
        for seed in configuration.selection.seeds
    )
    return list(dict.fromkeys(runs))


def named_runs(configuration: Configuration, name: str) -> list[RunId]:
    """The runs of a table or figure that the configuration selects; ConfigError if it is neither."""
    if name in configuration.figures:
        return figure_runs(configuration, name)
    return table_runs(configuration, configuration.table(name))


def collection_runs(configuration: Configuration, collection: str) -> list[RunId]:
    """The runs of a table or figure, of all chosen `tables`, or of these and the figures (`runs`).

    Each comes once. Raises ConfigError if there is no such collection, or if no run of it is left.
    """
    selection = configuration.selection
    several = {"tables": selection.tables, "runs": (*selection.tables, *selection.figures)}
    names = several.get(collection, (collection,))
    runs = dict.fromkeys(run for name in names for run in named_runs(configuration, name))
    if not runs:
        raise ConfigError(f"{', '.join(names)}: no run is left: {_why_none(configuration, names)}")
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
    """The upstream files that the runs of the chosen tables and figures need, by what they are."""
    runs = collection_runs(configuration, "runs")
    origins = [configuration.dataset(name).origin for name in {run.dataset for run in runs}]
    files = [origin.archives[0] for origin in origins if origin and origin.archives]
    for one in {run.training_set for run in runs}:
        if configuration.source(one.source).sets:
            entry = distilled_set(configuration, one.source, one.dataset, one.ipc)
            files += [file for file in entry.files if isinstance(file, UpstreamFile)]
    teachers = (teacher_file(configuration, run) for run in runs)
    files += [file for file in teachers if isinstance(file, UpstreamFile)]
    urls = {file.url for file in files}
    return {name: file for name, file in configuration.upstream().items() if file.url in urls}


def _why_none(configuration: Configuration, names: Iterable[str]) -> str:
    """What stands in the way of all runs of tables and figures."""
    cells = [run for name in names for run in _cells(configuration, name)]
    if cells and not any(has_training_set(configuration, run) for run in cells):
        datasets = dict.fromkeys(run.dataset for run in cells)
        ipc = ", ".join(map(str, dict.fromkeys(run.ipc for run in cells)))
        file = f"{configuration.directory}/sources.yaml"
        return f"{file} has no set of {', '.join(datasets)} with ipc {ipc}"
    keys = "datasets, sources, ipc, archs and recipes"
    return f"the configuration's {keys} have none in common with it"


def _cells(configuration: Configuration, name: str) -> Iterator[RunId]:
    """Every cell of a table or point of a figure, selected or not, as the run with the first seed."""
    if name in configuration.figures:
        yield from (point.run for point in figure_points(configuration, name))
    else:
        table = configuration.table(name)
        for dataset in table_datasets(configuration, table):
            yield from grid(configuration, table, dataset)
