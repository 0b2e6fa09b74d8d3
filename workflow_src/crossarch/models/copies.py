"""Copies of networks, also of those that keep tensors of their last forward pass."""

import copy

from torch import Tensor, nn


def copied(network: nn.Module) -> nn.Module:
    """A copy of `network` that shares no tensor with it.

    PyTorch copies no tensor with a graph. What a module keeps of a forward pass as an attribute, such as
    the weights that `torch.nn.utils.weight_norm` and `spectral_norm` compute, is copied without it:
    the next pass computes it anew. Raises what an attribute raises that cannot be copied.
    """
    kept = [value for module in network.modules() for value in vars(module).values()]
    computed = [value for value in kept if isinstance(value, Tensor) and not value.is_leaf]
    return copy.deepcopy(network, {id(tensor): tensor.detach().clone() for tensor in computed})
