"""DropPath (Section 3.1, Equation 1, Figure 2): whole branches are dropped, sample by sample.

Residual blocks scale a kept main path by 1/p. Single-branch blocks have a virtual shortcut instead: a
sample goes through the main path or through the shortcut, unscaled, and evaluation knows no shortcut.

Where samples do not influence each other (instance norm) the CPU computes a path only for the samples
that take it: the same sums, up to a third of the time of a step less. Batch norm needs all of them, and
a GPU would wait for the CPU to learn how many there are.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import permutations
from typing import cast

import torch
from torch import Tensor, nn

from crossarch.models.layers import BatchNorm


def keep_mask(x: Tensor, keep_rate: float) -> Tensor:
    """One Bernoulli(keep_rate) draw a sample: (N, 1, 1, 1), 0 or 1, dtype and device of `x`."""
    return x.new_empty(x.shape[0], *(1,) * (x.ndim - 1)).bernoulli_(keep_rate)


def mixes_samples(path: nn.Module) -> bool:
    """Whether an output of `path` for one sample depends on the others of its batch: batch norm."""
    return any(isinstance(module, BatchNorm) for module in path.modules())


class DropPathBlock(nn.Module):
    """Base of all blocks with DropPath: `keep_rate` in (0, 1] counts in training mode only."""

    def __init__(self, main: nn.Module, shortcut: nn.Module | None) -> None:
        super().__init__()
        self.keep_rate = 1.0
        self.samples_apart = not (mixes_samples(main) or (shortcut and mixes_samples(shortcut)))

    @property
    def drops(self) -> bool:
        """Whether samples are dropped just now."""
        return self.training and self.keep_rate < 1.0

    def chosen(self, mask: Tensor) -> tuple[Tensor, Tensor] | None:
        """Indices of the samples that are kept and of those that are dropped, if it pays to know them.

        None where all samples go through both paths: also if one path would get no sample, since its
        weights would have no gradient, and an optimiser leaves such weights as they are.
        """
        if not self.samples_apart or mask.device.type != "cpu":
            return None
        is_kept = mask.flatten().bool()
        kept, dropped = is_kept.nonzero().squeeze(1), is_kept.logical_not().nonzero().squeeze(1)
        return (kept, dropped) if len(kept) and len(dropped) else None


class ResidualBlock(DropPathBlock):
    """relu(m/p * main(x) + shortcut(x)), Figure 2 (a)."""

    def __init__(self, main: nn.Module, shortcut: nn.Module) -> None:
        super().__init__(main, shortcut)
        self.main = main
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        if not self.drops:
            return torch.relu(self.main(x) + self.shortcut(x))
        mask = keep_mask(x, self.keep_rate)
        chosen = self.chosen(mask)
        if chosen is None:
            return torch.relu(self.main(x) * (mask / self.keep_rate) + self.shortcut(x))
        kept, _ = chosen
        out = self.shortcut(x).index_add(0, kept, self.main(x[kept]), alpha=1.0 / self.keep_rate)
        return torch.relu(cast(Tensor, out))


class SingleBranchBlock(DropPathBlock):
    """m * main(x) + (1 - m) * virtual_shortcut(x) in training, main(x) in evaluation, Figure 2 (b).

    Without a virtual shortcut it is the main path alone.
    """

    def __init__(self, main: nn.Module, virtual_shortcut: nn.Module | None) -> None:
        super().__init__(main, virtual_shortcut)
        self.main = main
        self.virtual_shortcut = virtual_shortcut

    def forward(self, x: Tensor) -> Tensor:
        if self.virtual_shortcut is None or not self.drops:
            return cast(Tensor, self.main(x))
        mask = keep_mask(x, self.keep_rate)
        chosen = self.chosen(mask)
        if chosen is None:
            return torch.where(mask.bool(), self.main(x), self.virtual_shortcut(x))
        kept, dropped = chosen
        out = torch.cat((self.main(x[kept]), self.virtual_shortcut(x[dropped])))
        return out[torch.cat(chosen).argsort()]


class BranchDrop:
    """A forward hook on a residual branch of any network: in training, its output times m/p.

    It is a plain attribute of the branch, so that the names of the network's parameters stay.
    """

    def __init__(self) -> None:
        self.keep_rate = 1.0

    def __call__(self, branch: nn.Module, inputs: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor):
            raise TypeError(f"a branch with DropPath gives a tensor, not {type(output).__name__}")
        if not branch.training or self.keep_rate == 1.0:
            return None
        return output * (keep_mask(output, self.keep_rate) / self.keep_rate)


_BRANCH_DROP = "crossarch_branch_drop"
_SHOWN = 8  # names that fit on a line of an error


class UnfitNetwork(ValueError):
    """What is wrong with a custom network or with its DropPath, in one line without its name."""


def drop_branches(network: nn.Module, patterns: Iterable[str]) -> None:
    """Give DropPath to every module of `network` whose name fits one of the shell patterns.

    Raises UnfitNetwork for a pattern that no module fits, and for what would be dropped twice: a branch
    inside another one, a block of ours, a part of one, what has one inside.
    """
    chosen: dict[str, nn.Module] = {}
    named = {name: module for name, module in network.named_modules() if name}
    for pattern in patterns:
        fitting = {name: module for name, module in named.items() if fnmatchcase(name, pattern)}
        if not fitting:
            raise UnfitNetwork(
                f"droppath: found no module that fits {pattern!r}, {_nearest(pattern, named)}"
            )
        chosen |= fitting
    blocks = [name for name, module in named.items() if isinstance(module, DropPathBlock)]
    for name in chosen:
        if name in blocks:
            raise UnfitNetwork(
                f"droppath: found {name!r}, which has DropPath already, allowed: branches without it"
            )
    for inner, outer in permutations((*chosen, *blocks), 2):
        if inner.startswith(f"{outer}.") and chosen.keys() & {inner, outer}:
            raise UnfitNetwork(
                f"droppath: found {inner!r} inside {outer!r}, allowed: branches apart from each other"
            )
    for module in chosen.values():
        drop = BranchDrop()
        setattr(module, _BRANCH_DROP, drop)
        module.register_forward_hook(drop)


def _nearest(pattern: str, names: Iterable[str]) -> str:
    """The names of modules or, where there are many, the few patterns of them that are most like one."""
    names = list(names)
    if len(names) <= _SHOWN:
        return f"allowed: {', '.join(names)}"
    patterns = dict.fromkeys(re.sub(r"(?<![^.])\d+(?![^.])", "*", name) for name in names)
    return f"nearest: {', '.join(get_close_matches(pattern, patterns, n=_SHOWN, cutoff=0.0))}"


def branch_drops(network: nn.Module) -> dict[str, BranchDrop]:
    """The DropPath of every branch that has it by `drop_branches`, by the branch's name."""
    found = {name: getattr(module, _BRANCH_DROP, None) for name, module in network.named_modules()}
    return {name: drop for name, drop in found.items() if isinstance(drop, BranchDrop)}


@contextmanager
def watched_drops(network: nn.Module) -> Iterator[dict[str, list[object]]]:
    """What every block and branch with DropPath gives, by its name, one entry for each call."""
    given: dict[str, list[object]] = {}
    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if isinstance(module, DropPathBlock) or hasattr(module, _BRANCH_DROP):
                outputs = given[name] = []

                def keep(_: nn.Module, __: object, output: object, kept: list[object] = outputs) -> None:
                    kept.append(output)

                hooks.enter_context(module.register_forward_hook(keep))
        yield given


def droppath_parts(network: nn.Module) -> Iterator[DropPathBlock | BranchDrop]:
    """Every block of ours and every branch of `network` that has DropPath."""
    yield from (module for module in network.modules() if isinstance(module, DropPathBlock))
    yield from branch_drops(network).values()


def set_keep_rate(network: nn.Module, keep_rate: float) -> None:
    """Set the keep rate, in (0, 1], of every DropPath block and branch of `network`.

    Raises ValueError outside of that range.
    """
    if not 0.0 < keep_rate <= 1.0:
        raise ValueError(f"keep rate {keep_rate} is not in (0, 1]")
    for part in droppath_parts(network):
        part.keep_rate = keep_rate
