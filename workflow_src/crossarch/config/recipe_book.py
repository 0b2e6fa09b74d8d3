"""Recipes: what stands in recipes.yaml and under `own_recipes`, and the complete recipe of one run."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from crossarch.config.merge import merged
from crossarch.config.schema import (
    PROTOCOLS,
    RECIPE_NAME,
    ProtocolChanges,
    Recipe,
    Whitening,
)
from crossarch.config.validation import asked, check_name, unknown, validated
from crossarch.errors import ConfigError

VARIATIONS = ("by_ipc", "by_arch", "by_source")
OWN_NETWORK = "own_network"
"""The key of what differs for the network that a set was distilled with, which is its teacher."""


@dataclass(frozen=True)
class RecipeBook:
    """Recipes and protocols as written; `recipe()` gives one with nothing left to look up.

    `own` are those that are not in `file` but under `own_recipes` in another file, which it names.
    `networks` has the network that each source's sets were distilled with.
    """

    file: str
    recipes: Mapping[str, Mapping[str, Any]]
    protocols: Mapping[str, ProtocolChanges]
    own: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    _complete: dict[tuple[str, str, int, str, str], Recipe] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def place(self, name: str) -> tuple[str, str]:
        """The file that a recipe stands in, and its key there."""
        if name in self.own:
            return self.own[name], f"own_recipes.{name}"
        return self.file, f"recipes.{name}"

    def recipe(self, name: str, protocol: str, *, ipc: int, arch: str, source: str) -> Recipe:
        """The complete recipe for one run, validated; made once, and asked for again by many."""
        asked_for = (name, protocol, ipc, arch, source)
        if asked_for not in self._complete:
            self._complete[asked_for] = self._recipe(*asked_for)
        return self._complete[asked_for]

    def _recipe(self, name: str, protocol: str, ipc: int, arch: str, source: str) -> Recipe:
        """A complete recipe, from the first base on.

        Each level is laid over its base, then what it says `by_ipc`, for the source's `own_network`,
        `by_arch` and `by_source` over that: what a recipe says itself holds, whatever its bases say for
        some IPC, network or source.
        """
        own = bool(arch) and self.networks.get(source) == arch
        data: Any = {}
        for level in self._levels(name, protocol):
            plain = {key: value for key, value in level.items() if key not in (*VARIATIONS, OWN_NETWORK)}
            changes = (
                level.get("by_ipc", {}).get(ipc, {}),
                level.get(OWN_NETWORK, {}) if own else {},
                level.get("by_arch", {}).get(arch, {}),
                level.get("by_source", {}).get(source, {}),
            )
            data = reduce(merged, filter(None, changes), merged(data, plain))
        file, where = self.place(name)
        where = where if protocol == "paper" else f"{where}@{protocol}"
        recipe = validated(Recipe, data, file, where)
        longest = recipe.schedule.longest
        if longest is not None and recipe.epochs > longest:
            raise ConfigError(
                f"{file}: {where}.epochs: found {recipe.epochs}, allowed: at most "
                f"{longest}, where the learning rate's {recipe.schedule.name} schedule ends"
            )
        if lost := recipe.schedule.no_rate(recipe.epochs):
            raise ConfigError(f"{file}: {where}.{lost}")
        recipe = recipe if self.drops_paths(protocol) else _without_drops(recipe)
        return recipe.scaled(self.length(protocol))

    def variants(
        self, name: str, protocol: str, archs: Iterable[str], sources: Iterable[str]
    ) -> Iterator[tuple[int, str, str]]:
        """(ipc, arch, source) for which a recipe differs; ConfigError where a `by_...` names none."""
        names = {"by_arch": tuple(archs), "by_source": tuple(sources)}
        levels = self._levels(name, protocol)
        for level in levels:
            if not isinstance(change := level.get(OWN_NETWORK, {}), dict):
                file, where = self.place(name)
                raise ConfigError(f"{file}: {where}.{OWN_NETWORK}: found {change!r}, allowed: a mapping")
            for variation in VARIATIONS:
                self._check_changes(name, variation, level.get(variation, {}), names.get(variation))
        yield 0, "", ""
        for level in levels:
            yield from ((ipc, "", "") for ipc in level.get("by_ipc", {}))
            yield from ((0, arch, "") for arch in level.get("by_arch", {}))
            yield from ((0, "", source) for source in level.get("by_source", {}))
            if level.get(OWN_NETWORK):
                yield from ((0, arch, source) for source, arch in self.networks.items())

    def _check_changes(
        self, name: str, variation: str, changes: Any, allowed: tuple[str, ...] | None
    ) -> None:
        """What stands under a `by_...` is a mapping for each of the `allowed`, or of any IPC."""
        file, where = self.place(name)
        key = f"{file}: {where}.{variation}"
        if not isinstance(changes, dict):
            raise ConfigError(f"{key}: found {changes!r}, allowed: a mapping")
        for choice, change in changes.items():
            if not isinstance(change, dict):
                raise ConfigError(f"{key}.{choice}: found {change!r}, allowed: a mapping")
            if allowed is None:
                if not isinstance(choice, int) or choice < 1:
                    raise ConfigError(f"{key}: found {choice!r}, allowed: a number of images per class")
            elif choice not in allowed:
                raise ConfigError(unknown(file, f"{where}.{variation}", choice, allowed))

    def trained_as(self, name: str, protocol: str, *, ipc: int, arch: str, source: str) -> str:
        """The recipe whose run serves for `name`: the furthest base that trains this network alike.

        So a network that two recipes train in the same way is trained once.
        """
        recipe = self.recipe(name, protocol, ipc=ipc, arch=arch, source=source)
        while isinstance(base := self.recipes[name].get("base"), str):
            other = self.recipe(base, protocol, ipc=ipc, arch=arch, source=source)
            if other.model_copy(update={"title": recipe.title}) != recipe:
                break
            name = base
        return name

    def title(self, name: str) -> str:
        """What a recipe is called in print; one that is no longer there, by its name.

        A recipe of the user's own without a title of its own goes by its name, not by that of its base.
        """
        return str(self.recipes.get(name, {}).get("title", name))

    def test_whitening(self, protocol: str, dataset: str) -> Whitening | None:
        """The space that a protocol tests the published sets of a data set in, if it has one."""
        for name in self._ancestry(protocol):
            if whitening := self.protocols[name].test_whitening.get(dataset):
                return whitening
        return None

    def length(self, protocol: str) -> float:
        """How long trainings are under a protocol, as a fraction."""
        return math.prod(self.protocols[name].length for name in self._ancestry(protocol))

    def drops_paths(self, protocol: str) -> bool:
        """Whether DropPath works under a protocol."""
        return all(self.protocols[name].drop_path for name in self._ancestry(protocol))

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

    def _levels(self, name: str, protocol: str, seen: tuple[str, ...] = ()) -> list[Mapping[str, Any]]:
        """A recipe and what it is based on, the first base first, each with its protocol's changes."""
        if name not in self.recipes:
            if not seen:
                raise ConfigError(asked(name, self.recipes, "recipe", self.file))
            file, where = self.place(seen[-1])
            raise ConfigError(unknown(file, f"{where}.base", name, self.recipes, what="recipe"))
        if name in seen:
            circle = " -> ".join((*seen, name))
            file, where = self.place(name)
            raise ConfigError(f"{file}: {where}.base: found a circle {circle}")
        level: Any = self.recipes[name]
        for ancestor in reversed(self._ancestry(protocol)):
            level = merged(level, self.protocols[ancestor].recipes.get(name, {}))
        level = dict(level)
        base = level.pop("base", None)
        if base is None:
            return [level]
        if not isinstance(base, str):
            file, where = self.place(name)
            raise ConfigError(f"{file}: {where}.base: found {base!r}, allowed: the name of a recipe")
        return [*self._levels(base, protocol, (*seen, name)), level]


def parse_recipe_book(
    data: Mapping[str, Any], file: str, networks: Mapping[str, str] | None = None
) -> RecipeBook:
    """The contents of recipes.yaml as a book; `file` is its name for messages. Raises ConfigError.

    `networks` has the network that each source's sets were distilled with.
    """
    for key in data:
        if key not in ("recipes", "protocols"):
            raise ConfigError(unknown(file, key, key, ("recipes", "protocols"), what="key"))
    for key in ("recipes", "protocols"):
        if not isinstance(data.get(key), dict):
            raise ConfigError(f"{file}: {key}: found {data.get(key)!r}, allowed: a mapping")
    if "paper" not in data["protocols"]:
        raise ConfigError(
            f"{file}: protocols: found {', '.join(map(str, data['protocols'])) or 'nothing'}, "
            "but 'paper' is needed (`paper: {}` changes nothing)"
        )
    for name, recipe in data["recipes"].items():
        check_name(file, f"recipes.{name}", name, RECIPE_NAME)
        if not isinstance(recipe, dict):
            raise ConfigError(f"{file}: recipes.{name}: found {recipe!r}, allowed: a mapping")
    for protocol in data["protocols"]:
        if protocol not in PROTOCOLS:
            raise ConfigError(
                unknown(file, f"protocols.{protocol}", protocol, PROTOCOLS, what="protocol")
            )
    protocols = {
        name: validated(ProtocolChanges, changes or {}, file, f"protocols.{name}")
        for name, changes in data["protocols"].items()
    }
    return RecipeBook(file, data["recipes"], protocols, networks=networks or {})


def with_own_recipes(
    book: RecipeBook, own: Mapping[str, Mapping[str, Any] | None], places: Mapping[str, str]
) -> RecipeBook:
    """The book with the recipes that `own_recipes` defines; null stands for one that it has.

    `places` names the file that each of them stands in. Raises ConfigError.
    """
    for name, recipe in own.items():
        key = f"own_recipes.{name}"
        if recipe is None and name not in book.recipes:
            raise ConfigError(unknown(places[name], key, name, book.recipes, what="recipe"))
        if recipe is not None and name in book.recipes:
            raise ConfigError(
                f"{places[name]}: {key}: found a recipe that {book.file} has already, allowed: "
                "another name, or null for that one"
            )
    defined = {name: _numbered(recipe) for name, recipe in own.items() if recipe is not None}
    return replace(
        book, recipes={**book.recipes, **defined}, own={name: places[name] for name in defined}
    )


def _without_drops(recipe: Recipe) -> Recipe:
    """`recipe` with a keep rate of 1 in all its phases."""
    if recipe.keep_rate is None:
        return recipe
    always = recipe.keep_rate.model_copy(update={"decay": 0.0, "min": 1.0, "final": 1.0})
    return recipe.model_copy(update={"keep_rate": always})


def _numbered(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """`recipe` with numbers as the keys of `by_ipc`, which are strings where it was read from JSON."""
    changes = recipe.get("by_ipc")
    if not isinstance(changes, Mapping):
        return recipe
    numbers = {
        int(ipc) if isinstance(ipc, str) and ipc.isdecimal() and int(ipc) else ipc: change
        for ipc, change in changes.items()
    }
    return {**recipe, "by_ipc": numbers}
