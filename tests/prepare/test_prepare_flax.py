"""Flax checkpoints, written here by hand in flax's encoding; broken ones end in one line."""

from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from crossarch.config import LabelSettings
from crossarch.config.schema import Dataset, Source
from crossarch.data import load_set, prepare_distilled
from crossarch.data.readers import Choices, read_set
from crossarch.data.readers.flax import read_flax
from crossarch.errors import DataError

CLASSES, SIDE = 3, 8


def array(shape: Any, name: Any, content: Any, code: int = 1) -> msgpack.ExtType:
    """An array as flax packs it: (shape, name of the dtype, bytes) in an extension."""
    return msgpack.ExtType(code, msgpack.packb((shape, name, content), use_bin_type=True))


def packed(values: np.ndarray) -> msgpack.ExtType:
    return array(values.shape, values.dtype.name, values.tobytes())


def chunked(values: np.ndarray, size: int) -> dict[str, Any]:
    """A large array as flax packs it: flat pieces of `size` values, tuples as mappings."""
    flat = values.reshape(-1)
    chunks = [packed(flat[i : i + size]) for i in range(0, len(flat), size)]
    return {
        "__msgpack_chunked_array__": True,
        "shape": {str(i): side for i, side in enumerate(values.shape)},
        "chunks": {str(i): chunk for i, chunk in enumerate(chunks)},
    }


def checkpoint(**params: Any) -> bytes:
    tree = {
        "step": 500000,
        "params": params,
        "opt_state": {"0": {}, "1": {"count": array((), "int32", b"\1\0\0\0", 3)}},
    }
    return bytes(msgpack.packb(tree, use_bin_type=True))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(CLASSES, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(CLASSES, CLASSES)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        title="Small",
        classes=CLASSES,
        channels=3,
        image_size=SIDE,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        label_temperature=1.0,
        batch_size={1: 3},
    )


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_set([path])
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int32", "uint8", "int64", "bool"]
)
def test_dtypes_of_numpy(path: Path, images: np.ndarray, labels: np.ndarray, dtype: str) -> None:
    stored = (images * 10).astype(dtype)
    path.write_bytes(checkpoint(x_proto=packed(stored), y_proto=packed(labels)))
    read = read_set([path])
    assert torch.equal(read.images, torch.from_numpy(stored))
    assert torch.equal(read.labels, torch.from_numpy(labels))


def test_bfloat16_is_that_of_torch(path: Path, labels: np.ndarray) -> None:
    special = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        3.14159,
        1e-38,
        9e-41,
        3e38,
        float("inf"),
        float("-inf"),
        float("nan"),
    ]
    values = torch.cat([torch.tensor(special), torch.randn(1013)]).bfloat16().reshape(2, 8, 8, 8)
    content = values.view(torch.uint16).numpy().tobytes()
    x = array(values.shape, "bfloat16", content)
    path.write_bytes(checkpoint(x_proto=x, y_proto=packed(labels)))
    read = read_set([path]).images
    assert read.dtype == torch.float32
    assert torch.equal(read.view(torch.int32), values.float().view(torch.int32))


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_chunks_are_joined(path: Path, images: np.ndarray, labels: np.ndarray, size: int) -> None:
    path.write_bytes(checkpoint(x_proto=chunked(images, size), y_proto=packed(labels)))
    assert torch.equal(read_set([path]).images, torch.from_numpy(images))


def test_scalars_complex_numbers_and_empty_arrays(path: Path) -> None:
    tree = {
        "scalar": array((), "float32", np.float32(1.5).tobytes(), 3),
        "complex": msgpack.ExtType(2, msgpack.packb((1.0, -2.0))),
        "empty": array((0, 4), "float32", b""),
        "text": "plain",
        "none": None,
    }
    path.write_bytes(msgpack.packb(tree))
    read = read_flax(path)
    assert (read["scalar"], read["complex"], read["text"], read["none"]) == (1.5, 1 - 2j, "plain", None)
    assert read["empty"].shape == (0, 4)


def test_images_become_channels_first(
    path: Path, tmp_path: Path, images: np.ndarray, labels: np.ndarray, dataset: Dataset
) -> None:
    path.write_bytes(checkpoint(x_proto=packed(images), y_proto=packed(labels)))
    entry = {"file": str(path)}
    settings = {"title": "S", "arch": "cnn", "widths": [8], "norm": "batch", "labels": "soft"}
    sets = {"cifar10": {1: entry}}
    source = Source.model_validate({**settings, "whitening": "zca-frepo", "sets": sets})
    described = source.sets["cifar10"][1]
    kind = LabelSettings(kind="soft", temperature=1.0)
    out = tmp_path / "set.safetensors"
    prepare_distilled(source, described, dataset, 1, [path], out, labels=kind)
    written = load_set(tmp_path / "set.safetensors")
    assert written.images.shape == (CLASSES, 3, SIDE, SIDE)
    for n, y, x, c in [(0, 0, 0, 0), (1, 2, 5, 1), (2, 7, 3, 2)]:
        assert written.images[n, c, y, x] == images[n, y, x, c]
    assert torch.equal(written.labels, torch.from_numpy(labels))


GOOD = array((2, 2), "float32", bytes(16))
BAD: dict[str, Any] = {
    "too few bytes": array((2, 2), "float32", bytes(15)),
    "too many bytes": array((2, 2), "float32", bytes(17)),
    "bytes of another dtype": array((2, 2), "bfloat16", bytes(16)),
    "negative side": array((-2, -2), "float32", bytes(16)),
    "unknown side": array((-1,), "float32", bytes(16)),
    "side of 2**63": array((0, 2**63), "float32", b""),
    "side of 2**64 - 1": array((2**64 - 1, 0), "float32", b""),
    "too many sides": array((1,) * 100, "float32", bytes(4)),
    "side that is no number": array(("a",), "float32", bytes(4)),
    "fractional side": array((0.5,), "float32", bytes(2)),
    "no shape": array(None, "float32", bytes(4)),
    "shape that is a number": array(4, "float32", bytes(4)),
    "unknown dtype": array((2,), "float8", bytes(2)),
    "object dtype": array((1,), "object", bytes(8)),
    "record dtype": array((1,), "f4,f4", bytes(8)),
    "date dtype": array((1,), "datetime64[s]", bytes(8)),
    "dtype that is a list": array((1,), ["float32"], bytes(4)),
    "no dtype": array((1,), None, bytes(4)),
    "content that is text": array((4,), "int8", "abcd"),
    "content that is a number": array((1,), "float32", 4),
    "two parts": msgpack.ExtType(1, msgpack.packb(((1,), "float32"))),
    "not packed": msgpack.ExtType(1, b"\xc1"),
    "nothing packed": msgpack.ExtType(1, b""),
    "unknown extension": msgpack.ExtType(42, b"code"),
    "broken timestamp": msgpack.ExtType(5, bytes(3)),
    "complex of three": msgpack.ExtType(2, msgpack.packb((1.0, 2.0, 3.0))),
    "complex of text": msgpack.ExtType(2, msgpack.packb(("a", "b"))),
    "chunks without shape": {"__msgpack_chunked_array__": True, "chunks": {"0": GOOD}},
    "chunks of another shape": {**chunked(np.zeros((4, 4)), 5), "shape": {"0": 3}},
    "chunks of a shape to be guessed": {**chunked(np.zeros((4, 4)), 5), "shape": {"0": -1}},
    "chunk missing": {**chunked(np.zeros((4, 4)), 5), "chunks": {"0": GOOD, "2": GOOD}},
    "no chunks": {**chunked(np.zeros((4, 4)), 5), "chunks": {}},
    "chunks that are a list": {**chunked(np.zeros((4, 4)), 5), "chunks": [1, 2]},
    "chunks that are an array": {**chunked(np.zeros((4, 4)), 5), "chunks": GOOD},
    "chunks that are text": {**chunked(np.zeros((4, 4)), 5), "chunks": {"0": "a"}},
    "shape that is an array": {**chunked(np.zeros((4, 4)), 5), "shape": GOOD},
    "shape that is none": {**chunked(np.zeros((4, 4)), 5), "shape": None},
    "shape of text": {**chunked(np.zeros((4, 4)), 5), "shape": {"0": "a"}},
    "shape of 2**63": {**chunked(np.zeros((4, 4)), 5), "shape": {"0": 2**63, "1": 0}},
    "array as a key": {GOOD: 1},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_broken_array_is_one_line(path: Path, labels: np.ndarray, bad: Any) -> None:
    text = refused(path, checkpoint(x_proto=bad, y_proto=packed(labels)))
    assert "is not a whole flax checkpoint: " in text


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"step": 1}, "found a mapping of step, expected images and labels"),
        ({"params": 3}, "found a mapping of params, expected images and labels"),
        ({"params": {"x_proto": GOOD}}, "found a mapping of params, expected images and labels"),
        ({"params": {"x_proto": "a", "y_proto": GOOD}}, "found a mapping of params, expected images"),
        ([1, 2], "is of an unknown format"),
        (7, "is of an unknown format"),
        ("text", "is of an unknown format"),
    ],
)
def test_checkpoint_of_something_else(path: Path, tree: Any, told: str) -> None:
    assert told in refused(path, msgpack.packb(tree, use_bin_type=True))


@pytest.mark.parametrize("depth", [600, 5000, 100_000])
def test_deep_nesting(path: Path, depth: int) -> None:
    refused(path, b"\x81\xa1a" * depth + b"\xc0")
    refused(path, b"\x91" * depth + b"\xc0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1",
        b"PK\x03\x04" * 30,
        b"<html></html>",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
    ids=["empty", "never used", "zip", "page", "4 billion items", "4 billion bytes"],
)
def test_other_files(path: Path, content: bytes) -> None:
    refused(path, content)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent: no such file or folder"):
        read_set([tmp_path / "absent"])


WHOLE = checkpoint(
    x_proto=chunked(np.ones((2, 8, 8, 3), np.float32), 100), y_proto=packed(np.eye(2, dtype=np.float32))
)


@given(end=st.integers(0, len(WHOLE) - 1))
def test_truncated_anywhere(tmp_path_factory: pytest.TempPathFactory, end: int) -> None:
    refused(tmp_path_factory.getbasetemp() / "truncated", WHOLE[:end])


@given(where=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255), tail=st.binary(max_size=20))
@example(where=0, value=0xDE, tail=b"")
def test_changed_anywhere_reads_or_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, where: int, value: int, tail: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed"
    path.write_bytes(WHOLE[:where] + bytes([value]) + WHOLE[where + 1 :] + tail)
    told: str | None = None
    try:
        read_set([path])
    except DataError as error:
        told = str(error)
    if told is not None:
        assert told.startswith(f"{path}: ")
        assert "\n" not in told


def test_a_key_chooses_between_two_sets_in_a_tree(
    path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    """As RCIG's checkpoints, whose average is another set; an optimiser's state is none."""

    def proto(factor: float) -> dict[str, Any]:
        return {"x_proto": packed(images * factor), "y_proto": packed(labels)}

    trees = {"params": proto(1), "ema_average": proto(2), "opt_state": {"0": {"mu": proto(3)}}}
    path.write_bytes(msgpack.packb(trees, use_bin_type=True))
    with pytest.raises(DataError) as caught:
        read_set([path])
    assert str(caught.value) == (
        f"{path}: found several sets, expected `key` to be one of: params, ema_average"
    )
    chosen = read_set([path], Choices(key="ema_average"))
    assert torch.equal(chosen.images, torch.from_numpy(images * 2))
    with pytest.raises(DataError, match="found no set at key 'average', expected `key` to be one of"):
        read_set([path], Choices(key="average"))
