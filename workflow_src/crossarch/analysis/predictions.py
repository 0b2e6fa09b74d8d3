"""What networks answer on test sets and augmented images, and what these answers have in common."""

import math
from collections.abc import Iterator
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from crossarch.config.schema import Augmentation
from crossarch.models.copies import copied
from crossarch.models.folding import folded
from crossarch.models.layers import BatchNorm
from crossarch.running.evaluation import BATCH_SIZE, channels_last
from crossarch.training.augmentation import OPERATIONS, augment


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


def agreement(first: Tensor, second: Tensor, labels: Tensor, classes: int) -> dict[str, float]:
    """How two networks answer (N,) the same images of classes `labels` (N,), all in percent of them.

    `expected` is the agreement of two networks that have these confusion matrices and, given the class
    of an image, answer independently of each other.
    """
    matrices = (confusion(answers, labels, classes) for answers in (first, second))
    return {
        "agreement": hit_rate(first == second),
        "expected": expected_agreement(*matrices),
        "both_right": hit_rate((first == labels) & (second == labels)),
        "student": hit_rate(first == labels),
        "teacher": hit_rate(second == labels),
    }


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


def mean_entropy(probabilities: Tensor) -> float:
    """The mean of -sum p ln p over probabilities (N, classes): 0 for hard ones, at most ln classes."""
    return float(torch.special.entr(probabilities.double()).sum(dim=1).mean())


@torch.inference_mode()
def on_augmented(
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    settings: Augmentation,
    draws: int,
    temperature: float,
) -> tuple[list[float], list[float]]:
    """Cross-entropies, and entropies of softmax(logits / `temperature`) in nats, in evaluation mode.

    Both of `images` (N, C, H, W) after 0, 1 ... all operations of augmentation, means over `draws` (of
    no operation: one), the same whatever the network. `targets` are indices (N,) int64 or probabilities
    (N, classes).
    """
    fast = folded(network)
    losses, entropies = list[float](), list[float]()
    for folds in range(len(OPERATIONS) + 1):
        chosen = settings.model_copy(update={"folds": folds})
        logits = list(augmented_logits(fast, images, chosen, draws if folds else 1, values_seed=0))
        losses.append(fmean(float(F.cross_entropy(each, targets)) for each in logits))
        entropies.append(fmean(mean_entropy(torch.softmax(each / temperature, 1)) for each in logits))
    return losses, entropies
