"""Test accuracy: the whole test set through a network, as fast as it goes with the same arithmetic.

Along a training it may be measured in bfloat16, which CPUs that compute in it do about twice as fast.
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from crossarch.config.schema import EvaluationPrecision
from crossarch.errors import TrainingError
from crossarch.models.folding import OURS, folded

BATCH_SIZE = 100
Precision = Literal["float32", "bfloat16"]
_DTYPES: dict[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TestBatches:
    """A test set on a device, ready to be evaluated on again and again in one precision.

    `images` are (N, C, H, W) float32, `labels` class indices (N,).
    """

    __test__ = False  # pytest takes it for tests otherwise

    def __init__(self, images: Tensor, labels: Tensor, precision: Precision = "float32") -> None:
        self.precision: Precision = precision
        self.dtype = _DTYPES[precision]
        self.images = [channels_last(batch.to(self.dtype)) for batch in images.split(BATCH_SIZE)]
        self.labels = labels.split(BATCH_SIZE)

    @torch.inference_mode()
    def accuracy(self, network: nn.Module, of: str) -> float:
        """Percent of the images whose largest logit is that of their label.

        The network is used in evaluation mode (running statistics, no DropPath); its mode is restored.
        Raises TrainingError where a logit is not finite, which begins with what this is the accuracy
        `of`.
        """
        fast = folded(network).to(self.dtype)
        device = self.labels[0].device
        correct = torch.zeros((), dtype=torch.int64, device=device)
        finite = torch.ones((), dtype=torch.bool, device=device)
        for batch, target in zip(self.images, self.labels, strict=True):
            logits = fast(batch)
            correct += (logits.argmax(1) == target).sum()
            finite &= logits.isfinite().all()
        if not finite:
            raise TrainingError(f"{of}: found logits of test images that are not finite")
        return 100.0 * int(correct) / sum(map(len, self.labels))


def accuracy(network: nn.Module, images: Tensor, labels: Tensor, of: str = "the network") -> float:
    """Percent of `images` (N, C, H, W) whose largest logit is that of `labels` (N,), in float32.

    Raises TrainingError as `TestBatches.accuracy`.
    """
    return TestBatches(images, labels).accuracy(network, of)


def precision_for(requested: EvaluationPrecision, network: nn.Module, device: torch.device) -> Precision:
    """The precision of evaluations along a training.

    `auto` is bfloat16 for one of our networks on a CPU that computes in it, else float32: a custom
    network may hold tensors that do not follow its weights to another precision.
    """
    if requested != "auto":
        return requested
    fast = device.type == "cpu" and isinstance(network, OURS) and computes_in_bfloat16()
    return "bfloat16" if fast else "float32"


def computes_in_bfloat16() -> bool:
    """Whether the processor has instructions that multiply in bfloat16, by its own flags."""
    flags: dict[str, Any] = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # older versions of PyTorch have no such list
    return any(bool(flags.get(name)) for name in ("avx512_bf16", "amx_bf16"))


def channels_last(images: Tensor) -> Tensor:
    """`images` with the channels innermost in memory, which convolutions on CPU and GPU like best."""
    return images.contiguous(memory_format=torch.channels_last)
