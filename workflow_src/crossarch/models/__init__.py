"""The networks: the 3-layer CNN that data are distilled with, and the larger ones tested on them.

Every network maps images (N, C, H, W) float32 to logits (N, classes) float32. `build` makes one from
its settings; `set_keep_rate` turns DropPath on in all blocks of it.
"""

from crossarch.models.build import build
from crossarch.models.describe import Description, describe
from crossarch.models.droppath import set_keep_rate

__all__ = ["Description", "build", "describe", "set_keep_rate"]
