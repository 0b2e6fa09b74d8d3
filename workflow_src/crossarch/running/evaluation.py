"""Test accuracy: the whole test set through a network, as fast as it goes with the same arithmetic."""

import torch
from torch import Tensor, nn

from crossarch.errors import TrainingError
from crossarch.models.folding import folded

BATCH_SIZE = 100


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, of: str = "the network") -> float:
    """Percent of `images` (N, C, H, W) whose largest logit is that of `labels` (N,).

    The network is used in evaluation mode (running statistics, no DropPath); its mode is restored.
    Raises TrainingError where a logit is not finite, which begins with what this is the accuracy `of`.
    """
    fast = folded(network)
    correct = torch.zeros((), dtype=torch.int64, device=labels.device)
    finite = torch.ones((), dtype=torch.bool, device=labels.device)
    for batch, target in zip(images.split(BATCH_SIZE), labels.split(BATCH_SIZE), strict=True):
        logits = fast(channels_last(batch))
        correct += (logits.argmax(1) == target).sum()
        finite &= logits.isfinite().all()
    if not finite:
        raise TrainingError(f"{of}: found logits of test images that are not finite")
    return 100.0 * int(correct) / len(labels)


def channels_last(images: Tensor) -> Tensor:
    """`images` with the channels innermost in memory, which convolutions on CPU and GPU like best."""
    return images.contiguous(memory_format=torch.channels_last)
