"""Networks of timm and torchvision by name, as their files tell without being imported."""

import difflib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from crossarch.errors import ConfigError

LIBRARIES = ("timm", "torchvision")
_REGISTERED = re.compile(r"^@register_model\b.*?^def (\w+)\(", re.DOTALL | re.MULTILINE)
DROPS = ("DropPath", "StochasticDepth")
"""The modules that the libraries drop branches with."""


def library_source(library: str, name: str) -> str:
    """The text of the module that registers a network. Raises ConfigError, with the nearest names.

    Importing either library takes seconds, and every job reads the configuration.
    """
    found = _registered(library)
    if name not in found:
        near = difflib.get_close_matches(name, found, n=3)
        guess = f" (did you mean {', '.join(map(repr, near))}?)" if near else ""
        raise ConfigError(f"{library}:{name}: found no such network in {library}{guess}")
    return found[name]


def may_drop_paths(library: str, name: str) -> bool:
    """Whether the library's own file of a network knows DropPath."""
    return any(word in library_source(library, name) for word in DROPS)


@cache
def _registered(library: str) -> dict[str, str]:
    """The text of its module for each network of a library. Raises ConfigError where that is missing."""
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        raise ConfigError(f"{library} is not installed; `pip install {library}`")
    files = sorted((Path(spec.origin).parent / "models").glob("*.py"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    return {name: text for text in texts for name in _REGISTERED.findall(text)}
