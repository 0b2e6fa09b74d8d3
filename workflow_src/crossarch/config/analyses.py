"""Which runs an analysis is about, and the settings that decide its records."""

import json
from collections.abc import Iterable

from crossarch.config.configuration import Configuration
from crossarch.config.plan import collection_runs
from crossarch.config.resolve import applies, published_teacher, resolve
from crossarch.config.runs import RunId
from crossarch.errors import ConfigError


def analysis_runs(configuration: Configuration, name: str) -> list[RunId]:
    """The runs of the chosen tables that an analysis is about, each once.

    Raises ConfigError where none is left.
    """
    protocols = configuration.analysis(name).protocols
    runs = collection_runs(configuration, "tables")
    if protocols:
        every = (run.model_copy(update={"protocol": each}) for run in runs for each in protocols)
        runs = [run for run in dict.fromkeys(every) if applies(configuration, run)]
    left = applicable_runs(configuration, name, runs)
    if not left:
        raise ConfigError(f"{name}: no run is left: the chosen tables have none that it is about")
    return left


def runs_to_collect(configuration: Configuration, collection: str) -> list[RunId]:
    """The runs of an analysis by its name, or of a collection (`collection_runs`)."""
    if collection in configuration.analyses:
        return analysis_runs(configuration, collection)
    return collection_runs(configuration, collection)


def applicable_runs(configuration: Configuration, name: str, runs: Iterable[RunId]) -> list[RunId]:
    """Those of `runs` that an analysis is about.

    Whether a custom network has batch norm is known when it is built: its runs are left out.
    """
    match configuration.analysis(name).runs:
        case "with_teacher":
            return [run for run in runs if resolve(configuration, run).teacher]
        case "with_batch_norm":
            networks = {run: resolve(configuration, run).network for run in runs}
            return [run for run, net in networks.items() if net.own is None and net.norm == "batch"]
        case "published":
            return [
                run
                for run in runs
                if published_teacher(configuration, run) and not resolve(configuration, run).distillation
            ]
    return list(runs)


def chosen_analyses(configuration: Configuration) -> list[str]:
    """The analyses that are made together and that the chosen tables have runs for.

    Raises ConfigError where no table has any run.
    """
    runs = collection_runs(configuration, "tables")
    return [
        name
        for name, entry in configuration.analyses.items()
        if entry.summary and not entry.by_name_only and applicable_runs(configuration, name, runs)
    ]


def analysis_settings(configuration: Configuration, name: str, run: RunId) -> str:
    """What decides the record of a run besides its inputs, one line of JSON."""
    known = {
        "curvature": configuration.selection.curvature.model_dump(mode="json"),
        "temperature": _temperature(configuration, run),
    }
    return json.dumps({key: known[key] for key in configuration.analysis(name).settings})


def _temperature(configuration: Configuration, run: RunId) -> float:
    """The temperature of the first recipe that is distilled from the recipe of `run`; 1 if none is."""
    book = configuration.recipe_book
    for name in book.recipes:
        recipe = book.recipe(name, run.protocol, ipc=run.ipc, arch="", source=run.source)
        if recipe.distillation and recipe.distillation.recipe == run.recipe:
            return recipe.distillation.temperature
    return 1.0
