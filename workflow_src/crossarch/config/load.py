"""Reading `config/`: YAML files in, one validated `Configuration` out, or an error of one line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crossarch.config.checks import check_names, check_recipes, check_targets, check_titles
from crossarch.config.configuration import Configuration
from crossarch.config.custom import read_network_files
from crossarch.config.locked import NAME as LOCK_NAME
from crossarch.config.locked import Locked, parse_lock
from crossarch.config.merge import merged
from crossarch.config.reading import read_mapping
from crossarch.config.recipe_book import parse_recipe_book, with_own_recipes
from crossarch.config.schema import NAME, Analysis, Dataset, Figure, Finding, Selection, Source, Table
from crossarch.config.validation import check_name, unknown, validated
from crossarch.errors import ConfigError


def load_configuration(
    directory: Path = Path("config"),
    selection: Mapping[str, Any] | None = None,
    overrides: Iterable[tuple[str, Mapping[str, Any]]] = (),
) -> Configuration:
    """Read and check all files of `directory`.

    `selection` replaces the contents of config.yaml; `overrides` are (name for messages, mapping) pairs
    laid over it in order: presets, then the command line. Each is checked by itself first, so that a
    mistake is reported with the file that holds it. Raises ConfigError.
    """
    selection_file = f"{directory}/config.yaml"
    chosen: Any = read_mapping(directory / "config.yaml") if selection is None else selection
    layers = [(selection_file, chosen), *overrides]
    for file, override in layers[1:]:
        for key in override:
            if key not in Selection.model_fields:
                raise ConfigError(unknown(file, key, key, Selection.model_fields, what="key"))
        chosen = merged(chosen, override)
        selection_file = file
        validated(Selection, chosen, file)
    recipes_file = directory / "recipes.yaml"
    validated_selection = validated(Selection, chosen, selection_file)
    sources = _with_own_sources(
        _entries(Source, directory / "sources.yaml"),
        validated_selection.own_sources,
        _places(layers, "own_sources"),
    )
    networks_from = _places(layers, "own_networks")
    configuration = Configuration(
        directory=directory,
        datasets=_entries(Dataset, directory / "datasets.yaml"),
        sources=sources,
        tables=_entries(Table, directory / "tables.yaml"),
        figures=_entries(Figure, directory / "figures.yaml"),
        analyses=_entries(Analysis, directory / "analyses.yaml"),
        findings=_entries(Finding, directory / "findings.yaml"),
        selection=validated_selection,
        recipe_book=with_own_recipes(
            parse_recipe_book(
                read_mapping(recipes_file),
                str(recipes_file),
                {name: source.arch for name, source in sources.items()},
            ),
            validated_selection.own_recipes,
            _places(layers, "own_recipes"),
        ),
        lock=_lock(directory / LOCK_NAME),
        network_files=read_network_files(validated_selection.own_networks, networks_from),
    )
    check_targets(configuration)
    check_titles(configuration, networks_from)
    check_recipes(configuration)
    check_names(configuration, {key: file for file, layer in layers for key in layer})
    return configuration


def _with_own_sources(
    sources: Mapping[str, Source], own: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, Source]:
    """All sources; a mistake in a custom one is a ConfigError with its file, of `places`."""
    for name in own.keys() & sources.keys():
        raise ConfigError(
            f"{places[name]}: own_sources.{name}: found the name of a source of sources.yaml, allowed: "
            "another name"
        )
    made = {
        name: validated(Source, data, places[name], f"own_sources.{name}") for name, data in own.items()
    }
    return {**sources, **made}


def _lock(file: Path) -> dict[str, Locked]:
    return parse_lock(read_mapping(file), file) if file.exists() else {}


def _entries(model: Any, file: Path) -> dict[str, Any]:
    """The validated entries of a file by name; ConfigError for a name that could not be in a path."""
    entries = read_mapping(file)
    for name in entries:
        check_name(str(file), str(name), name, NAME)
    return {name: validated(model, data, str(file), name) for name, data in entries.items()}


def _places(layers: Iterable[tuple[str, Mapping[str, Any]]], key: str) -> dict[str, str]:
    """The file that each name under `key` comes from: the last one that has it."""
    return {str(name): file for file, layer in layers for name in layer.get(key) or ()}
