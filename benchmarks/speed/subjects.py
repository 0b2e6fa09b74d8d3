"""What is measured: trainings, networks and batches of the paper's Table 2, on random images."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossarch.config import RunSettings, load_configuration, parse_run, resolve
from crossarch.data import ImageSet
from crossarch.training.losses import make_targets
from crossarch.training.optimizers import make_optimizer
from crossarch.training.trainer import Training

SOURCES = ("frepo", "mtt")  # batch norm and instance norm
ARCHS = ("cnn", "alexnet", "vgg11", "resnet18", "resnet50")
COMPARED = ("cnn", "alexnet", "vgg11", "resnet18")
TEST_IMAGES = 10_000
TIMED_TEST_IMAGES = 300  # of which the time of all is computed
CONFIG = Path(__file__).parents[2] / "config"


@cache
def settings_of(arch: str, source: str, recipe: str = "wo_dp_kd", ipc: int = 1) -> RunSettings:
    """Settings of the paper's Table 2."""
    configuration = load_configuration(CONFIG)
    return resolve(configuration, parse_run(f"cifar10/{source}/ipc{ipc}/{arch}/{recipe}/seed0"))


def random_set(settings: RunSettings, images: int, *, labels: str = "hard") -> ImageSet:
    """Random images of the network's shape."""
    network = settings.network
    pixels = torch.randn(images, network.channels, network.image_size, network.image_size)
    classes = torch.arange(images) % network.classes
    return ImageSet(pixels, classes if labels == "hard" else F.one_hot(classes).float())


def make_training(settings: RunSettings, images: int) -> Training:
    """A training at its beginning, its teacher not included."""
    training_set = random_set(settings, images, labels=settings.labels.kind)
    return Training(
        settings, training_set, random_set(settings, TIMED_TEST_IMAGES), None, torch.device("cpu")
    )


def bare_step(settings: RunSettings, network: nn.Module, images: Tensor) -> Callable[[], object]:
    """Forward, loss, backward and the optimiser on one and the same batch: what cannot be left out."""
    optimizer = make_optimizer(settings.optimizer, network.parameters())
    labels = random_set(settings, len(images), labels=settings.labels.kind).labels
    targets = make_targets(labels, settings.labels)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), targets).backward()
        optimizer.step()

    return step


def forward_backward(network: nn.Module, images: Tensor) -> Callable[[], object]:
    """A step without an optimiser."""
    labels = torch.arange(len(images)) % 10

    def step() -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), labels).backward()

    return step


def in_order(network: nn.Module, images: Tensor, order: torch.memory_format) -> tuple[nn.Module, Tensor]:
    """Copies of a network and its input in an order of memory."""
    return copy.deepcopy(network).to(memory_format=order), images.contiguous(memory_format=order)
