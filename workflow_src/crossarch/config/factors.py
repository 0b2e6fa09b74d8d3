"""What the recipes of a table differ in."""

import json
from itertools import chain

from crossarch.config.configuration import Configuration
from crossarch.config.plan import table_recipes
from crossarch.config.schema import Recipe, Table


def recipe_factors(configuration: Configuration, table: Table, recipe: str) -> list[str]:
    """The titles of those factors of `table` that `recipe` has, under the selected protocol.

    The first recipe of the table has none. Another has a factor if it differs from the first in one of
    the factor's keys, for the table's IPC, network and source if it is for one of each.
    """
    bare = _recipe(configuration, table, table.recipes[0])
    other = _recipe(configuration, table, recipe)
    return [
        title
        for title, keys in table.factors.items()
        if any(getattr(other, key) != getattr(bare, key) for key in keys)
    ]


def selected_titles(configuration: Configuration) -> str:
    """What the chosen data sets and sources are called, as JSON: what figures and analyses depend on."""
    selection = configuration.selection
    sources = selection.sources or tuple(configuration.sources)
    return json.dumps(
        {
            "datasets": {name: configuration.dataset(name).title for name in selection.datasets},
            "sources": {name: configuration.source(name).title for name in sources},
        }
    )


def table_words(configuration: Configuration, table: Table) -> str:
    """All that the configuration says in a rendered table, as JSON: what its job depends on."""
    of_table = table_recipes(configuration, table)
    recipes = dict.fromkeys([*of_table, *chain(*table.recipes_by_ipc.values())])
    book = configuration.recipe_book
    selection = configuration.selection
    sources = dict.fromkeys([*table.sources, *(selection.sources or ())])
    datasets = dict.fromkeys([table.dataset, *selection.datasets]) if table.dataset else ()
    return json.dumps(
        {
            "table": table.model_dump(mode="json"),
            "recipes": {name: book.title(name) for name in recipes},
            "factors": {name: recipe_factors(configuration, table, name) for name in recipes},
            "sources": {name: configuration.source(name).title for name in sources},
            "networks": {
                name: network.title for name, network in configuration.selection.own_networks.items()
            },
            "datasets": {name: configuration.dataset(name).title for name in datasets},
        }
    )


def _recipe(configuration: Configuration, table: Table, name: str) -> Recipe:
    return configuration.recipe_book.recipe(
        name,
        configuration.selection.protocol,
        ipc=table.ipc[0] if table.ipc else 0,
        arch=table.archs[0] if table.archs else "",
        source=table.sources[0] if table.sources else "",
    )
