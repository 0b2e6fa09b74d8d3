"""The pool of networks that a set is distilled with: each is trained on the set, and in time replaced.

A set that is good for one network alone is not wanted; in a long distillation the pool comes to hold
networks of all ages.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from crossarch.config import NetworkSettings
from crossarch.models import build
from crossarch.models.layers import BatchNorm
from crossarch.running.memory import memory_format

SEEDS = 2**62  # one is drawn for each network


def fresh_network(settings: NetworkSettings, seed: int, device: torch.device) -> nn.Module:
    """A network initialised with `seed`; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(settings)
    return network.to(device).to(memory_format=memory_format(settings))


def calibrate(network: nn.Module, images: Tensor) -> None:
    """Set the running statistics of all batch norms to those of `images`; other norms have none."""
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


class Member:
    """One network of the pool, its optimiser and its age in steps."""

    def __init__(self, settings: NetworkSettings, lr: float, seed: int, device: torch.device) -> None:
        self.network = fresh_network(settings, seed, device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lr)
        self.age = 0

    def train(self, images: Tensor, labels: Tensor) -> None:
        """One step of regression on the distilled set: the mean squared error of outputs and labels."""
        self.network.train()
        loss = F.mse_loss(self.network(images), labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.age += 1


class Pool:
    """`size` networks; one that has made `online_steps` steps is initialised anew.

    A new one knows nothing but the statistics of the distilled `images`, for its batch norms.

    All its random numbers come from `draws`, a CPU generator.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        images: Tensor,
        *,
        size: int,
        online_steps: int,
        lr: float,
        draws: Generator,
        device: torch.device,
    ) -> None:
        self.settings, self.online_steps, self.lr = settings, online_steps, lr
        self.draws, self.device = draws, device
        self.members = [self._born(images) for _ in range(size)]

    def draw(self) -> int:
        """The place of a random member."""
        return int(torch.randint(len(self.members), (), generator=self.draws))

    def train(self, place: int, images: Tensor, labels: Tensor) -> None:
        """Train the member at `place` a step on the distilled set; replace it when it is old enough."""
        member = self.members[place]
        member.train(images, labels)
        if member.age >= self.online_steps:
            self.members[place] = self._born(images)

    def state(self) -> list[dict[str, Any]]:
        """All that `resume` needs, apart from the generator."""
        return [
            {
                "network": member.network.state_dict(),
                "optimizer": member.optimizer.state_dict(),
                "age": member.age,
            }
            for member in self.members
        ]

    def resume(self, state: list[dict[str, Any]]) -> None:
        """Take over a saved state."""
        for member, saved in zip(self.members, state, strict=True):
            member.network.load_state_dict(saved["network"])
            member.optimizer.load_state_dict(saved["optimizer"])
            member.age = saved["age"]

    def _born(self, images: Tensor) -> Member:
        seed = int(torch.randint(SEEDS, (), generator=self.draws))
        member = Member(self.settings, self.lr, seed, self.device)
        calibrate(member.network, images)
        return member
