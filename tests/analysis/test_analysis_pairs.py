"""Pairs of originals and copies: each finds its own; what cannot be paired is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from crossarch.analysis.pairs import Split, make_pairs, read_originals
from crossarch.config.schema import Dataset
from crossarch.data import ImageSet
from crossarch.errors import DataError

CLASSES, SIDE, COUNT = 3, 8, 12
DATASET = Dataset(
    title="Small",
    classes=CLASSES,
    channels=3,
    image_size=SIDE,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.3, 0.25),
    label_temperature=1.0,
    batch_size={1: 3},
)


def noise(count: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 255, (count, 3, SIDE, SIDE), generator=draws, dtype=torch.uint8)


def an_npz(path: Path, images: Any = None, labels: Any = None, **more: Any) -> Path:
    """An .npz of images and their labels, channels last, unless `images` and `labels` say else."""
    if images is None:
        images = noise(COUNT).permute(0, 2, 3, 1).numpy()
    labels = np.arange(COUNT) % CLASSES if labels is None else labels
    np.savez(path, images=images, labels=labels, **more)
    return path


def refused(act: Callable[[], object], file: str) -> str:
    with pytest.raises(DataError) as caught:
        act()
    said = str(caught.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    return said.removeprefix(f"{file}: ")


# --- originals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "int32", ">i8"])
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 2, 3, 1)])
def test_originals_in_their_own_order(axes: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    images, labels = noise(COUNT), [2, 0, 1, 1] * 3
    stored = images.permute(axes).numpy()
    file = an_npz(tmp_path / "a.npz", stored, np.array(labels, dtype=kind), more=np.zeros(1))
    found = read_originals(file, DATASET)
    assert torch.equal(found.images, images)
    assert found.images.is_contiguous()
    assert (found.labels.dtype, found.labels.tolist()) == (torch.int64, labels)


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (
            np.zeros((12, 8, 8, 3), np.float32),
            None,
            "images: found (12, 3, 8, 8) torch.float32,",
        ),
        (np.zeros((12, 9, 9, 3), np.uint8), None, "images: found (12, 3, 9, 9) torch.uint8, needed:"),
        (np.zeros((12, 8, 8, 1), np.uint8), None, "images: found (12, 8, 8, 1) torch.uint8, needed:"),
        (np.zeros((12, 192), np.uint8), None, "images: found (12, 192) torch.uint8, needed:"),
        (np.array(3, np.uint8), None, "images: found () torch.uint8, needed:"),
        (np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0, int), "found 0 images and 0 labels"),
        (None, np.arange(11) % 3, "found 12 images and 11 labels"),
        (None, np.arange(12) % 4, "labels: found 0 to 3, needed: 0 to 2"),
        (None, np.arange(12) % 3 - 1, "labels: found -1 to 1, needed: 0 to 2"),
        (None, np.zeros((12, 1), int), "labels: found (12, 1) torch.int64, needed: (N,) whole numbers"),
        (None, np.arange(12) % 3 + 0.5, "labels: found (12,) torch.float64, needed: (N,) whole"),
        (None, np.array(["cat"] * 12), "found values of <U3, needed: numbers"),
    ],
)
def test_what_are_no_originals(images: Any, labels: Any, said: str, tmp_path: Path) -> None:
    file = an_npz(tmp_path / "a.npz", images, labels)
    assert refused(lambda: read_originals(file, DATASET), str(file)).startswith(said)


def test_what_is_no_file_of_originals(tmp_path: Path) -> None:
    missing, cut, alone = (tmp_path / f"{name}.npz" for name in ("missing", "cut", "alone"))
    assert refused(lambda: read_originals(missing, DATASET), str(missing)) == "no such file"
    cut.write_bytes(an_npz(tmp_path / "a.npz").read_bytes()[:200])
    assert "is not a whole file" in refused(lambda: read_originals(cut, DATASET), str(cut))
    np.savez(alone, images=noise(3).numpy())
    assert "found images, needed: images and labels" in refused(
        lambda: read_originals(alone, DATASET), str(alone)
    )


# --- pairs -------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from(["train", "test"]))
def test_each_original_finds_its_copy(data: st.DataObject, split: Split) -> None:
    """A copy is one brighter, so that the pairs are known; copies of more images may be among them."""
    labels = data.draw(st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=15))
    more = data.draw(st.lists(st.integers(0, CLASSES - 1), max_size=6))
    originals = ImageSet(noise(len(labels), data.draw(st.integers(0, 99))), torch.tensor(labels))
    numbers = {label: [n for n, each in enumerate(labels) if each == label] for label in range(CLASSES)}
    copies, copied = [], data.draw(st.permutations(labels + more))
    for label in copied:
        of_class = numbers[label]
        copies.append(originals.images[of_class.pop(0)] + 1 if of_class else noise(1, 100)[0])
    pairs = make_pairs(originals, ImageSet(torch.stack(copies), torch.tensor(copied)), split, "a.npz")
    assert torch.equal(pairs.originals, originals.images)
    assert torch.equal(pairs.copies, originals.images + 1)
    assert (pairs.labels.tolist(), pairs.split) == (labels, split)


def test_more_originals_than_copies() -> None:
    originals = ImageSet(noise(5), torch.tensor([0, 1, 1, 0, 1]))
    copies = ImageSet(noise(4), torch.tensor([0, 0, 1, 1]))
    said = refused(lambda: make_pairs(originals, copies, "train", "a.npz"), "a.npz")
    assert said == "found 3 images of class 1, but the stand-in has 2 in its train set"
    none = ImageSet(noise(2), torch.tensor([0, 0]))
    said = refused(lambda: make_pairs(originals, none, "test", "a.npz"), "a.npz")
    assert said == "found 3 images of class 1, but the stand-in has 0 in its test set"


@pytest.mark.parametrize("order", ["shuffled", "reversed", "one too late", "one too early"])
def test_originals_in_another_order(order: str) -> None:
    images, count = noise(200)[:, :1].expand(-1, 3, -1, -1), 100
    draws = torch.Generator().manual_seed(0)
    places = {
        "shuffled": torch.randperm(count, generator=draws),
        "reversed": torch.arange(count).flip(0),
        "one too late": torch.arange(1, count + 1),
        "one too early": torch.arange(count).roll(1),
    }[order]
    copies = ImageSet(images + 1, torch.zeros(200, dtype=torch.int64))
    others = ImageSet(images[places], torch.zeros(count, dtype=torch.int64))
    said = refused(lambda: make_pairs(others, copies, "train", "a.npz"), "a.npz")
    assert "% of the images alike their copies in the stand-in's train set, needed: 99%" in said
    in_order = ImageSet(images[:count], others.labels)
    assert torch.equal(make_pairs(in_order, copies, "train", "a.npz").copies, images[:count] + 1)


def test_other_images_are_no_originals() -> None:
    labels = torch.arange(60) % CLASSES
    others, copies = ImageSet(noise(60, 1), labels), ImageSet(noise(60, 2), labels)
    said = refused(lambda: make_pairs(others, copies, "test", "a.npz"), "a.npz")
    assert "its images have to be in the original order" in said
