"""JSON schemas of the YAML files in `config/`, from the models that check them, for editors.

`make schema` writes them; each file names its own in its first line. They know less than the models: a
check of several keys together is not in them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from crossarch.config.locked import Locked
from crossarch.config.recipe_book import OWN_NETWORK, VARIATIONS
from crossarch.config.schema import (
    Analysis,
    Dataset,
    Figure,
    Finding,
    ProtocolChanges,
    Recipe,
    Selection,
    Source,
    Table,
)
from crossarch.files import write_text

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}


def schemas() -> dict[str, Schema]:
    """The schema of each file, by the file's name without suffix; `preset` is that of all presets."""
    named = {"datasets": Dataset, "sources": Source, "tables": Table, "figures": Figure}
    named |= {"analyses": Analysis, "findings": Finding}
    recipes = _partial(_of(Recipe))
    level = _definition(recipes, "Recipe")
    level["properties"] |= {
        "base": TEXT,
        OWN_NETWORK: {"$ref": "#/$defs/Changes"},
        **{variation: _mapping_of({"$ref": "#/$defs/Changes"}) for variation in VARIATIONS},
    }
    changes = {**level, "properties": {k: v for k, v in level["properties"].items() if k != "base"}}
    definitions = {**recipes["$defs"], "Changes": changes}
    protocols = _of(ProtocolChanges)
    _definition(protocols, "ProtocolChanges")["properties"]["recipes"] = _mapping_of(
        {"$ref": "#/$defs/Recipe"}
    )
    selection = _of(Selection)
    _definition(selection, "Selection")["properties"]["own_recipes"] = _mapping_of(
        {"anyOf": [{"$ref": "#/$defs/Recipe"}, {"type": "null"}]}
    )
    selection["$defs"] |= definitions
    book = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "recipes": _mapping_of({"$ref": "#/$defs/Recipe"}),
            "protocols": _mapping_of({"$ref": "#/$defs/ProtocolChanges"}),
        },
        "$defs": definitions | protocols["$defs"],
    }
    entries = {name: _of(dict[str, model]) for name, model in named.items()}  # type: ignore[valid-type]
    return {
        **entries,
        "recipes": book,
        "config": selection,
        "preset": _partial(selection),
        "checksums.lock": _of(dict[str, Locked]),
    }


class _Plain(GenerateJsonSchema):
    """Schemas without a title for each field, which would say its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False


def _of(kind: Any) -> Schema:
    """The schema of a model or of a mapping of models, with the short forms that validators take."""
    schema = TypeAdapter(kind).json_schema(schema_generator=_Plain)
    if "$defs" not in schema or "properties" in schema:
        name, others = kind.__name__, schema.pop("$defs", {})
        schema = {"$ref": f"#/$defs/{name}", "$defs": {**others, name: schema}}
    for short in ("LocalFile", "OwnNetwork"):  # a path alone
        if short in schema["$defs"]:
            schema["$defs"][short] = {"anyOf": [TEXT, schema["$defs"][short]]}
    if of_set := schema["$defs"].get("DistilledSet"):  # one file of images
        images = of_set["properties"]["images"]
        of_set["properties"]["images"] = {"anyOf": [images["items"], images]}
    return schema


def _definition(schema: Schema, name: str) -> Schema:
    found: Schema = schema["$defs"][name]
    return found


def _mapping_of(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _partial(schema: Any) -> Any:
    """The schema of what is laid over a whole one: no key is needed."""
    if isinstance(schema, list):
        return [_partial(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("required", "discriminator")}
    return {"anyOf" if key == "oneOf" else key: _partial(value) for key, value in kept.items()}


def write_schemas(directory: Path) -> None:
    """Write `<name>.json` for each file into `directory`."""
    for name, schema in schemas().items():
        write_text(directory / f"{name}.json", json.dumps(schema, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
