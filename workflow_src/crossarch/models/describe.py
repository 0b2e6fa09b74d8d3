"""What a network costs: parameters, multiply-accumulates, DropPath blocks."""

from dataclasses import dataclass
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

from crossarch.config import NetworkSettings, RunSettings
from crossarch.models.build import build
from crossarch.models.droppath import droppath_parts

FORWARD, FORWARD_AND_BACKWARD = 2.0, 6.0  # operations of one multiply-accumulate


@dataclass(frozen=True)
class Description:
    """`parameters`: trainable scalars, virtual shortcuts included. `macs`: multiply-accumulates for
    one image in evaluation mode, of convolutions and linear layers, in a network of the user's own of
    every product of matrices. `droppath_blocks`: how many, or
    how many branches of a network of the user's own."""

    parameters: int
    macs: int
    droppath_blocks: int


@cache
def describe(settings: NetworkSettings) -> Description:
    """Build the network of `settings` and count."""
    with torch.device("cpu" if settings.own else "meta"):
        network = build(settings).eval()
    image = torch.zeros(1, *settings.image_shape)
    count = _all_macs if settings.own else _macs_of_layers
    blocks = len(list(droppath_parts(network)))
    return Description(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        macs=count(network, image),
        droppath_blocks=blocks if settings.droppath else 0,
    )


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


def _all_macs(network: nn.Module, image: Tensor) -> int:
    """Those of any network, by PyTorch's own counter, which takes seconds to load."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    return int(counter.get_total_flops()) // 2  # it takes a multiply-accumulate as two


def gflop_an_epoch(settings: RunSettings, images: int) -> float:
    """Nominal work of an epoch over `images` images, in 1e9 operations.

    The student's steps and, where there is one, the teacher's forward passes; what DropPath skips and
    what virtual shortcuts add is left out.
    """
    macs = FORWARD_AND_BACKWARD * describe(settings.network).macs
    if settings.teacher_network:
        macs += FORWARD * describe(settings.teacher_network).macs
    return macs * images / 1e9


def gflop_an_evaluation(settings: RunSettings, images: int) -> float:
    """Work of a test on `images` images, in 1e9 operations."""
    return FORWARD * describe(settings.network).macs * images / 1e9
