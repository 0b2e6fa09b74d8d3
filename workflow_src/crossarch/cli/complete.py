"""What the shell offers after the Tab key: names out of the YAML files and finished runs.

Nothing is checked here and nothing heavy imported: an answer has to come at once, and a mistake in a
file must not break the line that is being typed.
"""

import functools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer
import yaml

from crossarch.config.schema import ANALYSES, ARCHS, PROTOCOLS, WHITENINGS
from crossarch.layout import Layout

Complete = Callable[[typer.Context, str], list[str]]
# What it comes to that a file holds something else than is looked for in it, or cannot be read.
_MISTAKES = (AttributeError, LookupError, OSError, TypeError, ValueError)


def _whatever_stands_in_files(complete: Complete) -> Complete:
    """The same, which offers nothing where there is a mistake in a file."""

    @functools.wraps(complete)
    def offered(context: typer.Context, incomplete: str) -> list[str]:
        try:
            return complete(context, incomplete)
        except _MISTAKES:
            return []

    return offered


@_whatever_stands_in_files
def complete_finished(context: typer.Context, incomplete: str) -> list[str]:
    """Finished runs under --results, those that are on the line already left out."""
    layout = Layout(_results(context))
    runs = layout.results / "runs"
    values = context.params.values()
    given = {str(one) for value in values for one in (value if isinstance(value, list) else [value])}
    return [
        name
        for file in layout.finished_runs()
        if (name := file.parent.relative_to(runs).as_posix()).startswith(incomplete)
        and name not in given
    ]


@_whatever_stands_in_files
def complete_planned(context: typer.Context, incomplete: str) -> list[str]:
    """Every run that the names in the configuration can spell, up to the next slash."""
    done, slash, _ = incomplete.rpartition("/")
    depth = done.count("/") + bool(slash)
    parts: list[Callable[[], Iterable[str]]] = [  # a file is only read when its turn has come
        lambda: _names(context, "datasets"),
        lambda: _names(context, "sources"),
        lambda: (f"ipc{ipc}" for ipc in _ipcs(context, done)),
        lambda: _archs(context),
        lambda: _recipes(context),
        lambda: (f"seed{seed}" for seed in _selection(context).get("seeds") or (0,)),
    ]
    if depth >= len(parts):
        return []
    end = "" if depth == len(parts) - 1 else "/"
    offered = (f"{done}{slash}{part}{end}" for part in parts[depth]())
    return [name for name in offered if name.startswith(incomplete)]


def _among(names: Callable[[typer.Context], Iterable[str]]) -> Complete:
    @_whatever_stands_in_files
    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return [name for name in names(context) if name.startswith(incomplete)]

    return complete


def _archs(context: typer.Context) -> list[str]:
    return [*ARCHS, *(_selection(context).get("own_networks") or ())]


def _recipes(context: typer.Context) -> list[str]:
    own = _selection(context).get("own_recipes") or {}
    return list(dict.fromkeys([*_read(_directory(context) / "recipes.yaml").get("recipes", {}), *own]))


def _ipcs(context: typer.Context, done: str) -> list[int]:
    """The IPC that the source of `done`, `<data set>/<source>`, has of its data set."""
    dataset, _, source = done.partition("/")
    directory = _directory(context)
    of_source = _read(directory / "sources.yaml").get(source, {})
    distilled = of_source.get("distilled", {}).get(dataset, {}).get("ipc", ())
    return list(
        of_source.get("sets", {}).get(dataset) or of_source.get("drawn", {}).get(dataset) or distilled
    )


def _names(context: typer.Context, file: str) -> list[str]:
    return list(_read(_directory(context) / f"{file}.yaml"))


def _selection(context: typer.Context) -> dict[str, Any]:
    """config.yaml with the presets of the line laid over it, key by key."""
    presets = context.params.get("preset") or ()
    merged: dict[str, Any] = {}
    for file in (_directory(context) / "config.yaml", *map(Path, presets)):
        merged |= _read(file)
    return merged


def _directory(context: typer.Context) -> Path:
    return Path(context.params.get("config") or "config")


def _results(context: typer.Context) -> Path:
    given = context.params.get("results") or os.environ.get("CROSSARCH_RESULTS")
    return Path(given or _selection(context).get("results", "results"))


def _read(file: Path) -> dict[str, Any]:
    """A mapping out of a YAML file; an empty one where there is none."""
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return data if isinstance(data, dict) else {}


complete_arch = _among(_archs)
complete_recipe = _among(_recipes)
complete_source = _among(lambda context: _names(context, "sources"))
complete_dataset = _among(lambda context: _names(context, "datasets"))
complete_target = _among(lambda context: [*_names(context, "tables"), *_names(context, "figures")])
complete_collection = _among(
    lambda context: ["runs", "tables", *_names(context, "tables"), *_names(context, "figures")]
)
complete_rendered = _among(
    lambda context: [*_names(context, "tables"), *_names(context, "figures"), "report"]
)
complete_analysis = _among(lambda context: ANALYSES)
complete_device = _among(lambda context: ("auto", "cpu", "cuda", "mps"))
complete_whitening = _among(lambda context: WHITENINGS)
complete_protocol = _among(lambda context: PROTOCOLS)
