"""Real sets in miniature, packed as upstream packs them."""

import hashlib
import io
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packing import Batches, pickled, some_batches, tarred, zipped
from PIL import Image
from torchvision.datasets import CIFAR10

from crossarch.config.schema import Dataset
from crossarch.data import ImageSet, load_set, prepare_real, save_set
from crossarch.data.class_order import listed_order, named_order
from crossarch.errors import DataError


def a_dataset(layout: str, classes: int, side: int) -> Dataset:
    return Dataset.model_validate(
        {
            "title": "Small",
            "classes": classes,
            "channels": 3,
            "image_size": side,
            "mean": [0.5] * 3,
            "std": [0.25] * 3,
            "label_temperature": 1,
            "batch_size": {1: 3},
            "origin": {"layout": layout},
        }
    )


def prepared(folder: Path, dataset: Dataset, archive: Path) -> tuple[Any, Any]:
    train, test = folder / "train.safetensors", folder / "test.safetensors"
    assert dataset.origin is not None
    prepare_real("small", dataset, dataset.origin, archive, train, test)
    return load_set(train), load_set(test)


def refused(folder: Path, dataset: Dataset, archive: Path) -> str:
    with pytest.raises(DataError) as caught:
        prepared(folder, dataset, archive)
    text = str(caught.value)
    assert "\n" not in text
    assert str(archive) in text
    assert not (folder / "train.safetensors").exists()
    return text


# --- CIFAR-10 -----------------------------------------------------------------------------------


class Marker:
    """Creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("marker",)


@pytest.fixture
def batches() -> Batches:
    """CIFAR-10 in miniature."""
    return some_batches()


def pack(path: Path, batches: Batches, monkeypatch: pytest.MonkeyPatch, protocol: int = 2) -> Path:
    """Write CIFAR-10's archive of `batches`, and let torchvision expect just these files."""
    return tarred(path, pickled(batches, monkeypatch, protocol))


CIFAR = a_dataset("cifar-10-batches-py", 10, 32)


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar10_as_torchvision_reads_it(
    tmp_path: Path, batches: Batches, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    archive = pack(tmp_path / "cifar.tar.gz", batches, monkeypatch, protocol)
    train, test = prepared(tmp_path, CIFAR, archive)
    rows = np.concatenate([batches[f"data_batch_{n}"]["data"] for n in range(1, 6)])
    assert torch.equal(train.images, torch.from_numpy(rows).view(50, 3, 32, 32))
    assert train.labels.tolist() == [
        y for n in range(1, 6) for y in batches[f"data_batch_{n}"]["labels"]
    ]
    assert torch.equal(test.images.flatten(1), torch.from_numpy(batches["test_batch"]["data"]))
    assert test.labels.tolist() == batches["test_batch"]["labels"]
    assert listed_order(tmp_path / "train.safetensors") == list(range(10))


def test_cifar10_that_would_run_something(
    tmp_path: Path, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    batches["data_batch_3"]["more"] = Marker()
    archive = pack(tmp_path / "cifar.tar.gz", batches, monkeypatch)
    assert f"{archive}: cifar-10-batches-py/data_batch_3: holds" in refused(tmp_path, CIFAR, archive)
    assert not (tmp_path / "marker").exists()


def test_cifar10_of_other_bytes_and_without_a_batch(
    tmp_path: Path, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(tmp_path / "cifar.tar.gz", batches, monkeypatch)
    expected = [list(each) for each in CIFAR10.train_list]
    batches["data_batch_2"]["labels"] = [0, 0]
    pack(archive, batches, monkeypatch)
    monkeypatch.setattr(CIFAR10, "train_list", expected)
    member = f"{archive}: cifar-10-batches-py/data_batch_2"
    found = hashlib.md5(pickle.dumps(batches["data_batch_2"], 2)).hexdigest()
    told = f"{member}: found MD5 {found}, expected: {expected[1][1]}"
    assert refused(tmp_path, CIFAR, archive) == told
    del batches["data_batch_2"]
    pack(archive, batches, monkeypatch)
    monkeypatch.setattr(CIFAR10, "train_list", expected)
    assert refused(tmp_path, CIFAR, archive) == f"{member}: no such file"


# --- Tiny-ImageNet ------------------------------------------------------------------------------

TINY = a_dataset("tiny-imagenet-200", 3, 8)
LISTED = ["n03", "n01", "n02"]  # wnids.txt is not in alphabetical order
SHADE = {"n01": 40, "n02": 120, "n03": 200}
VALIDATION = ["n02", "n03", "n01", "n03"]


def image(shade: int, *, side: int = 8, grey: bool = False) -> bytes:
    stream = io.BytesIO()
    Image.new("L" if grey else "RGB", (side, side), shade if grey else (shade,) * 3).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def members() -> dict[str, bytes]:
    """Three classes of two training images, one of them grey, and four validation images."""
    root = "tiny-imagenet-200"
    lines = [f"val_{n}.JPEG\t{name}\t0\t0\t7\t7\n" for n, name in enumerate(VALIDATION)]
    made = {f"{root}/wnids.txt": "\n".join(LISTED).encode(), f"{root}/words.txt": b"n01\tone\n"}
    made[f"{root}/val/val_annotations.txt"] = "".join(lines).encode()
    for name in LISTED:
        made[f"{root}/train/{name}/{name}_boxes.txt"] = b"0\t0\t7\t7\n"
        for n in range(2):
            content = image(SHADE[name], grey=n == 1)
            made[f"{root}/train/{name}/images/{name}_{n}.JPEG"] = content
    for n, name in enumerate(VALIDATION):
        made[f"{root}/val/images/val_{n}.JPEG"] = image(SHADE[name])
    made[f"{root}/test/images/test_0.JPEG"] = image(0)
    return made


def test_tiny_imagenet_by_its_own_annotations(tmp_path: Path, members: dict[str, bytes]) -> None:
    train, test = prepared(tmp_path, TINY, zipped(tmp_path / "tiny.zip", members))
    assert train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert test.labels.tolist() == [1, 2, 0, 2]
    shades = torch.tensor([SHADE[name] for name in sorted(SHADE)])
    for images, labels in ((train.images, train.labels), (test.images, test.labels)):
        assert images.shape[1:] == (3, 8, 8)
        assert (images.float().mean((1, 2, 3)) - shades[labels]).abs().max() < 2  # JPEG
    assert listed_order(tmp_path / "train.safetensors") == [2, 0, 1]


WORDS, LABELS = "wnids.txt", "val/val_annotations.txt"
SEEN, TESTED = "train/n01/images/n01_0.JPEG", "val/images/val_1.JPEG"
BROKEN: dict[str, tuple[str, bytes | None, str]] = {
    "no list": (WORDS, None, "tiny-imagenet-200/wnids.txt: no such file"),
    "no annotations": (LABELS, None, "tiny-imagenet-200/val/val_annotations.txt: no such file"),
    "empty annotations": (LABELS, b"\n", "is not Tiny-ImageNet's"),
    "unknown class": (LABELS, b"val_0.JPEG\tn09\n", "is not Tiny-ImageNet's"),
    "other annotations": (LABELS, b"val_0.JPEG n01", "is not Tiny-ImageNet's"),
    "binary annotations": (LABELS, b"\xff\xfe", "val_annotations.txt: is not text"),
    "image missing": (TESTED, None, "val_1.JPEG"),
    "unequal sizes": (TESTED, image(9, side=16), "images differ in size"),
    "text for an image": (SEEN, b"text", "n01_0.JPEG: is not an image"),
    "cut image": (SEEN, image(9)[:200], "n01_0.JPEG: is not an image"),
}


@pytest.mark.parametrize(("name", "content", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_tiny_imagenet_is_one_line(
    tmp_path: Path, members: dict[str, bytes], name: str, content: bytes | None, told: str
) -> None:
    del members[f"tiny-imagenet-200/{name}"]
    if content is not None:
        members[f"tiny-imagenet-200/{name}"] = content
    assert told in refused(tmp_path, TINY, zipped(tmp_path / "tiny.zip", members))


def test_other_size_than_configured(tmp_path: Path, members: dict[str, bytes]) -> None:
    larger = a_dataset("tiny-imagenet-200", 3, 64)
    text = refused(tmp_path, larger, zipped(tmp_path / "tiny.zip", members))
    assert "found images (3, 8, 8), needed: (3, 64, 64)" in text


def test_zip_of_something_else(tmp_path: Path) -> None:
    refused(tmp_path, TINY, zipped(tmp_path / "tiny.zip", {"readme.txt": b"hello"}))
    folders = a_dataset("class-folders", 3, 8)
    assert "found no images train/<class>/<name>.png or .jpg" in refused(
        tmp_path, folders, tmp_path / "tiny.zip"
    )


# --- class folders ------------------------------------------------------------------------------


def class_folders_zip(path: Path, train: str, test: str) -> Path:
    """An archive of one image for each class, of whose names only the first letters are given."""
    names = {"a": "ape", "b": "bee", "c": "cow", "d": "dog"}
    members = {
        f"set/{split}/{names[letter]}/0.png": image(10 * number)
        for split, letters in (("train", train), ("test", test))
        for number, letter in enumerate(letters)
    }
    return zipped(path, members)


def test_a_class_without_an_image_is_refused(tmp_path: Path) -> None:
    dataset = a_dataset("class-folders", 4, 8)
    for train, test, told in (
        ("abc", "abcd", "(train): labels: found no image of class 3"),
        ("abcd", "abd", "(test): labels: found no image of class 2"),
        ("abc", "abc", "set.zip: found 3 classes, ape, bee, cow, expected: 4"),
    ):
        assert told in refused(tmp_path, dataset, class_folders_zip(tmp_path / "set.zip", train, test))


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (["ape", "bee", "cow"], [0, 1, 2]),
        (["0", "1", "2"], [0, 1, 2]),
    ],
)
def test_folders_are_numbered_by_their_names(tmp_path: Path, names: list[str], order: list[int]) -> None:
    archive = class_folders_zip(tmp_path / "set.zip", "abc", "abc")
    prepared(tmp_path, a_dataset("class-folders", 3, 8), archive)
    assert named_order(tmp_path / "train.safetensors", names, tmp_path) == order


def test_names_and_numbers_do_not_sort_alike(tmp_path: Path) -> None:
    """Names of a set of its own order; numbers from 0 to 10, of which 10 is sorted behind 1."""
    order = ["zero", "one", "two", *map(str, range(3, 11))]
    images = torch.zeros(11, 1, 2, 2, dtype=torch.uint8)
    metadata = {"classes": json.dumps(order), "listed": json.dumps(order)}
    save_set(tmp_path / "train.safetensors", ImageSet(images, torch.arange(11)), metadata)
    for names in (order, list(map(str, range(11)))):
        read = sorted(names)
        found = named_order(tmp_path / "train.safetensors", read, tmp_path)
        assert [names[number] for number in found] == read


@pytest.mark.parametrize("names", [["ape", "bee"], ["ape", "bee", "cow", "dog"], ["1", "2", "3"]])
def test_folders_of_other_names_are_one_line(tmp_path: Path, names: list[str]) -> None:
    archive = class_folders_zip(tmp_path / "set.zip", "abc", "abc")
    prepared(tmp_path, a_dataset("class-folders", 3, 8), archive)
    told = f"found folders {', '.join(names)}; needed: one for each class, called ape, bee, cow, or by"
    with pytest.raises(DataError, match=told):
        named_order(tmp_path / "train.safetensors", names, tmp_path)


# --- sets of one's own --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "set/{split}/{name}/0.png",
        "{Split}/{name}/0.PNG",
        "set/{split}/{name}/images/0.png",
        "{val}/{name}/0.png",
    ],
)
def test_class_folders_as_people_have_them(tmp_path: Path, path: str) -> None:
    members = {
        path.format(split=split, Split=split.capitalize(), val=val, name=name): image(10 * number)
        for split, val in (("train", "training"), ("test", "val"))
        for number, name in enumerate(("ape", "bee", "cow"))
    }
    members |= {"__MACOSX/set/train/ape/._0.png": b"hidden", "set/train/.DS_Store": b"hidden"}
    archive = zipped(tmp_path / "set.zip", members)
    train, test = prepared(tmp_path, a_dataset("class-folders", 3, 8), archive)
    assert train.labels.tolist() == test.labels.tolist() == [0, 1, 2]


def test_missing_split_is_reported_with_what_was_found(tmp_path: Path) -> None:
    archive = class_folders_zip(tmp_path / "set.zip", "abc", "")
    told = refused(tmp_path, a_dataset("class-folders", 3, 8), archive)
    assert told.endswith("found no images test/<class>/<name>.png or .jpg; found folders train")


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), None])
def test_arrays_of_an_npz(tmp_path: Path, names: tuple[str, ...] | None) -> None:
    names = names or ("train_images", "train_labels", "val_images", "val_labels")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(6) % 3
    arrays = dict(zip(names, (pixels, labels[:, None], pixels[:3] / 255, labels[:3]), strict=True))
    np.savez(tmp_path / "set.npz", **arrays)
    train, test = prepared(tmp_path, a_dataset("class-folders", 3, 8), tmp_path / "set.npz")
    expected = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    assert torch.equal(train.images, expected)
    assert torch.equal(test.images, expected[:3])
    assert train.labels.tolist() == labels.tolist()
    del arrays[names[2]]
    np.savez(tmp_path / "half.npz", **arrays)
    out = tmp_path / "half"
    told = refused(out, a_dataset("class-folders", 3, 8), tmp_path / "half.npz")
    assert told.endswith("expected x_train, y_train, x_test and y_test")


def test_smaller_images_are_padded_by_choice(tmp_path: Path) -> None:
    archive = class_folders_zip(tmp_path / "set.zip", "abc", "abc")
    dataset = a_dataset("class-folders", 3, 16)
    told = refused(tmp_path, dataset, archive)
    assert told.endswith(
        "found images (3, 8, 8), needed: (3, 16, 16); `pad: true` in its origin pads them"
    )
    origin = {"layout": "class-folders", "pad": True}
    dataset = Dataset.model_validate({**dataset.model_dump(exclude={"origin"}), "origin": origin})
    train, _ = prepared(tmp_path, dataset, archive)
    (tmp_path / "plain").mkdir()
    plain, _ = prepared(tmp_path / "plain", a_dataset("class-folders", 3, 8), archive)
    assert torch.equal(train.images[..., 4:12, 4:12], plain.images)
    assert int(train.images.sum()) == int(plain.images.sum())
