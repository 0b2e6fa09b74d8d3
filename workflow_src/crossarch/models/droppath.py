"""DropPath (Section 3.1, Equation 1, Figure 2): whole branches are dropped, sample by sample.

Residual blocks scale a kept main path by 1/p. Single-branch blocks have a virtual shortcut instead: a
sample goes through the main path or through the shortcut, unscaled, and evaluation knows no shortcut.
"""

from typing import cast

import torch
from torch import Tensor, nn


def keep_mask(x: Tensor, keep_rate: float) -> Tensor:
    """One Bernoulli(keep_rate) draw a sample: (N, 1, 1, 1), 0 or 1, dtype and device of `x`."""
    return x.new_empty(x.shape[0], *(1,) * (x.ndim - 1)).bernoulli_(keep_rate)


class DropPathBlock(nn.Module):
    """Base of all blocks with DropPath: `keep_rate` in (0, 1] counts in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.keep_rate = 1.0

    @property
    def drops(self) -> bool:
        """Whether samples are dropped just now."""
        return self.training and self.keep_rate < 1.0


class ResidualBlock(DropPathBlock):
    """relu(m/p * main(x) + shortcut(x)), Figure 2 (a)."""

    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = cast(Tensor, self.main(x))
        if self.drops:
            out = out * (keep_mask(out, self.keep_rate) / self.keep_rate)
        return torch.relu(out + self.shortcut(x))


class SingleBranchBlock(DropPathBlock):
    """m * main(x) + (1 - m) * virtual_shortcut(x) in training, main(x) in evaluation, Figure 2 (b).

    Without a virtual shortcut it is the main path alone.
    """

    def __init__(self, main: nn.Module, virtual_shortcut: nn.Module | None) -> None:
        super().__init__()
        self.main = main
        self.virtual_shortcut = virtual_shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = cast(Tensor, self.main(x))
        if self.virtual_shortcut is None or not self.drops:
            return out
        kept = keep_mask(out, self.keep_rate).bool()
        return torch.where(kept, out, self.virtual_shortcut(x))


def set_keep_rate(network: nn.Module, keep_rate: float) -> None:
    """Set the keep rate, in (0, 1], of every DropPath block of `network`.

    Raises ValueError outside of that range.
    """
    if not 0.0 < keep_rate <= 1.0:
        raise ValueError(f"keep rate {keep_rate} is not in (0, 1]")
    for module in network.modules():
        if isinstance(module, DropPathBlock):
            module.keep_rate = keep_rate
