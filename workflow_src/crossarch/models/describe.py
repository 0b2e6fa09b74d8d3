"""What a network costs: parameters, multiply-accumulates, DropPath blocks."""

from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crossarch.config import NetworkFile, NetworkSettings, RunSettings
from crossarch.errors import ConfigError
from crossarch.models.build import build
from crossarch.models.custom import errors_of
from crossarch.models.droppath import droppath_parts
from crossarch.models.trial import TRIED

FORWARD, FORWARD_AND_BACKWARD = 2.0, 6.0  # operations of one multiply-accumulate


@dataclass(frozen=True)
class Description:
    """`parameters`: trainable scalars, virtual shortcuts included. `macs`: multiply-accumulates for
    one image in evaluation mode, of convolutions and linear layers, in a network of the user's own of
    every product of matrices but those that parametrizations make weights with; None where they cannot
    be counted, and `uncounted` says why in one line. `droppath_blocks`: how many, or how many branches
    of a network of the user's own."""

    parameters: int
    macs: int | None
    droppath_blocks: int
    uncounted: str | None = None


@cache
def describe(settings: NetworkSettings) -> Description:
    """Build the network of `settings` and count. Raises ConfigError as `build` does."""
    with torch.device("cpu" if settings.own else "meta"):
        network = build(settings).eval()
    macs, uncounted = _macs(network, settings)
    blocks = len(list(droppath_parts(network)))
    return Description(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        macs=macs,
        droppath_blocks=blocks if settings.droppath else 0,
        uncounted=uncounted,
    )


def _macs(network: nn.Module, settings: NetworkSettings) -> tuple[int | None, str | None]:
    """Multiply-accumulates for one image, or why they cannot be counted."""
    if settings.own is None:
        return _macs_of_layers(network, torch.zeros(1, *settings.image_shape)), None
    try:
        return _all_macs(network, torch.zeros(TRIED, *settings.image_shape), settings.own), None
    except ConfigError as error:
        return None, f"the work of {settings.arch} cannot be counted: {error}"


def _macs_of_layers(network: nn.Module, image: Tensor) -> int:
    """Those of the convolutions and linear layers of a network of ours, whose weights need not exist."""
    counted = []

    def count(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        weight = cast(Tensor, layer.weight)  # (out, ...): as many multiplications for each output
        counted.append(output.numel() * weight.numel() // len(weight))

    network.to_empty(device="cpu")
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        network(image)
    return sum(counted)


def _all_macs(network: nn.Module, images: Tensor, own: NetworkFile) -> int:
    """Those of any network for one of `images`, by PyTorch's own counter, which takes seconds to load.

    A network that was tried out on some images may not take one. Raises ConfigError where the network
    does not work under the counter, or has nothing that it counts.
    """
    from torch.utils.flop_counter import FlopCounterMode

    # The counter finds no weights that have parametrizations in inference mode
    with errors_of(own), torch.no_grad(), parametrize.cached():
        network(images)  # makes such weights
        with FlopCounterMode(display=False) as counter:
            network(images)
    macs = int(counter.get_total_flops()) // 2  # it takes a multiply-accumulate as two
    if not macs:
        raise ConfigError(f"{own.file}: found no product of matrices")
    return macs // len(images)


def gflop_an_epoch(settings: RunSettings, images: int) -> float | None:
    """Nominal work of an epoch over `images` images, in 1e9 operations.

    The student's steps and, where there is one, the teacher's forward passes; what DropPath skips and
    what virtual shortcuts add is left out. None where that of a network of the user's own cannot be
    counted.
    """
    macs = describe(settings.network).macs
    of_teacher = describe(settings.teacher_network).macs if settings.teacher_network else 0
    if macs is None or of_teacher is None:
        return None
    return (FORWARD_AND_BACKWARD * macs + FORWARD * of_teacher) * images / 1e9


def gflop_an_evaluation(settings: RunSettings, images: int) -> float | None:
    """Work of a test on `images` images, in 1e9 operations; None as in `gflop_an_epoch`."""
    macs = describe(settings.network).macs
    return None if macs is None else FORWARD * macs * images / 1e9
