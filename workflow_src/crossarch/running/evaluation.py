"""Test accuracy: the whole test set through a network, as fast as it goes with the same arithmetic."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

BATCH_SIZE = 100


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Percent of `images` (N, C, H, W) whose largest logit is that of `labels` (N,).

    The network is used in evaluation mode (running statistics, no DropPath); its mode is restored.
    """
    fast = folded(network)
    correct = torch.zeros((), dtype=torch.int64, device=labels.device)
    for batch, target in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        correct += (fast(channels_last(batch)).argmax(1) == target).sum()
    return 100.0 * int(correct) / len(labels)


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode whose batch norms are folded into the convolutions before them.

    Those that keep no running statistics stay: they take those of each batch, also in evaluation mode.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for module in copied.modules():
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                convolution, norm = module[index], module[index + 1]
                if (
                    isinstance(convolution, nn.Conv2d)
                    and isinstance(norm, nn.BatchNorm2d)
                    and norm.running_mean is not None
                ):
                    module[index] = fuse_conv_bn_eval(convolution, norm)
                    module[index + 1] = nn.Identity()
    return copied


def channels_last(images: Tensor) -> Tensor:
    """`images` with the channels innermost in memory, which convolutions on CPU and GPU like best."""
    return images.contiguous(memory_format=torch.channels_last)
