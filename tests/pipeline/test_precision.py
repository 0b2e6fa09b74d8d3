"""Evaluations in bfloat16 against float32, on stored weights and the real test set."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crossarch.config import RunSettings, load_configuration, parse_run, resolve
from crossarch.data import load_set
from crossarch.models import build
from crossarch.running.evaluation import TestBatches, computes_in_bfloat16
from crossarch.training.run import load_network
from crossarch.training.trainer import train

PUBLISHED = (
    "raw.githubusercontent.com/CityU-MLO/mitigate_architecture_overfitting/"
    "b5b40d3a4627285b597c95262b418f6cc22c3b69/snapshots/cifar10_1_mtt_convnet/checkpoint_best.pth"
)
EPOCHS = 40  # of the networks that no weights are published of
ALLOWED = 0.3  # points
IMAGES = 4_000  # of the test set: evaluating ResNet18 on all takes minutes


@pytest.fixture(scope="module")
def prepared(snakemake_on_mirror: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with the real test set in Kornia's whitening, and MTT's set of one image per class."""
    if not computes_in_bfloat16():
        pytest.skip("this processor does not compute in bfloat16")
    files = ("data/cifar10/test/zca-kornia", "distilled/mtt/cifar10/ipc1")
    targets = (f"results/{file}.safetensors" for file in files)
    return snakemake_on_mirror(tmp_path_factory.mktemp("precision"), *targets)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["cnn", "alexnet", "vgg11", "resnet18"])
def test_bfloat16_finds_the_accuracy_of_float32(prepared: Path, mirror: Path, arch: str) -> None:
    settings = resolve(load_configuration(), parse_run(f"cifar10/mtt/ipc1/{arch}/baseline/seed0"))
    test = load_set(prepared / "data/cifar10/test/zca-kornia.safetensors")
    if arch == "cnn":
        network = load_network(settings.network, mirror / PUBLISHED)
    else:
        network = build(settings.network)
        network.load_state_dict(trained(settings, prepared))
    exact, fast = (
        TestBatches(test.images[:IMAGES], test.labels[:IMAGES], precision).accuracy(network, arch)
        for precision in ("float32", "bfloat16")
    )
    assert exact > 20  # percent: it has learned something
    assert abs(exact - fast) <= ALLOWED


def trained(settings: RunSettings, prepared: Path) -> dict[str, torch.Tensor]:
    """Weights after a short training on MTT's set."""
    short = settings.model_copy(update={"epochs": EPOCHS, "evaluate_every": EPOCHS})
    distilled = load_set(prepared / "distilled/mtt/cifar10/ipc1.safetensors")
    few = load_set(prepared / "data/cifar10/test/zca-kornia.safetensors")
    few = type(few)(few.images[:100], few.labels[:100])
    return train(short, distilled, few, device=torch.device("cpu")).last
