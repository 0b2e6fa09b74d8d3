"""Custom networks: a file registers one with `@network("name")`, `build_own` makes it.

Whatever goes wrong in the file is an error of one line that names it.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from torch import nn

from crossarch.config import NetworkFile, NetworkSettings, NoDropPath, network_code
from crossarch.errors import ConfigError, warn
from crossarch.models.droppath import UnfitNetwork, drop_branches, droppath_parts
from crossarch.models.library import library_drops, library_network
from crossarch.models.trial import gives_probabilities, try_out

Make = Callable[[NetworkSettings], nn.Module]
M = TypeVar("M", bound=Make)


@dataclass(frozen=True)
class Registered:
    """What makes a network, and the patterns of the branches that get DropPath."""

    make: Make
    droppath: tuple[str, ...]


_registered: dict[str, Registered] = {}  # by the file that is being read


def network(name: str, *, droppath: Sequence[str] = ()) -> Callable[[M], M]:
    """Register a class or function that makes a network from `NetworkSettings` under `name`.

    The network maps images (N, C, H, W) float32 to logits (N, classes) float32. `droppath` are shell
    patterns (`features.*.branch`) of the names of residual branches, modules whose output is added to a
    skip path: where a recipe has a keep rate p, training multiplies each by m / p, sample by sample
    (Figure 2 a). Blocks of ours (`ResidualBlock`, `SingleBranchBlock`) need no pattern. Raises TypeError
    for a pattern that is no text.
    """
    patterns = (droppath,) if isinstance(droppath, str) else tuple(droppath)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"droppath: found {droppath!r}, allowed: names, or patterns of names")

    def register(make: M) -> M:
        _registered[name] = Registered(make, patterns)
        return make

    return register


def build_own(settings: NetworkSettings, own: NetworkFile) -> nn.Module:
    """The network of the user's file, in training mode, with DropPath where the settings require it.

    Raises ConfigError where the file does not register the network, was edited since the settings were
    made, raises something itself, has no DropPath where the settings require it, or where `try_out`
    finds that it could not be trained or evaluated. Warns of one that gives probabilities.
    """
    registered = _load(own, settings.arch)
    with errors_of(own, settings.arch):
        made = registered.make(settings)
        if not isinstance(made, nn.Module):
            raise UnfitNetwork(f"found {type(made).__name__}, needed: a torch.nn.Module")
        patterns = registered.droppath
        if own.in_library and not patterns:
            patterns = tuple(library_drops(made, settings))
        drop_branches(made, patterns)
        if settings.droppath and not any(droppath_parts(made)):
            raise NoDropPath(own, settings.arch)
        trial = try_out(made, settings)
        if gives_probabilities(trial, settings):
            found = "gives probabilities (a softmax at the end?), needed: logits"
            _warn_once(f"{own.file}: {settings.arch}: {found}")
    return made.train()


_warn_once = cache(warn)


def _load(own: NetworkFile, arch: str) -> Registered:
    if own.in_library:
        return Registered(partial(library_network, own), own.droppath)
    found = _registered_in(own)
    if arch not in found:
        names = ", ".join(found) or "nothing"
        raise ConfigError(f"{own.file}: found no @network({arch!r}), what it registers: {names}")
    return found[arch]


@cache
def _registered_in(own: NetworkFile) -> dict[str, Registered]:
    """Run the file and give what it registers."""
    try:
        code = network_code(own.location.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ConfigError(f"{own.file}: cannot be read: {error}") from None
    if code != own.code:
        raise ConfigError(f"{own.file}: was edited since this run was asked for; ask for it again")
    name = f"crossarch_own_{own.code}"
    spec = importlib.util.spec_from_file_location(name, own.location.absolute())
    if spec is None or spec.loader is None:
        raise ConfigError(f"{own.file}: is not a file of Python; its name has to end in .py")
    module = importlib.util.module_from_spec(spec)
    _registered.clear()
    sys.modules[name] = module  # where data classes and pickles look for it
    with errors_of(own):
        spec.loader.exec_module(module)
    return dict(_registered)


@contextmanager
def errors_of(own: NetworkFile, arch: str = "") -> Iterator[None]:
    """Make one line of what the user's code raises, with its place in the file."""
    try:
        yield
    except ConfigError:
        raise
    except UnfitNetwork as error:
        raise ConfigError(f"{own.file}: {arch}: {error}") from None
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == own.location.absolute()]
        where = f" line {lines[-1]}:" if lines else ""
        message = " ".join(str(error).split()) or "no message"
        raise ConfigError(f"{own.file}:{where} {type(error).__name__}: {message}") from None
