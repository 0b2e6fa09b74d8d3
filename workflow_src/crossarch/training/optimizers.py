"""Optimisers by name; both come from libraries."""

from collections.abc import Iterable

import torch
from lion_pytorch import Lion as LionOptimizer
from torch import nn

from crossarch.config.schema import Lion, Optimizer


def make_optimizer(settings: Optimizer, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a recipe. Lion is Chen et al.'s (2023), with decoupled weight decay."""
    options = settings.model_dump(exclude={"name"})
    if isinstance(settings, Lion):
        lion: torch.optim.Optimizer = LionOptimizer(parameters, **options)
        return lion
    return torch.optim.AdamW(parameters, **options)
