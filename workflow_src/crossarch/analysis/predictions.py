"""What networks answer on test sets and augmented images, and how often two answer the same."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from crossarch.config.schema import Augmentation
from crossarch.models.copies import copied
from crossarch.models.folding import folded
from crossarch.models.layers import BatchNorm
from crossarch.running.evaluation import BATCH_SIZE, channels_last
from crossarch.training.augmentation import augment


@torch.inference_mode()
def predictions(network: nn.Module, images: Tensor) -> Tensor:
    """The class of the largest logit of each of `images` (N, C, H, W), (N,) int64; evaluation mode."""
    fast = folded(network)
    return torch.cat([fast(channels_last(batch)).argmax(1) for batch in images.split(BATCH_SIZE)])


@torch.inference_mode()
def predictions_of_batches(network: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    """As `predictions`, but batch norms take mean and variance from each batch instead of running ones.

    Batches have at most `batch_size` images, as equally many as can be, in the given order. The rest is
    in evaluation mode (no DropPath); the network's own statistics are not changed.
    """
    tested = copied(network).eval()
    for module in tested.modules():
        if isinstance(module, BatchNorm):
            module.train()
    batches = images.tensor_split(math.ceil(len(images) / batch_size))
    return torch.cat([tested(channels_last(batch)).argmax(1) for batch in batches])


@torch.inference_mode()
def augmented_logits(
    fast: nn.Module, images: Tensor, settings: Augmentation, repeats: int, values_seed: int
) -> Iterator[Tensor]:
    """What a folded network answers to each of `repeats` draws of augmented `images` (N, C, H, W).

    Logits (N, classes) a draw. The draws are the same for each network: seed 0 chooses the operations,
    `values_seed` gives their parameters.
    """
    choices, values = Generator().manual_seed(0), Generator(images.device).manual_seed(values_seed)
    for _ in range(repeats):
        augmented = augment(images, settings, choices, values)
        yield torch.cat([fast(batch) for batch in augmented.split(BATCH_SIZE)])


@dataclass(frozen=True)
class Agreement:
    """How two networks answer the same images, all in percent of them.

    `expected` is the agreement of two networks that have these confusion matrices and, given the class
    of an image, answer independently of each other.
    """

    agreement: float
    expected: float
    both_right: float
    first: float  # accuracy
    second: float


def agreement(first: Tensor, second: Tensor, labels: Tensor, classes: int) -> Agreement:
    """Compare two networks' answers (N,) on images of classes `labels` (N,), int64 below `classes`."""
    return Agreement(
        agreement=hit_rate(first == second),
        expected=expected_agreement(
            confusion(first, labels, classes), confusion(second, labels, classes)
        ),
        both_right=hit_rate((first == labels) & (second == labels)),
        first=hit_rate(first == labels),
        second=hit_rate(second == labels),
    )


def hit_rate(hits: Tensor) -> float:
    """How many percent of `hits` (N,) bool are true."""
    return 100.0 * int(hits.sum()) / len(hits)


def confusion(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How many images of each class (row) got each answer (column), (classes, classes) float64."""
    counts = torch.bincount(labels * classes + answers, minlength=classes * classes)
    return counts.view(classes, classes).double()


def expected_agreement(first: Tensor, second: Tensor) -> float:
    """Percent of images on which answers drawn by two confusion matrices (C, C) would be the same.

    sum over classes y of n_y / N sum over answers k of p1(k | y) p2(k | y).
    """
    images = first.sum(1)
    same = (first * second).sum(1) / images.clamp(min=1)
    return 100.0 * float(same.sum() / images.sum())
