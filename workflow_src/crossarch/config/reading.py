"""Reading one YAML file: the mapping that it holds, or an error of one line that names the place."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from crossarch.errors import ConfigError


def read_overrides(files: Iterable[Path]) -> list[tuple[str, Mapping[str, Any]]]:
    """Read presets for `load_configuration`; an empty one changes nothing."""
    return [(str(file), read_mapping(file, empty={})) for file in files]


_MERGE = "tag:yaml.org,2002:merge"  # `<<`: what it brings, own keys replace


class _Loader(yaml.CSafeLoader):
    """YAML in which a key stands once: a second one would silently replace the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping of a node; a MarkedYAMLError names the line of a key that stands there twice."""
        lines: dict[Hashable, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in lines:
                problem = f"found the key {key!r} again, which line {lines[key]} has already"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
            if isinstance(key, Hashable):
                lines[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep)


def read_mapping(file: Path, empty: dict[str, Any] | None = None) -> dict[str, Any]:
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
