"""Optimisers by name; all come from libraries."""

from collections.abc import Iterable

import torch
from lion_pytorch import Lion as LionOptimizer
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from crossarch.config.schema import Optimizer

OPTIMIZERS = {
    "lion": LionOptimizer,
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def make_optimizer(settings: Optimizer, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimiser of a recipe. Lion is Chen et al.'s (2023), with decoupled weight decay."""
    options = settings.model_dump(exclude={"name"})
    made: torch.optim.Optimizer = OPTIMIZERS[settings.name](parameters, **options)
    return made


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights, and its buffers as they are.

    Each update moves a weight to decay * average + (1 - decay) * weight.
    """
    average = get_ema_multi_avg_fn(decay)
    return AveragedModel(network, multi_avg_fn=average)
