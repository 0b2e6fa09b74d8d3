"""Networks of the user's own: a file registers one with `@network("name")`, `build` makes it.

Whatever goes wrong in the file is an error of one line that names it.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, product
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from crossarch.config import NetworkFile, NetworkSettings, network_code
from crossarch.errors import ConfigError
from crossarch.models.copies import copied
from crossarch.models.droppath import drop_branches, droppath_parts, watched_drops
from crossarch.models.library import library_drops, library_network

TRIED = 3  # images that a network is tried out on: rarely a number of anything else in it
Make = Callable[[NetworkSettings], nn.Module]
M = TypeVar("M", bound=Make)


class NoDropPath(ConfigError):
    """A network of the user's own has no DropPath where its settings ask for it."""


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
    """The network of the user's file, with DropPath where the settings ask for it.

    Raises ConfigError where the file does not register the network, was edited since the settings were
    made, raises something itself, has no DropPath where the settings ask for it, or where `_try_out`
    finds that it could not be trained or tested.
    """
    registered = _load(own, settings.arch)
    with errors_of(own):
        made = registered.make(settings)
    if not isinstance(made, nn.Module):
        raise ConfigError(
            f"{own.file}: {settings.arch}: found {type(made).__name__}, needed: a torch.nn.Module"
        )
    try:
        drop_branches(
            made, registered.droppath or (own.in_library and library_drops(made, settings)) or ()
        )
    except ValueError as error:
        raise ConfigError(f"{own.file}: {settings.arch}: droppath: {error}") from None
    if settings.droppath and not any(droppath_parts(made)):
        place = "`droppath` beside its `file`" if own.in_library else "@network(..., droppath=(...))"
        raise NoDropPath(
            f"{own.file}: {settings.arch}: found no DropPath, which the recipe needs: name its residual "
            f"branches in {place}, or choose recipes without DropPath"
        )
    _try_out(made, settings, own)
    return made


def _try_out(made: nn.Module, settings: NetworkSettings, own: NetworkFile) -> None:
    """Images of zeros through the network, in training and in evaluation, in either order in memory.

    Then it is copied, as an evaluation does between steps of training. Neither its weights and
    statistics nor the random numbers to come change, but that lazy modules get their weights. Raises
    ConfigError where it has nothing to train or what cannot be saved, gives other than logits
    (N, classes) float32, changes its input, does not call what has DropPath or has another dimension
    first there, or cannot be copied.
    """
    if not any(parameter.requires_grad for parameter in made.parameters()):
        raise ConfigError(f"{own.file}: {settings.arch}: found no parameters to train")
    formats = (torch.contiguous_format, torch.channels_last)
    needed = (TRIED, settings.classes)
    _make_lazy(made, settings, own)
    before = _state(made, settings, own)
    for training, order in product((False, True), formats):
        images = torch.zeros(TRIED, *settings.image_shape).contiguous(memory_format=order)
        version = images._version  # counts what is done to a tensor in place, zeros times 2 included
        with (
            errors_of(own),
            torch.set_grad_enabled(training),
            torch.random.fork_rng(devices=[]),
            watched_drops(made) as given,
        ):
            logits = made.train(training)(images)
        found = (
            f"{tuple(logits.shape)} {str(logits.dtype).removeprefix('torch.')}"
            if isinstance(logits, Tensor)
            else type(logits).__name__
        )
        if found != f"{needed} float32":
            raise ConfigError(
                f"{own.file}: {settings.arch}: found logits {found} in "
                f"{'training' if training else 'evaluation'} for images of shape "
                f"{tuple(images.shape)}, needed: {needed} float32"
            )
        if images._version != version or images.any():
            raise ConfigError(
                f"{own.file}: {settings.arch}: changes its input in place, needed: images left as they "
                "were given (`images = images - 0.5`)"
            )
        if training:
            _check_drops(given, f"{own.file}: {settings.arch}: droppath")
    try:
        copied(made)
    except Exception as error:
        raise ConfigError(
            f"{own.file}: {settings.arch}: cannot be copied, as evaluating it does: {_told(error)}"
        ) from None
    made.load_state_dict(before)


def _make_lazy(made: nn.Module, settings: NetworkSettings, own: NetworkFile) -> None:
    """Let lazy modules, which their first forward pass initialises, be made by images of zeros.

    Raises ConfigError for one that is not called in evaluation.
    """

    def lazy() -> list[str]:
        tensors = chain(made.named_parameters(), made.named_buffers())
        return [name for name, tensor in tensors if is_lazy(tensor)]

    if lazy():
        with errors_of(own), torch.no_grad():
            made.eval()(torch.zeros(TRIED, *settings.image_shape))
    if left := lazy():
        raise ConfigError(
            f"{own.file}: {settings.arch}: found {left[0]!r} without a shape, needed: lazy modules that "
            "are called in evaluation"
        )


def _state(made: nn.Module, settings: NetworkSettings, own: NetworkFile) -> dict[str, Tensor]:
    """A copy of weights and statistics. Raises ConfigError for what is no tensor: it cannot be saved."""
    with errors_of(own):
        state = made.state_dict()
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ConfigError(
                f"{own.file}: {settings.arch}: found {name!r} of type {type(value).__name__} in its "
                "state, needed: tensors, which can be saved"
            )
    return {name: tensor.clone() for name, tensor in state.items()}


def _check_drops(given: Mapping[str, Sequence[object]], where: str) -> None:
    """Raise ConfigError for what has DropPath and is never called, or gives other than samples first.

    DropPath drops along the first dimension.
    """
    for name, outputs in given.items():
        if not outputs:
            raise ConfigError(
                f"{where}: {name!r} is never called, needed: modules whose output is added to a skip "
                "path"
            )
        for output in outputs:
            if isinstance(output, Tensor) and output.shape[:1] != (TRIED,):
                raise ConfigError(
                    f"{where}: {name!r} gives shape {tuple(output.shape)} for {TRIED} images, needed: "
                    "samples first"
                )


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
def errors_of(own: NetworkFile) -> Iterator[None]:
    """What the user's code raises becomes one line with its place in the file."""
    try:
        yield
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == own.location.absolute()]
        where = f" line {lines[-1]}:" if lines else ""
        raise ConfigError(f"{own.file}:{where} {_told(error)}") from None


def _told(error: BaseException) -> str:
    """What was raised, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
