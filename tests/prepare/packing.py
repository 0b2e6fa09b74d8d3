"""CIFAR-10 and CIFAR-100 in miniature, packed as their authors and others pack them."""

import hashlib
import io
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

NAMES = ["plane", "quad", "robin", "seal", "tiger", "urchin", "viper", "wren", "yak", "zebra"]
FOLDER = "cifar-10-batches-py"
Batches = dict[str, dict[str, Any]]


def some_batches() -> Batches:
    """Five training batches of ten images, and a test batch, as CIFAR-10 stores them."""
    random = np.random.default_rng(0)
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    return {
        name: {
            "data": random.integers(0, 256, (10, 3072), dtype=np.uint8),
            "labels": random.permutation(10).tolist(),
        }
        for name in names
    }


def pickled(batches: Batches, monkeypatch: pytest.MonkeyPatch, protocol: int = 2) -> dict[str, bytes]:
    """The files of CIFAR-10's folder; torchvision expects just these from now on."""
    members = {name: pickle.dumps(batch, protocol) for name, batch in batches.items()}
    members["batches.meta"] = pickle.dumps({"label_names": NAMES}, protocol)
    sums = {name: hashlib.md5(content).hexdigest() for name, content in members.items()}
    train = [[name, sums[name]] for name in members if name.startswith("data")]
    monkeypatch.setattr(CIFAR10, "train_list", train)
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return members


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    """CIFAR-10's archive of the files of its folder."""
    with tarfile.open(path, "w:gz") as files:
        for name, content in {**members, "readme.html": b"<html>"}.items():
            info = tarfile.TarInfo(f"{FOLDER}/{name}")
            info.size = len(content)
            files.addfile(info, io.BytesIO(content))
    return path


def unpacked(folder: Path, members: dict[str, bytes]) -> Path:
    """A folder that holds files by their paths in it."""
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """A zip that holds files by their paths in it."""
    with zipfile.ZipFile(path, "w") as files:
        for name, content in members.items():
            files.writestr(name, content)
    return path


def png(pixels: np.ndarray) -> bytes:
    """(C, H, W) uint8 as a PNG, which loses nothing."""
    stream = io.BytesIO()
    Image.fromarray(pixels.transpose(1, 2, 0)).save(stream, "PNG")
    return stream.getvalue()


def class_images(batches: Batches) -> dict[str, bytes]:
    """The same images as `{train,test}/<class>/<image>.png`, in an order of their own."""
    members = {}
    for batch, content in batches.items():
        split = "test" if batch.startswith("test") else "train"
        for row, label in zip(content["data"], content["labels"], strict=True):
            image = png(row.reshape(3, 32, 32))
            members[f"{split}/{NAMES[label]}/{hashlib.md5(image).hexdigest()}.png"] = image
    return members
