"""Custom networks: files that register one under a name, read here but never run.

What a file says is known by the digest of its code, so that an edit trains its runs again and a comment
does not. The file is only run where its network is built (`crossarch.models.custom`).
"""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from crossarch.config.files import expanded
from crossarch.config.libraries import LIBRARIES, library_source, may_drop_paths
from crossarch.config.model import Model
from crossarch.config.schema import ARCHS, OwnNetwork
from crossarch.config.validation import unknown
from crossarch.digests import code_of
from crossarch.errors import ConfigError

OWN_PLACE: Mapping[str, Any] = {"own": {"file": True}}
"""The key of a network's settings that is a path: its code alone decides what is trained."""

BLOCKLESS = {
    *("torch", "torchvision", *sys.stdlib_module_names),
    *("crossarch.models.network", "crossarch.models.NetworkSettings"),
}
"""What a network's file may import without getting blocks of ours, which have DropPath."""

_places: dict[str, Path] = {}
"""Where the configuration has each network today, by the digest of its code."""


class NetworkFile(Model):
    """The file of a network, as its path is written, and the digest of its code (16 hex digits).

    Of a network of a library the file is `<library>:<name>`, and `droppath` its patterns of branches.
    """

    file: str = Field(min_length=1)
    code: str = Field(pattern=r"^[0-9a-f]{16}$")
    droppath: tuple[str, ...] = Field(default=(), exclude_if=lambda patterns: not patterns)

    @property
    def in_library(self) -> tuple[str, str] | None:
        """(library, name) of a network of a library; None for a file."""
        library, colon, name = self.file.partition(":")
        return (library, name) if colon and library in LIBRARIES else None

    @property
    def location(self) -> Path:
        """The path, `~` expanded; a relative one starts at the folder the workflow runs in.

        A run tells where the file lay when it was trained. It is read where the configuration has the
        same code today, if it has.
        """
        return _places.get(self.code) or expanded(self.file)


class NoDropPath(ConfigError):
    """A custom network has no DropPath where a recipe has it."""

    def __init__(self, own: NetworkFile, arch: str) -> None:
        place = "`droppath` beside its `file`" if own.in_library else "@network(..., droppath=(...))"
        super().__init__(
            f"{own.file}: {arch}: found no DropPath, which the recipe needs: name its residual branches "
            f"in {place}, or choose recipes without DropPath"
        )


def read_network_files(
    networks: Mapping[str, OwnNetwork], places: Mapping[str, str]
) -> dict[str, NetworkFile]:
    """The files of the networks of `own_networks`; `places` are the files that name them.

    Raises ConfigError for a name that is taken, and for a file that is missing, is not Python or
    registers other names only.
    """
    files = {}
    for arch, network in networks.items():
        key = f"{places[arch]}: own_networks.{arch}"
        if arch in ARCHS:
            raise ConfigError(f"{key}: found the name of a network of ours, allowed: another name")
        made = NetworkFile(
            file=network.file,
            code=network_code(f"{network.file!r}, {network.droppath}"),
            droppath=network.droppath,
        )
        if library := made.in_library:
            try:
                library_source(*library)
            except ConfigError as error:
                raise ConfigError(f"{key}: {error}") from None
            files[arch] = made
            continue
        if network.droppath:
            raise ConfigError(f"{key}.droppath: found patterns, allowed there: in @network of its file")
        source = _read(network.file, key)
        names = [name for name, _ in _registrations(ast.parse(source))]
        if names and arch not in names:
            raise ConfigError(unknown(network.file, "@network", arch, names, what="network"))
        files[arch] = NetworkFile(file=network.file, code=network_code(source))
        _places[files[arch].code] = expanded(network.file)
    return files


@cache
def may_have_droppath(own: NetworkFile, arch: str) -> bool:
    """Whether a network can have DropPath, as far as its file tells without being run.

    It has none where the file registers it without `droppath` and imports nothing that could bring
    blocks of ours, nor where a library's file knows of none. A file that cannot be read may have it.
    """
    if own.in_library:
        return bool(own.droppath) or may_drop_paths(*own.in_library)
    try:
        tree = ast.parse(own.location.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return True
    calls = [call for name, call in _registrations(tree) if name == arch]
    return (
        not calls
        or any(keyword.arg in ("droppath", None) for call in calls for keyword in call.keywords)
        or any(name not in BLOCKLESS and name.split(".")[0] not in BLOCKLESS for name in _imported(tree))
    )


def with_places(settings: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of resolved settings, which tells no places, with the files of networks by their code."""
    placed = dict(settings)
    for key in ("network", "teacher_network"):
        match settings.get(key):
            case {"own": {"code": str(code), **own}, **more} if code in places:
                placed[key] = {**more, "own": {"file": places[code], "code": code, **own}}
    return placed


def network_code(source: str) -> str:
    """The digest of a network's file: 16 hex digits over its code without comments and docstrings."""
    return hashlib.sha256(code_of(source).encode()).hexdigest()[:16]


def _read(file: str, key: str) -> str:
    """The text of a network's file, which is Python."""
    try:
        source = expanded(file).read_text(encoding="utf-8")
        ast.parse(source)
    except FileNotFoundError:
        raise ConfigError(f"{key}: found {file!r}, no such file") from None
    except SyntaxError as error:
        raise ConfigError(f"{file}: line {error.lineno}: is not Python: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{key}: {file} cannot be read: {error}") from None
    return source


def _registrations(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Each `@network("...")` and the name that it registers, as far as it is written out."""
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            match decorator:
                case ast.Call(
                    func=ast.Name(id="network") | ast.Attribute(attr="network"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    yield name, decorator


def _imported(tree: ast.Module) -> Iterator[str]:
    """The full name of everything that a file imports; a relative one begins with a dot."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                yield from (f"{'.' * level}{module or ''}.{alias.name}" for alias in names)
