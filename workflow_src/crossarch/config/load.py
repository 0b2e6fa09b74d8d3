"""Reading `config/`: YAML files in, one validated `Configuration` out, or an error of one line."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import yaml

from crossarch.config.complain import asked, unknown, validated
from crossarch.config.files import UpstreamFile
from crossarch.config.locked import NAME as LOCK_NAME
from crossarch.config.locked import Locked, parse_lock
from crossarch.config.merge import merged
from crossarch.config.own import NetworkFile, read_network_files
from crossarch.config.schema import (
    ARCH_TITLES,
    ARCHS,
    PROTOCOLS,
    WHITENINGS,
    Accuracies,
    CosineSchedule,
    CurvatureDrawing,
    Dataset,
    DistilledSet,
    Figure,
    Frepo,
    Origin,
    PeriodicSchedule,
    ProtocolChanges,
    Recipe,
    Selection,
    Source,
    Table,
    Whitening,
)
from crossarch.config.shorten import shortened
from crossarch.errors import ConfigError

M = TypeVar("M")
VARIATIONS = ("by_ipc", "by_arch", "by_source")


@dataclass(frozen=True)
class Configuration:
    """Everything under `config/`, validated."""

    directory: Path
    datasets: Mapping[str, Dataset]
    sources: Mapping[str, Source]
    tables: Mapping[str, Table]
    figures: Mapping[str, Figure]
    selection: Selection
    recipe_book: "RecipeBook"
    lock: Mapping[str, Locked]
    network_files: Mapping[str, NetworkFile]

    @property
    def archs(self) -> tuple[str, ...]:
        """The names of all networks: ours, then the user's own."""
        return (*ARCHS, *self.network_files)

    def arch_title(self, arch: str) -> str:
        """What a network is called in print; one that is no longer there, by its name."""
        own = self.selection.own_networks.get(arch)
        return ARCH_TITLES.get(arch) or (own and own.title) or arch

    def network_file(self, arch: str) -> NetworkFile | None:
        """The file of a network of the user's own, None for one of ours; else ConfigError."""
        if arch not in self.archs:
            told = unknown("networks", "arch", arch, self.archs, what="network")
            raise ConfigError(f"{told} or one of `own_networks` in config.yaml or a preset")
        return self.network_files.get(arch)

    def dataset(self, name: str) -> Dataset:
        """The data set of that name; ConfigError if there is none."""
        return _pick(self.datasets, name, f"{self.directory}/datasets.yaml", "dataset")

    def origin(self, dataset: str) -> Origin:
        """Where the images of a data set come from; ConfigError if that is not known."""
        origin = self.dataset(dataset).origin
        if origin is None:
            raise ConfigError(
                f"{self.directory}/datasets.yaml: {dataset}.origin: found nothing, so its images cannot "
                "be fetched"
            )
        return origin

    def source(self, name: str) -> Source:
        """The source of that name; ConfigError if there is none."""
        return _pick(self.sources, name, f"{self.directory}/sources.yaml", "source")

    def table(self, name: str) -> Table:
        """The table of that name; ConfigError if there is none."""
        return _pick(self.tables, name, f"{self.directory}/tables.yaml", "table")

    def figure(self, name: str) -> Figure:
        """The figure of that name; ConfigError if there is none."""
        return _pick(self.figures, name, f"{self.directory}/figures.yaml", "figure")

    @property
    def lock_file(self) -> Path:
        """Where checksums of first use are kept."""
        return self.directory / LOCK_NAME

    def upstream(self) -> dict[str, UpstreamFile]:
        """Every upstream file that the configuration names, by what it is, each once.

        Keys read `cifar10`, `frepo cifar10 IPC 1 images`, `frepo cifar10 IPC 1 teacher`.
        """
        named = {
            name: each.origin.file
            for name, each in self.datasets.items()
            if each.origin and each.origin.file
        }
        for source, settings in self.sources.items():
            for dataset, sets in settings.sets.items():
                for ipc, entry in sets.items():
                    for part, file in entry.parts().items():
                        if isinstance(file, UpstreamFile):
                            named[f"{source} {dataset} IPC {ipc} {part}"] = file
        first = {file.url: name for name, file in reversed(named.items())}
        return {name: file for name, file in named.items() if first[file.url] == name}

    def pinned(self, file: UpstreamFile) -> UpstreamFile:
        """`file` with what the lock knows of it, where the configuration has no digest of its own."""
        locked = self.lock.get(file.url)
        if locked is None or file.digests:
            return file
        return file.model_copy(update={"size": locked.size, "sha256": locked.sha256})

    def distilled_from(self, dataset: str) -> str:
        """What distilled sets for `dataset` are named after: `cifar10-jpeg` -> `cifar10`."""
        return self.dataset(dataset).stands_in_for or dataset

    def stored_under(self, source: str, dataset: str) -> str:
        """The data set that a training set is kept under: what it was distilled from.

        Raw pixels are whitened with the real images at hand, and what is distilled here is made from
        them, so that theirs is the data set itself.
        """
        of_source = self.source(source)
        at_hand = of_source.pixels == "raw" or of_source.distilled
        return dataset if at_hand else self.distilled_from(dataset)

    def fitting(self, dataset: str) -> list[str]:
        """The data sets that something about `dataset` can be measured on: it, and its stand-ins."""
        return [name for name in self.datasets if self.distilled_from(name) == dataset]

    def is_besides(self, dataset: str) -> bool:
        """Whether no table and no figure is about `dataset`, nor about what it stands in for.

        Such a data set, perhaps the user's own, is measured in the tables and figures all the same.
        """
        about = {table.dataset for table in self.tables.values()}
        drawings = (figure.drawing for figure in self.figures.values())
        measured = Accuracies | CurvatureDrawing
        about |= {drawing.dataset for drawing in drawings if isinstance(drawing, measured)}
        return self.distilled_from(dataset) not in about

    def chosen_sources(self, dataset: str) -> list[str]:
        """The chosen sources that have training sets for `dataset`; all such, if none is chosen."""
        names = self.selection.sources or tuple(self.sources)
        original = self.distilled_from(dataset)
        return [name for name in names if self.source(name).ipcs(original)]

    def chosen_ipcs(self, dataset: str, sources: Iterable[str]) -> list[int]:
        """The chosen IPC that any of `sources` has a training set of, in rising order."""
        original, chosen = self.distilled_from(dataset), self.selection.ipc
        known = {ipc for name in sources for ipc in self.source(name).ipcs(original)}
        return sorted(known if chosen is None else known & set(chosen))

    def paper_file(self, table: Table) -> Path | None:
        """The CSV with the paper's numbers for a table."""
        return self.directory / table.paper if table.paper else None


@dataclass(frozen=True)
class RecipeBook:
    """Recipes and protocols as written; `recipe()` gives one with nothing left to look up.

    `own` are those that do not stand in `file` but under `own_recipes` in another file, which it names.
    """

    file: str
    recipes: Mapping[str, Mapping[str, Any]]
    protocols: Mapping[str, ProtocolChanges]
    own: Mapping[str, str] = field(default_factory=dict)

    def place(self, name: str) -> tuple[str, str]:
        """The file that a recipe stands in, and its key there."""
        if name in self.own:
            return self.own[name], f"own_recipes.{name}"
        return self.file, f"recipes.{name}"

    def recipe(self, name: str, protocol: str, *, ipc: int, arch: str, source: str) -> Recipe:
        """The complete recipe for one run: base, protocol and `by_...` merged, then validated."""
        data = self._merged(name, protocol, ())
        chosen = {"by_ipc": ipc, "by_arch": arch, "by_source": source}
        for variation in VARIATIONS:
            data = merged(data, (data.get(variation) or {}).get(chosen[variation], {}))
        data = {key: value for key, value in data.items() if key not in VARIATIONS}
        file, where = self.place(name)
        where = where if protocol == "paper" else f"{where}@{protocol}"
        recipe = validated(Recipe, data, file, where)
        longest = _longest_training(recipe)
        if longest is not None and recipe.epochs > longest:
            raise ConfigError(
                f"{file}: {where}.epochs: found {recipe.epochs}, allowed: at most "
                f"{longest}, where the learning rate's {recipe.schedule.name} schedule ends"
            )
        return shortened(recipe, self.length(protocol))

    def variants(
        self, name: str, protocol: str, archs: Iterable[str], sources: Iterable[str]
    ) -> Iterator[tuple[int, str, str]]:
        """(ipc, arch, source) for which a recipe differs; ConfigError where a `by_...` names none."""
        data = self._merged(name, protocol, ())
        file, where = self.place(name)
        for variation in VARIATIONS:
            found = data.get(variation)
            key = f"{file}: {where}.{variation}"
            if found is not None and not isinstance(found, dict):
                raise ConfigError(f"{key}: found {found!r}, allowed: a mapping")
            for choice, change in (found or {}).items():
                if not isinstance(change, dict):
                    raise ConfigError(f"{key}.{choice}: found {change!r}, allowed: a mapping")
        by_ipc, by_arch, by_source = (data.get(variation) or {} for variation in VARIATIONS)
        allowed: dict[str, tuple[Any, Iterable[str]]] = {
            "by_arch": (by_arch, tuple(archs)),
            "by_source": (by_source, tuple(sources)),
        }
        for variation, (chosen, names) in allowed.items():
            for choice in chosen:
                if choice not in names:
                    raise ConfigError(unknown(file, f"{where}.{variation}", choice, names))
        for ipc in by_ipc:
            if not isinstance(ipc, int) or ipc < 1:
                raise ConfigError(
                    f"{file}: {where}.by_ipc: found {ipc!r}, allowed: a number of images per class"
                )
        yield 0, "", ""
        yield from ((ipc, "", "") for ipc in by_ipc)
        yield from ((0, arch, "") for arch in by_arch)
        yield from ((0, "", source) for source in by_source)

    def title(self, name: str) -> str:
        """What a recipe is called in print; one that is no longer there, by its name.

        A recipe of the user's own without a title of its own goes by its name, not by that of its base.
        """
        return str(self.recipes.get(name, {}).get("title", name))

    def test_whitening(self, protocol: str) -> Whitening | None:
        """The whitening that a protocol imposes on every test set, if any."""
        for name in self._ancestry(protocol):
            if whitening := self.protocols[name].test_whitening:
                return whitening
        return None

    def length(self, protocol: str) -> float:
        """How long trainings are under a protocol, as a fraction."""
        return math.prod(self.protocols[name].length for name in self._ancestry(protocol))

    def _ancestry(self, protocol: str) -> list[str]:
        """A protocol and what it is based on, nearest first."""
        chain: list[str] = []
        name: str | None = protocol
        while name is not None:
            if name not in self.protocols:
                raise ConfigError(unknown(self.file, "protocol", name, self.protocols, what="protocol"))
            if name in chain:
                raise ConfigError(f"{self.file}: protocols.{name}.base: found a circle")
            chain.append(name)
            name = self.protocols[name].base
        return chain

    def _merged(self, name: str, protocol: str, seen: tuple[str, ...]) -> dict[str, Any]:
        if name not in self.recipes:
            if not seen:
                raise ConfigError(asked(name, self.recipes, "recipe", self.file))
            file, where = self.place(seen[-1])
            raise ConfigError(unknown(file, f"{where}.base", name, self.recipes, what="recipe"))
        if name in seen:
            circle = " -> ".join((*seen, name))
            file, where = self.place(name)
            raise ConfigError(f"{file}: {where}.base: found a circle {circle}")
        own: Any = self.recipes[name]
        for ancestor in reversed(self._ancestry(protocol)):
            own = merged(own, self.protocols[ancestor].recipes.get(name, {}))
        own = dict(own)
        base = own.pop("base", None)
        return dict(merged(self._merged(base, protocol, (*seen, name)), own)) if base else own


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
    chosen: Any = _read(directory / "config.yaml") if selection is None else selection
    layers = [(selection_file, chosen), *overrides]
    for file, override in layers[1:]:
        for key in override:
            if key not in Selection.model_fields:
                raise ConfigError(unknown(file, key, key, Selection.model_fields, what="key"))
        chosen = merged(chosen, override)
        selection_file = file
        validated(Selection, chosen, file)
    datasets = _datasets(directory)
    validated_selection = validated(Selection, chosen, selection_file)
    configuration = Configuration(
        directory=directory,
        datasets=datasets,
        sources=_entries(Source, directory / "sources.yaml"),
        tables=_entries(Table, directory / "tables.yaml"),
        figures=_entries(Figure, directory / "figures.yaml"),
        selection=validated_selection,
        recipe_book=_with_own_recipes(
            _recipe_book(directory / "recipes.yaml"),
            validated_selection.own_recipes,
            _places(layers, "own_recipes"),
        ),
        lock=_lock(directory / LOCK_NAME),
        network_files=read_network_files(
            validated_selection.own_networks, _places(layers, "own_networks")
        ),
    )
    _check_recipes(configuration)
    _check_names(configuration, selection_file)
    return configuration


def read_overrides(files: Iterable[Path]) -> list[tuple[str, Mapping[str, Any]]]:
    """Read presets for `load_configuration`; an empty one changes nothing."""
    return [(str(file), _read(file, empty={})) for file in files]


class _Loader(yaml.CSafeLoader):
    """YAML in which a key stands once: a second one would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node; a MarkedYAMLError names the line of a key that stands there twice."""
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in lines:
                problem = f"found the key {key!r} again, which line {lines[key]} has already"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if isinstance(key, Hashable):
                lines[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep)


def _read(file: Path, empty: dict[str, Any] | None = None) -> dict[str, Any]:
    """The mapping that a file holds, `empty` where it holds nothing. Raises ConfigError."""
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or "is not YAML"
        raise ConfigError(f"{file}:{where} {problem}") from None
    data = empty if data is None else data
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise ConfigError(f"{file}: found {found}, allowed: a mapping of names")
    return dict(data)


def _lock(file: Path) -> dict[str, Locked]:
    return parse_lock(_read(file), file) if file.exists() else {}


def _entries(model: Any, file: Path) -> dict[str, Any]:
    return {
        str(name): validated(model, data, str(file), str(name)) for name, data in _read(file).items()
    }


def _datasets(directory: Path) -> dict[str, Dataset]:
    file = directory / "datasets.yaml"
    raw = _read(file)
    datasets = {}
    for name, data in raw.items():
        original = data.get("stands_in_for") if isinstance(data, dict) else None
        if original is not None:
            if not isinstance(original, str) or original not in raw:
                raise ConfigError(
                    unknown(str(file), f"{name}.stands_in_for", original, raw, what="dataset")
                )
            originals = [
                other
                for other, entry in raw.items()
                if isinstance(entry, dict) and entry.get("stands_in_for") is None
            ]
            if original not in originals:
                raise ConfigError(
                    f"{file}: {name}.stands_in_for: found {original!r}, allowed: a data set that "
                    f"stands in for no other: {', '.join(originals)}"
                )
            data = merged({k: v for k, v in raw[original].items() if k != "origin"}, data)
        datasets[name] = validated(Dataset, data, str(file), name)
    return datasets


def _recipe_book(file: Path) -> RecipeBook:
    data = _read(file)
    for key in data:
        if key not in ("recipes", "protocols"):
            raise ConfigError(unknown(str(file), key, key, ("recipes", "protocols"), what="key"))
    for key in ("recipes", "protocols"):
        if not isinstance(data.get(key), dict):
            raise ConfigError(f"{file}: {key}: found {data.get(key)!r}, allowed: a mapping")
    if "paper" not in data["protocols"]:
        raise ConfigError(
            f"{file}: protocols: found {', '.join(map(str, data['protocols'])) or 'nothing'}, "
            "but 'paper' is needed (`paper: {}` changes nothing)"
        )
    for name, recipe in data["recipes"].items():
        if not isinstance(recipe, dict):
            raise ConfigError(f"{file}: recipes.{name}: found {recipe!r}, allowed: a mapping")
    for protocol in data["protocols"]:
        if protocol not in PROTOCOLS:
            raise ConfigError(
                unknown(str(file), f"protocols.{protocol}", protocol, PROTOCOLS, what="protocol")
            )
    protocols = {
        name: validated(ProtocolChanges, changes or {}, str(file), f"protocols.{name}")
        for name, changes in data["protocols"].items()
    }
    return RecipeBook(str(file), data["recipes"], protocols)


def _places(layers: Iterable[tuple[str, Mapping[str, Any]]], key: str) -> dict[str, str]:
    """The file that each name under `key` comes from: the last one that has it."""
    return {str(name): file for file, layer in layers for name in layer.get(key) or ()}


def _with_own_recipes(
    book: RecipeBook, own: Mapping[str, Mapping[str, Any] | None], places: Mapping[str, str]
) -> RecipeBook:
    """The book with the recipes that `own_recipes` defines; null stands for one that it has."""
    for name, recipe in own.items():
        key = f"own_recipes.{name}"
        if recipe is None and name not in book.recipes:
            raise ConfigError(unknown(places[name], key, name, book.recipes, what="recipe"))
        if recipe is not None and name in book.recipes:
            raise ConfigError(
                f"{places[name]}: {key}: found a recipe that {book.file} has already, allowed: "
                "another name, or null for that one"
            )
    defined = {name: recipe for name, recipe in own.items() if recipe is not None}
    return replace(
        book, recipes={**book.recipes, **defined}, own={name: places[name] for name in defined}
    )


def _check_recipes(configuration: Configuration) -> None:
    """Every recipe of every protocol resolves, for each network, source and IPC that it names."""
    book = configuration.recipe_book
    for protocol, changes in book.protocols.items():
        for recipe in changes.recipes:
            if recipe not in book.recipes:
                key = f"protocols.{protocol}.recipes.{recipe}"
                raise ConfigError(unknown(book.file, key, recipe, book.recipes, what="recipe"))
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
                    raise ConfigError(unknown(file, f"{key}.arch", teacher.arch, archs, what="network"))


def _check_names(configuration: Configuration, selection_file: str) -> None:
    """Names that point from one file into another must exist there."""
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
                raise ConfigError(unknown(selection_file, key, name, pool))
    originals = [configuration.distilled_from(dataset) for dataset in selection.datasets]
    names = selection.sources or tuple(configuration.sources)
    sources = [configuration.sources[name] for name in names]
    known = sorted({ipc for each in sources for name in originals for ipc in each.ipcs(name)})
    for ipc in selection.ipc or ():
        if known and ipc not in known:
            allowed = ", ".join(map(str, known))
            raise ConfigError(f"{selection_file}: ipc: found {ipc}, allowed: {allowed}")
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


def _check_source(configuration: Configuration, name: str, source: Source) -> None:
    file = f"{configuration.directory}/sources.yaml"
    if source.arch not in configuration.archs:
        raise ConfigError(unknown(file, f"{name}.arch", source.arch, configuration.archs))
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
        if whitening == "standardise-mtt" and configuration.datasets[dataset].mtt is None:
            others = ", ".join(name for name in WHITENINGS if name != whitening)
            raise ConfigError(
                f"{file}: {name}.{key}: found {whitening!r}, allowed without {dataset}.mtt in "
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


def _longest_training(recipe: Recipe) -> int | None:
    """Epochs after which a cosine would rise again, or None where it never does.

    Equation 3 restarts every `period` epochs until `stabilise`, then every `stabilise` epochs: the
    stretch between two restarts must not be longer than the cosine.
    """
    match recipe.schedule:
        case CosineSchedule(period=period):
            return period
        case PeriodicSchedule(cosine_period=cosine, period=period, stabilise=stabilise):
            if min(period, stabilise) > cosine:
                return cosine
            return stabilise + cosine if stabilise > cosine else None
    return None


def _pick(pool: Mapping[str, M], name: str, file: str, what: str) -> M:
    if name not in pool:
        raise ConfigError(asked(name, pool, what, file))
    return pool[name]
