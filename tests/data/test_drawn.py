"""Random class-balanced subsets of real training images."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crossarch.config import RunId, load_configuration, parse_run, resolve
from crossarch.data.drawn import draw, prepare_drawn
from crossarch.data.store import ImageSet, load_set, load_tensors
from crossarch.data.whitening import fit_whitener
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout

LABELS = torch.arange(60).remainder(3)[torch.randperm(60, generator=torch.Generator().manual_seed(5))]
IMAGES = torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1).expand(60, 3, 2, 2)
REAL = ImageSet(IMAGES, LABELS)


@given(ipc=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_every_class_has_ipc_distinct_images(ipc: int, seed: int) -> None:
    indices = draw(REAL, ipc, seed).tolist()
    assert len(set(indices)) == len(indices) == 3 * ipc
    assert Counter(LABELS[indices].tolist()) == {0: ipc, 1: ipc, 2: ipc}


@given(small=st.integers(1, 20), large=st.integers(1, 20), seed=st.integers(0, 9))
def test_a_smaller_subset_of_a_seed_is_part_of_a_larger_one(small: int, large: int, seed: int) -> None:
    small, large = sorted((small, large))
    assert set(draw(REAL, small, seed).tolist()) <= set(draw(REAL, large, seed).tolist())


@given(order=st.permutations(range(60)), seed=st.integers(0, 9))
def test_the_order_that_images_come_in_decides_nothing(order: list[int], seed: int) -> None:
    other = ImageSet(IMAGES[order], LABELS[order])
    assert other.images[draw(other, 4, seed)].equal(IMAGES[draw(REAL, 4, seed)])


def test_the_seed_decides() -> None:
    assert draw(REAL, 5, 0).equal(draw(REAL, 5, 0))
    subsets = {tuple(sorted(draw(REAL, 5, seed).tolist())) for seed in range(10)}
    assert len(subsets) == 10


def test_each_class_draws_for_itself() -> None:
    """Not the same places of every class."""
    places = {
        label: [(torch.nonzero(label == LABELS) == index).nonzero()[0, 0].item() for index in drawn]
        for label, drawn in enumerate(draw(REAL, 10, 0).view(3, 10))
    }
    assert len({tuple(drawn) for drawn in places.values()}) == 3


def test_every_image_has_the_same_chance() -> None:
    chosen = Counter(index for seed in range(2000) for index in draw(REAL, 5, seed).tolist())
    # Of 20 images of a class 5 are drawn 2,000 times: 500 each, with a standard deviation of 19.4.
    assert all(abs(chosen[index] - 500) < 5 * 19.4 for index in range(60))


def test_the_stored_subset_is_what_its_indices_say(tmp_path: Path) -> None:
    configuration = load_configuration()
    dataset = configuration.dataset("cifar10").model_copy(update={"image_size": 8})
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 8, 8), dtype=torch.uint8, generator=generator)
    whitener = fit_whitener("standardise", dataset, images)
    path = tmp_path / "seed1.safetensors"
    prepare_drawn(ImageSet(images, LABELS), whitener, 2, 1, path)
    indices = load_tensors(path, ("indices",))["indices"]
    subset = load_set(path)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (dataset.mean, dataset.std))
    torch.testing.assert_close(subset.images, (images[indices] / 255 - mean) / std)
    assert subset.labels.tolist() == [0, 0, 1, 1, 2, 2] == LABELS[indices].tolist()


def test_more_than_a_class_has_is_one_line(tmp_path: Path) -> None:
    images = torch.zeros(60, 3, 8, 8, dtype=torch.uint8)
    whitener = fit_whitener("none", load_configuration().dataset("cifar10"), images)
    with pytest.raises(DataError, match=r"seed0.*: class 0 has 20 images, needed: 21$"):
        prepare_drawn(ImageSet(images, LABELS), whitener, 21, 0, tmp_path / "seed0.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_real_images_has_a_subset_of_its_seed_that_its_teacher_shares() -> None:
    configuration, layout = load_configuration(), Layout()
    run = parse_run("cifar10/real/ipc25/alexnet/full/seed2")
    settings = resolve(configuration, run)
    assert settings.teacher is not None

    def trained_on(run: RunId) -> Path:
        return layout.training_set(configuration, run.training_set, run.seed)

    subset = trained_on(run)
    assert str(subset) == "results/distilled/real/cifar10/ipc25/seed2.safetensors"
    assert trained_on(settings.teacher) == subset
    assert (settings.batch_size, settings.whitening) == (100, "standardise")
    stronger = parse_run("cifar10/real/ipc25/resnet50/full-teacher_resnet18/seed2")  # Figure 7 (b)
    teacher = resolve(configuration, stronger).teacher
    assert teacher is not None
    assert (teacher.arch, teacher.recipe, teacher.seed) == ("resnet18", "wo_dp_kd", 2)
    assert trained_on(teacher) == subset
    with pytest.raises(
        ConfigError, match=r"real\.drawn\.cifar10: found no set with ipc 7, allowed: 10, "
    ):
        resolve(configuration, parse_run("cifar10/real/ipc7/alexnet/full/seed2"))
