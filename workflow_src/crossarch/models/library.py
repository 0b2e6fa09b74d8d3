"""Networks of timm and torchvision by name, adapted to images of 16 to 64 pixels.

Where a network knows its input size (`img_size`, `image_size`), it is told; the first convolution of a
network for 224 pixels, which halves the image or more, keeps its size, and the pooling behind it is left
out. DropPath goes through the modules that the library has for it, which are set to drop nothing
themselves.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import nn

from crossarch.config import NetworkFile, NetworkSettings
from crossarch.config.libraries import DROPS, library_source

LARGE = 64  # pixels; networks for larger images are left as they are


def library_network(own: NetworkFile, settings: NetworkSettings) -> nn.Module:
    """The network `<library>:<name>`, untrained. Raises ConfigError for a name that is not there."""
    assert own.in_library is not None
    library, name = own.in_library
    library_source(library, name)
    made = {"timm": _timm, "torchvision": _torchvision}[library](name, settings)
    for module in made.modules():
        if type(module).__name__ in DROPS:
            setattr(module, "drop_prob" if hasattr(module, "drop_prob") else "p", 0.0)
    if settings.image_size <= LARGE:
        _adapt_stem(made, settings)
    return made


def library_drops(made: nn.Module, settings: NetworkSettings) -> list[str]:
    """The names of the modules that a library drops branches with, those that drop nothing included.

    Some have blocks without a skip path, where these are never called: they are left out.
    """
    named = [
        name
        for name, module in made.named_modules()
        if type(module).__name__ in DROPS
        or (isinstance(module, nn.Identity) and name.rpartition(".")[2].startswith("drop_path"))
    ]
    called: list[str] = []
    with ExitStack() as hooks:
        for name in named:
            note = partial(lambda name, *_: called.append(name), name)
            hooks.enter_context(made.get_submodule(name).register_forward_hook(note))
        with torch.no_grad():
            made.eval()(torch.zeros(2, *settings.image_shape))
    return [name for name in named if name in called]


def _timm(name: str, settings: NetworkSettings) -> nn.Module:
    import timm

    side = settings.image_size
    sizes = [
        {"img_size": side, "patch_size": max(1, side // 8)},  # transformers: 8 x 8 patches
        {"img_size": side},
        {"patch_size": max(1, side // 16)},  # convolutions on patches, then halved thrice
        {},
    ]

    def make(**options: Any) -> nn.Module:
        created: nn.Module = timm.create_model(
            name, num_classes=settings.classes, in_chans=settings.channels, **options
        )
        return created

    drops: list[dict[str, Any]] = [{"drop_path_rate": 0.1}, {}]
    return _first([{**size, **drop} for size in sizes for drop in drops], make, settings)


def _torchvision(name: str, settings: NetworkSettings) -> nn.Module:
    from torchvision import models

    def make(**options: Any) -> nn.Module:
        made: nn.Module = models.get_model(name, weights=None, num_classes=settings.classes, **options)
        _first_convolution(made, in_channels=settings.channels)
        return made

    sizes: list[dict[str, Any]] = [{"image_size": settings.image_size}, {}]
    return _first(sizes, make, settings)


def _first(
    options: list[dict[str, Any]], make: Callable[..., nn.Module], settings: NetworkSettings
) -> nn.Module:
    """The first network that takes its options and this size of images; else the last one's error."""
    for last, each in zip([False] * (len(options) - 1) + [True], options, strict=True):
        try:
            made = make(**each)
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                made.eval()(torch.zeros(2, *settings.image_shape))
            return made
        except Exception:
            if last:
                raise
    raise AssertionError("no options")


def _adapt_stem(made: nn.Module, settings: NetworkSettings) -> None:
    """Let the first convolution keep the size of small images, and leave out a pool right behind it."""
    first = next((module for module in made.modules() if isinstance(module, nn.Conv2d)), None)
    if first is None or first.stride != (2, 2) or first.kernel_size == (2, 2):
        return  # patches have their own size
    if first.kernel_size == (7, 7):
        _first_convolution(made, kernel_size=3, stride=1, padding=1)
    else:
        first.stride = (1, 1)
    for parent in made.modules():
        names = [name for name, _ in parent.named_children()]
        pools = [n for n in names[:5] if isinstance(getattr(parent, n), nn.MaxPool2d)]
        if pools:
            setattr(parent, pools[0], nn.Identity())
            return


def _first_convolution(made: nn.Module, **changes: Any) -> None:
    """Replace the first convolution by one with other keys, where they differ."""
    for parent in made.modules():
        for name, old in parent.named_children():
            if isinstance(old, nn.Conv2d):
                keys = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups")
                now = {key: getattr(old, key) for key in keys}
                if now | changes != now:
                    new = nn.Conv2d(**{**now, **changes}, bias=old.bias is not None)
                    setattr(parent, name, new)
                return
