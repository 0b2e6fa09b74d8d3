"""The JSON schemas of `config/`: written from the models, and true to the files that they are for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from crossarch.config.json_schema import schemas, write_schemas

PROJECT = Path(__file__).parents[2]
CONFIG = PROJECT / "config"
FILES = sorted(CONFIG.rglob("*.yaml"))


def as_json(value: Any) -> Any:
    """YAML as an editor takes it: keys are text."""
    if isinstance(value, dict):
        return {str(key): as_json(each) for key, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, list) else value


def mistakes(schema: str, text: str) -> list[str]:
    """Where a file of that text breaks the schema of that name."""
    found = Draft202012Validator(schemas()[schema]).iter_errors(as_json(yaml.safe_load(text)))
    return [error.json_path for error in found]


def test_the_schemas_are_those_of_the_models(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    committed = {file.name: file.read_text() for file in (CONFIG / "schema").iterdir()}
    assert written == committed, "`make schema` writes them again"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_names_its_schema_and_keeps_to_it(file: Path) -> None:
    text = file.read_text()
    head = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert head
    schema = file.parent / head[1]
    assert schema.stem == ("preset" if file.parent.name == "presets" else file.stem)
    Draft202012Validator.check_schema(json.loads(schema.read_text()))
    assert mistakes(schema.stem, text) == []


@pytest.mark.parametrize(
    ("schema", "text", "where"),
    [
        ("preset", "seed: [0]", "$"),
        ("preset", "evaluation: {every: often}", "$.evaluation"),
        ("preset", "own_recipes: {slow: {base: full, epoch: 9}}", "$.own_recipes.slow"),
        ("config", "datasets: [cifar10]", "$"),
        (
            "recipes",
            "recipes: {a: {base: full, by_ipc: {1: {epochs: many}}}}",
            "$.recipes.a.by_ipc['1'].epochs",
        ),
        ("recipes", "recipes: {a: {optimizer: {name: lion, momentum: 0.9}}}", "$.recipes.a.optimizer"),
        ("datasets", "a: {title: A}", "$.a"),
        ("sources", "a: {sets: {cifar10: {1: {file: [a.npz]}}}}", "$.a"),
    ],
)
def test_a_mistake_is_found(schema: str, text: str, where: str) -> None:
    found = mistakes(schema, text)
    assert found
    assert all(path.startswith(where) for path in found)


@pytest.mark.parametrize(
    ("page", "schema"),
    [
        ("README.md", "preset"),
        ("docs/custom.md", "preset"),
        ("docs/data.md", "datasets"),
        ("docs/configuration.md", "figures"),
    ],
)
def test_what_the_pages_say_keeps_to_the_schemas(page: str, schema: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (PROJECT / page).read_text(), re.DOTALL)
    assert blocks
    assert [mistakes(schema, block) for block in blocks] == [[]] * len(blocks)
