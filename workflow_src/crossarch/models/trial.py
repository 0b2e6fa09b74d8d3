"""A trial of a custom network before it is trained: forward, backward, copied, branches dropped."""

from collections.abc import Iterator
from itertools import chain, product

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from crossarch.config import NetworkSettings
from crossarch.models.copies import copied
from crossarch.models.droppath import UnfitNetwork, branch_drops, watched_drops

TRIED = 3  # images that a network is tried out on: rarely a number of anything else in it
DROPPED = 1e-30  # a keep rate that keeps no branch
NOISE = 0.01  # added to the weights, some of which may start at zero


def try_out(network: nn.Module, settings: NetworkSettings) -> nn.Module:
    """Try a copy of `network` as a training and its evaluations use it; returns the copy.

    Lazy modules of `network` get their weights; nothing else of it changes, nor do the random numbers to
    come. Raises UnfitNetwork where it has nothing to train or what cannot be saved, gives other than
    logits (N, classes) float32, changes its input, cannot be copied, or where DropPath does not fit it.
    """
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise UnfitNetwork("found no parameters to train")
    shape = (TRIED, *settings.image_shape)
    _make_lazy(network, torch.zeros(shape))
    with torch.random.fork_rng(devices=[]):
        for name, value in network.state_dict().items():
            if not isinstance(value, Tensor):
                found = f"{name!r} of type {type(value).__name__}"
                raise UnfitNetwork(f"found {found} in its state, needed: tensors, which can be saved")
        trial = _copy(network)
        for training, order in product((False, True), (torch.contiguous_format, torch.channels_last)):
            images = torch.zeros(shape).contiguous(memory_format=order)
            _pass(trial.train(training), images, settings.classes)
        _copy(trial)  # with what it keeps of a pass
        _check_skips(trial, torch.randn(shape))
    return trial


def gives_probabilities(network: nn.Module, settings: NetworkSettings) -> bool:
    """Whether no output is negative and those of each image sum to 1."""
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        outputs = network.eval()(torch.randn(TRIED, *settings.image_shape))
    return bool((outputs >= 0).all()) and torch.allclose(outputs.sum(1), torch.ones(TRIED))


def _pass(network: nn.Module, images: Tensor, classes: int) -> None:
    """Images of zeros forward and, in training, backward. Raises UnfitNetwork as `try_out` does."""
    mode = "training" if network.training else "evaluation"
    version = images._version  # counts what is done to a tensor in place, zeros times 2 included
    with torch.set_grad_enabled(network.training), watched_drops(network) as given:
        logits = network(images)
    found, needed = type(logits).__name__, f"{(TRIED, classes)} float32"
    if isinstance(logits, Tensor):
        found = f"{tuple(logits.shape)} {str(logits.dtype).removeprefix('torch.')}"
    if found != needed:
        where = f"in {mode} for images of shape {tuple(images.shape)}"
        raise UnfitNetwork(f"found logits {found} {where}, needed: {needed}")
    if images._version != version or images.any():
        needed = "images left as they were given (`images = images - 0.5`)"
        raise UnfitNetwork(f"changes its input in place, needed: {needed}")
    if network.training:
        for name, outputs in given.items():
            _check_drop(name, outputs)
        logits.sum().backward()


def _check_drop(name: str, outputs: list[object]) -> None:
    """Raise UnfitNetwork for what has DropPath and is not called, or gives other than samples first."""
    if not outputs:
        needed = "modules whose output is added to a skip path"
        raise UnfitNetwork(f"droppath: {name!r} is never called, needed: {needed}")
    for output in outputs:
        if isinstance(output, Tensor) and output.shape[:1] != (TRIED,):
            found = f"gives shape {tuple(output.shape)} for {TRIED} images"
            raise UnfitNetwork(f"droppath: {name!r} {found}, needed: samples first")


def _check_skips(network: nn.Module, images: Tensor) -> None:
    """Raise UnfitNetwork for branches without a skip path: without one the logits forget the images."""
    drops = branch_drops(network)
    with torch.no_grad():
        for parameter in filter(Tensor.is_floating_point, network.parameters()):
            parameter.add_(NOISE * torch.randn_like(parameter))

    def depends(*dropped: str) -> bool:
        for name, drop in drops.items():
            drop.keep_rate = DROPPED if name in dropped else 1.0
        given = images.clone().requires_grad_()
        logits = network(given)
        weighted = (logits * torch.randn_like(logits)).sum()
        [gradient] = torch.autograd.grad(weighted, given, allow_unused=True)
        return gradient is not None and bool(gradient.any())

    if not drops or depends(*drops) or not depends():
        return
    if unskipped := [name for name in drops if not depends(name)]:
        named = ", ".join(map(repr, unskipped[:3]))
        more = f" and {len(unskipped) - 3} more" if len(unskipped) > 3 else ""
        raise UnfitNetwork(
            f"droppath: {named}{more} ({len(unskipped)} of {len(drops)} branches): without it the "
            "output does not depend on the image, needed: modules whose output is added to a skip path"
        )


def _make_lazy(network: nn.Module, images: Tensor) -> None:
    """Let lazy modules, which their first forward pass initialises, be made in evaluation mode."""

    def lazy() -> Iterator[str]:
        tensors = chain(network.named_parameters(), network.named_buffers())
        return (name for name, tensor in tensors if is_lazy(tensor))

    if any(lazy()):
        with torch.no_grad():
            network.eval()(images)
    for name in lazy():
        needed = "lazy modules that are called in evaluation"
        raise UnfitNetwork(f"found {name!r} without a shape, needed: {needed}")


def _copy(network: nn.Module) -> nn.Module:
    """A copy of `network`, as an evaluation takes one. Raises UnfitNetwork where there can be none."""
    try:
        return copied(network)
    except Exception as error:
        message = " ".join(str(error).split())
        raise UnfitNetwork(
            f"cannot be copied, as evaluating it does: {type(error).__name__}: {message}"
        ) from None
