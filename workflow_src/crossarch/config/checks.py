"""Checks over several files: what one of them names must exist in another, and fit there."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from crossarch.config.configuration import Configuration
from crossarch.config.schema import (
    ARCH_TITLES,
    ARCHS,
    RESERVED,
    WHITENINGS,
    Accuracies,
    CurvatureDrawing,
    DistilledSet,
    Drawing,
    Figure,
    Frepo,
    Gains,
    Recipe,
    ScheduleCurve,
    Source,
    Whitening,
)
from crossarch.config.validation import unknown
from crossarch.errors import ConfigError


def check_recipes(configuration: Configuration) -> None:
    """Every recipe of every protocol resolves, for each network, source and IPC that it names.

    What a protocol changes must exist. Raises ConfigError.
    """
    book = configuration.recipe_book
    for protocol, changes in book.protocols.items():
        for recipe in changes.recipes:
            if recipe not in book.recipes:
                key = f"protocols.{protocol}.recipes.{recipe}"
                raise ConfigError(unknown(book.file, key, recipe, book.recipes, what="recipe"))
        for dataset, whitening in changes.test_whitening.items():
            key = f"protocols.{protocol}.test_whitening"
            if dataset not in configuration.datasets:
                raise ConfigError(unknown(book.file, key, dataset, configuration.datasets))
            _check_whitening(configuration, f"{book.file}: {key}.{dataset}", dataset, whitening)
        for recipe in book.recipes:
            file, where = book.place(recipe)
            archs, sources = configuration.archs, configuration.sources
            for ipc, arch, source in book.variants(recipe, protocol, archs, sources):
                resolved = book.recipe(recipe, protocol, ipc=ipc, arch=arch, source=source)
                if resolved.distillation is None:
                    continue
                teacher = resolved.distillation
                key = f"{where}.distillation"
                if teacher.recipe not in book.recipes:
                    allowed = book.recipes
                    raise ConfigError(
                        unknown(file, f"{key}.recipe", teacher.recipe, allowed, what="recipe")
                    )
                if teacher.arch is not None and teacher.arch not in archs:
                    raise ConfigError(_unknown_network(file, f"{key}.arch", teacher.arch, archs))


def check_targets(configuration: Configuration) -> None:
    """Tables, figures and analyses are targets: each has a name of its own. Raises ConfigError."""
    taken = set(RESERVED)
    for file, names in (
        ("analyses.yaml", configuration.analyses),
        ("tables.yaml", configuration.tables),
        ("figures.yaml", configuration.figures),
    ):
        for name in names:
            if name in taken:
                raise ConfigError(
                    f"{configuration.directory}/{file}: {name}: found the name of another target, "
                    f"allowed: any other than {', '.join(sorted(taken))}"
                )
        taken |= set(names)


def check_titles(configuration: Configuration, places: Mapping[str, str]) -> None:
    """No two sources, and no two networks, ours included, have one title: tables tell them apart by it.

    `places` has the file that each network of `own_networks` comes from. Raises ConfigError.
    """
    file = f"{configuration.directory}/sources.yaml"
    taken: dict[str, str] = {}
    for name, source in configuration.sources.items():
        other = taken.setdefault(_as_printed(source.title), name)
        if other != name:
            raise ConfigError(_title_taken(f"{file}: {name}.title", source.title, other))
    taken = {title: arch for arch, title in ARCH_TITLES.items()}
    for name, network in configuration.selection.own_networks.items():
        title = configuration.arch_title(name)
        printed = _as_printed(title)
        # What cnn is called in a table follows from the widths of the sources.
        of_cnn = re.fullmatch(r"(\d+-layer )?CNN", printed)
        other = "cnn" if of_cnn else taken.setdefault(printed, name)
        if other != name:
            key = f"own_networks.{name}{'.title' if network.title else ''}"
            raise ConfigError(_title_taken(f"{places[name]}: {key}", title, other))


def _as_printed(title: str) -> str:
    """A title as readers see it: several blanks are one in Markdown, HTML and LaTeX."""
    return " ".join(title.split())


def _title_taken(where: str, title: str, whose: str) -> str:
    return f"{where}: found {title!r}, the title of {whose}, allowed: one that no other has"


def check_names(configuration: Configuration, places: Mapping[str, str]) -> None:
    """Names that point from one file into another must exist there; else ConfigError.

    `places` has the file that each key of the selection comes from.
    """
    selection = configuration.selection
    pools: dict[str, Mapping[str, Any]] = {
        "datasets": configuration.datasets,
        "sources": configuration.sources,
        "archs": dict.fromkeys(configuration.archs),
        "recipes": configuration.recipe_book.recipes,
        "tables": configuration.tables,
        "figures": configuration.figures,
    }
    for key, pool in pools.items():
        for name in getattr(selection, key) or ():
            if name not in pool:
                raise ConfigError(unknown(places[key], key, name, pool))
    names = selection.sources or tuple(configuration.sources)
    sources = [configuration.sources[name] for name in names]
    known = sorted({ipc for each in sources for name in selection.datasets for ipc in each.ipcs(name)})
    for ipc in selection.ipc or ():
        if known and ipc not in known:
            allowed = ", ".join(map(str, known))
            raise ConfigError(f"{places['ipc']}: ipc: found {ipc}, allowed: {allowed}")
    for finding_name, finding in configuration.findings.items():
        for key in ("datasets", "sources", "archs", "recipes"):
            for name in getattr(finding, key) or ():
                if name not in pools[key]:
                    file = f"{configuration.directory}/findings.yaml"
                    raise ConfigError(unknown(file, f"{finding_name}.{key}", name, pools[key]))
    tables_file = f"{configuration.directory}/tables.yaml"
    for table_name, table in configuration.tables.items():
        named = {
            "sources": table.sources,
            "archs": table.archs,
            "recipes": (*table.recipes, *chain(*table.recipes_by_ipc.values())),
        }
        for key, names in named.items():
            for name in names:
                if name not in pools[key]:
                    raise ConfigError(unknown(tables_file, f"{table_name}.{key}", name, pools[key]))
        if table.dataset and table.dataset not in configuration.datasets:
            key = f"{table_name}.dataset"
            raise ConfigError(unknown(tables_file, key, table.dataset, configuration.datasets))
        for title, keys in table.factors.items():
            for key in keys:
                if key not in Recipe.model_fields:
                    where = f"{table_name}.factors.{title}"
                    raise ConfigError(unknown(tables_file, where, key, Recipe.model_fields, what="key"))
        printed = configuration.paper_file(table)
        if printed and not printed.is_file():
            raise ConfigError(f"{tables_file}: {table_name}.paper: found {table.paper!r}, no such file")
    for name, source in configuration.sources.items():
        _check_source(configuration, name, source)
    for name, figure in configuration.figures.items():
        _check_figure(configuration, name, figure)


def _check_source(configuration: Configuration, name: str, source: Source) -> None:
    file = f"{configuration.directory}/sources.yaml"
    if source.arch not in configuration.archs:
        raise ConfigError(_unknown_network(file, f"{name}.arch", source.arch, configuration.archs))
    if source.distilled and source.arch not in ARCHS:
        raise ConfigError(
            f"{file}: {name}.arch: found {source.arch!r}, a network of your own, allowed with "
            f"`distilled`: {', '.join(ARCHS)}"
        )
    for key, datasets in (
        (source.kind, source.by_dataset),
        ("widths_by_dataset", source.widths_by_dataset),
    ):
        for dataset in datasets:
            if dataset not in configuration.datasets:
                raise ConfigError(unknown(file, f"{name}.{key}", dataset, configuration.datasets))
    for dataset in source.by_dataset:
        side = configuration.datasets[dataset].image_size
        layers = len(source.widths_by_dataset.get(dataset, source.widths))
        if 2**layers > side:
            raise ConfigError(
                f"{file}: {name}.widths: found {layers} layers, each of which halves the image, allowed "
                f"for {dataset} with its {side} pixels: at most {side.bit_length() - 1}"
            )
    for key, dataset, whitening in _whitenings(source):
        _check_whitening(configuration, f"{file}: {name}.{key}", dataset, whitening)


def _check_whitening(
    configuration: Configuration, where: str, dataset: str, whitening: Whitening
) -> None:
    """Raise ConfigError, beginning with the file and key `where`, if a data set lacks its constants."""
    settings = configuration.dataset(dataset)
    if settings.standardisation(whitening) is not None:
        return
    if whitening.startswith("constants_"):
        raise ConfigError(
            f"{where}: found mean and std of another number of channels, allowed for {dataset}: "
            f"{settings.channels} numbers each"
        )
    others = ", ".join(name for name in WHITENINGS if name != whitening)
    raise ConfigError(
        f"{where}: found {whitening!r}, allowed without {dataset}.mtt in "
        f"{configuration.directory}/datasets.yaml: {others}"
    )


def _whitenings(source: Source) -> Iterator[tuple[str, str, Whitening]]:
    """(key, data set, whitening) of each training set: its own whitening, or else that of the source."""
    yield from (("whitening", dataset, source.whitening) for dataset in source.drawn)
    entries: list[tuple[str, str, DistilledSet | Frepo]] = [
        *((f"distilled.{dataset}", dataset, entry) for dataset, entry in source.distilled.items()),
        *(
            (f"sets.{dataset}.{ipc}", dataset, entry)
            for dataset, sets in source.sets.items()
            for ipc, entry in sets.items()
        ),
    ]
    for key, dataset, entry in entries:
        own = entry.whitening
        yield (f"{key}.whitening", dataset, own) if own else ("whitening", dataset, source.whitening)


def _check_figure(configuration: Configuration, name: str, figure: Figure) -> None:
    pools: dict[str, Collection[str]] = {
        "dataset": configuration.datasets,
        "source": configuration.sources,
        "network": configuration.archs,
        "recipe": configuration.recipe_book.recipes,
        "table": configuration.tables,
    }
    for key, what, found in _named_by(figure.drawing):
        if found not in pools[what]:
            file, key = f"{configuration.directory}/figures.yaml", f"{name}.drawing.{key}"
            if what == "network":
                raise ConfigError(_unknown_network(file, key, found, pools[what]))
            raise ConfigError(unknown(file, key, found, pools[what], what=what))


def _unknown_network(file: str, key: str, found: str, allowed: Iterable[str]) -> str:
    """The line for a network that is not known, perhaps since the preset that names it is not given."""
    line = unknown(file, key, found, allowed, what="network")
    return f"{line}; one of your own is named by `own_networks` of config.yaml or of a preset given here"


def _named_by(drawing: Drawing) -> Iterator[tuple[str, str, str]]:
    """(key, kind of thing, name) of all that a drawing takes from other files."""
    if isinstance(drawing, ScheduleCurve | CurvatureDrawing):
        yield "source", "source", drawing.source
        yield "arch", "network", drawing.arch
    if isinstance(drawing, ScheduleCurve):
        yield "recipe", "recipe", drawing.recipe
    if isinstance(drawing, CurvatureDrawing):
        yield "dataset", "dataset", drawing.dataset
        yield from ((f"recipes ({label})", "recipe", name) for label, name in drawing.recipes.items())
    if isinstance(drawing, Gains):
        yield from (("tables", "table", name) for name in drawing.tables)
        yield from (("before", "recipe", drawing.before), ("after", "recipe", drawing.after))
    if isinstance(drawing, Accuracies):
        yield "dataset", "dataset", drawing.dataset
        yield from (("own_networks", "recipe", name) for name in drawing.own_networks)
        for number, panel in enumerate(drawing.panels):
            key = f"panels.{number}"
            yield f"{key}.source", "source", panel.source
            for line in (*panel.lines, *panel.references):
                yield f"{key} ({line.label}).arch", "network", line.arch
                recipes = (*line.recipes.values(), *([line.recipe] if line.recipe else []))
                yield from ((f"{key} ({line.label})", "recipe", name) for name in recipes)
