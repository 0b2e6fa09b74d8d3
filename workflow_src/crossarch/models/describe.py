"""What a network costs: parameters, multiply-accumulates, DropPath blocks."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from crossarch.config import NetworkSettings
from crossarch.models.build import build
from crossarch.models.droppath import DropPathBlock


@dataclass(frozen=True)
class Description:
    """`parameters`: trainable scalars, virtual shortcuts included. `macs`: multiply-accumulates of
    convolutions and linear layers for one image in evaluation mode. `droppath_blocks`: how many."""

    parameters: int
    macs: int
    droppath_blocks: int


def describe(settings: NetworkSettings) -> Description:
    """Build the network of `settings` and count."""
    network = build(settings).eval()
    image = torch.zeros(1, settings.channels, settings.image_size, settings.image_size)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(image)
    blocks = [m for m in network.modules() if isinstance(m, DropPathBlock)]
    return Description(
        parameters=sum(p.numel() for p in network.parameters() if p.requires_grad),
        macs=counter.get_total_flops() // 2,  # the counter takes a multiply-accumulate as two
        droppath_blocks=len(blocks) if settings.droppath else 0,
    )
