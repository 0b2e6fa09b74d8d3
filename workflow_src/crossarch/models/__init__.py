"""The networks: the 3-layer CNN that data are distilled with, and the larger ones tested on them.

Every network maps images (N, C, H, W) float32 to logits (N, classes) float32. `build` makes one from
its settings; `set_keep_rate` turns DropPath on in all blocks of it. A custom network's file registers
another one with `network`.
"""

from crossarch.config import NetworkSettings
from crossarch.models.build import build
from crossarch.models.custom import network
from crossarch.models.describe import Description, describe, gflop_an_epoch, gflop_an_evaluation
from crossarch.models.droppath import ResidualBlock, SingleBranchBlock, set_keep_rate

__all__ = [
    "Description",
    "NetworkSettings",
    "ResidualBlock",
    "SingleBranchBlock",
    "build",
    "describe",
    "gflop_an_epoch",
    "gflop_an_evaluation",
    "network",
    "set_keep_rate",
]
