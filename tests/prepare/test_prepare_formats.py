"""The forms of distilled sets: read as they were written, or refused in one line, never run."""

import io
import json
import math
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from crossarch.config import LabelSettings, load_configuration, set_reading
from crossarch.config.schema import WHITENINGS, Dataset, DistilledSet, Source, Standardisation, Whitening
from crossarch.data import fit_whitener, load_set, prepare_distilled
from crossarch.data.canonical import channels_first, hard_labels, one_if_grey, raw_pixels, soft_labels
from crossarch.data.class_order import named_order
from crossarch.data.images import decode
from crossarch.data.readers import Choices, read_set, reader_of
from crossarch.data.store import ImageSet, save_set
from crossarch.errors import DataError
from crossarch.training.losses import make_targets

CLASSES, SIDE, IPC = 3, 8, 2
CLASS_NAMES = ["apple", "boat", "cat"]
COUNT = CLASSES * IPC


class Marker:
    """Creates a folder when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("marker",)


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "marker").exists()


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 100 - 1


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.arange(CLASSES).repeat_interleave(IPC)


@pytest.fixture
def dataset() -> Dataset:
    return Dataset(
        title="Small",
        classes=CLASSES,
        channels=3,
        image_size=SIDE,
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.25),
        label_temperature=1.0,
        batch_size={1: 3},
    )


def a_source(**changes: Any) -> Source:
    settings = {"title": "S", "arch": "cnn", "widths": [8], "norm": "batch", "labels": "hard"}
    sets = {"cifar10": {IPC: {"file": "set.npz"}}}
    return Source.model_validate({**settings, "whitening": "none", "sets": sets, **changes})


def refused(act: Callable[[], object], path: Path) -> str:
    with pytest.raises(DataError) as caught:
        act()
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def not_read(*paths: Path) -> str:
    return refused(lambda: read_set(paths), paths[0].parent)


def same(paths: Sequence[Path], images: torch.Tensor, labels: torch.Tensor) -> None:
    read = read_set(paths)
    assert torch.equal(read.images, images)
    assert torch.equal(read.labels, labels)


# --- each form ----------------------------------------------------------------------------------


def test_pairs_and_single_files(tmp_path: Path, images: torch.Tensor, labels: torch.Tensor) -> None:
    x, y, one = tmp_path / "x", tmp_path / "y", tmp_path / "both"
    torch.save(images, x)
    torch.save(labels, y)
    same([x, y], images, labels)
    np.savez(tmp_path / "both.npz", images=images.numpy(), labels=labels.numpy(), more=np.zeros(3))
    same([tmp_path / "both.npz"], images, labels)
    for path, values in ((x, images), (y, labels)):
        with path.open("wb") as stream:
            np.save(stream, values.numpy())
    same([x, y], images, labels)
    save_file({"images": images.contiguous(), "labels": labels}, one)
    same([one], images, labels)


@pytest.mark.parametrize("other", [np.array(["a text"]), np.array([Marker()], dtype=object), None])
def test_what_else_an_npz_holds_is_not_read(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor, other: Any, monkeypatch: Any
) -> None:
    """Neither texts, nor what would run code, nor what is larger than a set may be."""
    path = tmp_path / "set.npz"
    needed = images.nbytes + labels.nbytes + 1000
    monkeypatch.setattr("crossarch.data.archives.LIMIT_BYTES", needed)
    more = np.zeros(needed + 1, np.uint8) if other is None else other
    np.savez_compressed(path, images=images.numpy(), labels=labels.numpy(), more=more)
    same([path], images, labels)


def test_an_npz_that_is_too_large_is_not_loaded(
    tmp_path: Path, labels: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.npz"
    np.savez_compressed(path, images=np.zeros((1000, 1000), np.uint8), labels=labels.numpy())
    monkeypatch.setattr("crossarch.data.archives.LIMIT_BYTES", 1_000_000)
    monkeypatch.setattr("numpy.lib.format.read_array", None)
    unpacked = 2 * 128 + 1_000_000 + labels.nbytes
    assert not_read(path) == f"{path}: unpacks to {unpacked} bytes, allowed: 1000000"


def test_a_member_of_an_npz_that_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w") as files:
        files.writestr("images.npy", "a text")
        files.writestr("labels.npy", "a text")
    assert not_read(path) == f"{path}: images: found no array of numpy"


def test_experiments_with_repetitions(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor
) -> None:
    """As DC, DSA and DM save them: NumPy's numbers stand beside the tensors."""
    path = tmp_path / "res_DC_ConvNet.pt"
    repetitions = [[images, labels], [images.flip(3), labels.flip(0)]]
    accuracies = {"ConvNet": [np.float64(0.5), np.float32(0.25), np.int64(3), np.arange(3)]}
    torch.save({"data": repetitions, "accs_all_exps": accuracies}, path)
    same([path], images, labels)
    assert read_set([path]).repetitions == 2
    assert torch.equal(read_set([path], Choices(repetition=1)).images, images.flip(3))
    with pytest.raises(DataError, match=r"expected for `repetition` \(2\): at most 1$"):
        read_set([path], Choices(repetition=2))


@pytest.mark.parametrize(
    "names",
    [("images", "labels"), ("image_syn", "label_syn"), ("X", "Y"), ("data", "targets"), None],
    ids=str,
)
def test_one_file_with_both_by_any_name(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor, names: tuple[str, str] | None
) -> None:
    path = tmp_path / "set"
    if names is None:
        torch.save([nn.Parameter(images), labels], path)
    else:
        torch.save({names[0]: images.requires_grad_(), names[1]: labels, "lr": torch.tensor(0.02)}, path)
        assert read_set([path]).learning_rate == pytest.approx(0.02)
    same([path], images, labels)
    if names:
        arrays = {names[0]: images.detach().numpy(), names[1]: labels.numpy()}
        np.savez(tmp_path / "set.npz", **arrays)
        same([tmp_path / "set.npz"], images, labels)


def test_pairs_of_any_formats_and_lists_of_labels(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor
) -> None:
    torch.save(nn.Parameter(images), tmp_path / "x.pt")
    np.save(tmp_path / "y.npy", labels.numpy())
    torch.save(labels.tolist(), tmp_path / "y.pt")
    save_file({"labels": labels}, tmp_path / "y.safetensors")
    for name in ("y.npy", "y.pt", "y.safetensors"):
        same([tmp_path / "x.pt", tmp_path / name], images, labels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_images_of_any_precision(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor, dtype: torch.dtype
) -> None:
    torch.save(images.to(dtype), tmp_path / "x.pt")
    torch.save(labels, tmp_path / "y.pt")
    same([tmp_path / "x.pt", tmp_path / "y.pt"], images.to(dtype), labels)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "channels first": lambda x: x,
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "by class": lambda x: x.unflatten(0, (CLASSES, IPC)),
    "by class, channels last": lambda x: x.permute(0, 2, 3, 1).unflatten(0, (CLASSES, IPC)),
}


@pytest.mark.parametrize("arranged", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_are_recognised_by_shape(
    images: torch.Tensor, arranged: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    assert torch.equal(channels_first(arranged(images), (3, SIDE, SIDE), None, "x"), images)


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_a_layout_that_the_shape_leaves_open_is_a_choice(layout: Any) -> None:
    cube = torch.rand(4, 8, 8, 8)
    expected = cube if layout == "channels_first" else cube.permute(0, 3, 1, 2)
    assert torch.equal(channels_first(cube, (8, 8, 8), layout, "x"), expected)
    sides = (3, 8, 4) if layout == "channels_first" else (8, 4, 3)
    flat = torch.rand(4, 96)
    expected = (
        flat.view(4, *sides) if layout == "channels_first" else flat.view(4, 8, 4, 3).permute(0, 3, 1, 2)
    )
    assert torch.equal(channels_first(flat, (3, 8, 4), layout, "x"), expected)
    for images, shape in ((cube, (8, 8, 8)), (flat, (3, 8, 4))):
        with pytest.raises(DataError, match="expected `layout` in the set: channels_first or"):
            channels_first(images, shape, None, "x")


def test_raw_pixels_may_be_floats(pixels: np.ndarray) -> None:
    raw = torch.from_numpy(pixels)
    for scaled in (raw, raw.float(), raw / 255):
        torch.testing.assert_close(raw_pixels(scaled, "x").float(), raw.float(), atol=1e-4, rtol=0)
    for scaled in (raw.float() - 1, raw.float() * 2, raw / 127.5 - 1):
        with pytest.raises(DataError, match=r"expected for `pixels: raw`: 0 to 255 or 0 to 1"):
            raw_pixels(scaled, "x")


def test_other_byte_order(tmp_path: Path, images: torch.Tensor, labels: torch.Tensor) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, images=images.numpy().astype(">f4"), labels=labels.numpy().astype(">i8"))
    same([path], images, labels)


def test_five_parts_in_their_order(tmp_path: Path, labels: torch.Tensor) -> None:
    parts = [torch.full((n + 1, 3, SIDE, SIDE), float(n), requires_grad=True) for n in range(5)]
    paths = [tmp_path / f"images_{n}.pt" for n in range(5)]
    for part, path in zip(parts, paths, strict=True):
        torch.save(part, path)
    torch.save(labels, tmp_path / "labels.pt")
    same([*paths, tmp_path / "labels.pt"], torch.cat(parts).detach(), labels)
    torch.save(torch.zeros(1, 3, SIDE, SIDE + 1), paths[3])
    assert "needed: images of one size" in not_read(*paths, tmp_path / "labels.pt")


def write_images(folder: Path, **classes: list[np.ndarray]) -> None:
    for name, members in classes.items():
        (folder / name).mkdir(parents=True)
        for n, values in enumerate(members):
            Image.fromarray(values).save(folder / name / f"{n}.png")


def test_folder_of_images(tmp_path: Path, pixels: np.ndarray, labels: torch.Tensor) -> None:
    folder = tmp_path / "set"
    write_images(folder, boat=[*pixels[2:4]], apple=[*pixels[:2]], cat=[*pixels[4:]])
    (folder / "boat" / "notes.txt").write_text("not an image")
    (folder / "boat" / "._1.png").write_bytes(b"what macOS leaves beside files")
    (folder / "README.md").write_text("not a class")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "0.png").write_bytes(b"")
    same([folder], torch.from_numpy(pixels), labels)
    assert read_set([folder]).classes == ("apple", "boat", "cat")


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("packed", ["folder", "zip", "tar.gz"])
def test_images_in_other_suffixes_nested_and_packed(
    tmp_path: Path, pixels: np.ndarray, labels: torch.Tensor, suffix: str, nested: bool, packed: str
) -> None:
    folder = tmp_path / "some" / "set"
    for number, (values, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        place = folder / CLASS_NAMES[label] / ("images" if nested else "")
        place.mkdir(parents=True, exist_ok=True)
        lossless = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(values).save(place / f"{number}.{suffix}", **lossless)
        (place / "._x.png").write_bytes(b"hidden")
    (tmp_path / "some" / "__MACOSX").mkdir()
    (tmp_path / "some" / "__MACOSX" / "x.png").write_bytes(b"hidden")
    path = folder
    if packed != "folder":
        form = {"zip": "zip", "tar.gz": "gztar"}[packed]
        path = Path(shutil.make_archive(str(tmp_path / "packed"), form, tmp_path / "some"))
    same([path], torch.from_numpy(pixels), labels)


def test_class_names_of_folders(tmp_path: Path) -> None:
    real = real_images(tmp_path)
    for names, order in (
        (["apple", "boat", "cat"], [0, 1, 2]),
        (["Boat", "CAT", "apple"], [1, 2, 0]),
        (["0", "2", "1"], [0, 2, 1]),
        (["00000", "00001", "00002"], [0, 1, 2]),
        (["class002", "class000", "class001"], [2, 0, 1]),
    ):
        assert named_order(real, names, tmp_path) == order
    with pytest.raises(DataError, match=r"'aple': did you mean 'apple'.*'boot': did you mean 'boat'"):
        named_order(real, ["aple", "boot", "cat"], tmp_path)
    for names in (["0", "1", "3"], ["a0", "b1", "c2"], ["apple", "cat"]):
        with pytest.raises(DataError, match="needed: one for each class, called apple, boat, cat, or"):
            named_order(real, names, tmp_path)


def test_grey_and_opaque_images_have_three_channels(tmp_path: Path, pixels: np.ndarray) -> None:
    grey, opaque = pixels[0, :, :, 0], np.dstack([pixels[1], np.full((SIDE, SIDE), 255, np.uint8)])
    write_images(tmp_path / "set", a=[grey], b=[opaque])
    read = read_set([tmp_path / "set"]).images.numpy()
    assert (read[0] == grey[:, :, None]).all()
    assert (read[1] == pixels[1]).all()


def test_images_that_would_lose_something_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    file = tmp_path / "set" / "a" / "0.png"
    write_images(tmp_path / "set", a=[pixels[0, :, :, 0].astype(np.uint16) * 257])
    assert f"{file}: found 16 bits a channel, needed: 8" in not_read(tmp_path / "set")
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[0, 0] = 254
    Image.fromarray(np.dstack([pixels[1], alpha])).save(file)
    assert f"{file}: is transparent in places" in not_read(tmp_path / "set")


def png(pixels: np.ndarray, kind: int) -> bytes:
    """A PNG of (H, W, channels) uint8 or uint16 by its standard; `kind` is its colour type."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, _ = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, kind, 0, 0, 0)
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    lines = b"".join(b"\0" + row.tobytes() for row in big_endian)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_an_image_of_sixteen_bits_a_channel_is_refused(kind: int, channels: int) -> None:
    pixels = np.full((SIDE, SIDE, channels), 255, np.uint8)
    assert (decode(png(pixels, kind), "a.png") == 255).all()
    with pytest.raises(DataError, match=r"^a\.png: found 16 bits a channel, needed: 8$"):
        decode(png(pixels.astype(np.uint16) * 257, kind), "a.png")


@pytest.mark.parametrize("values", [np.int32, np.float32])
def test_an_image_of_another_kind_of_numbers_is_refused(values: type) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.ones((SIDE, SIDE), values)).save(stream, "tiff")
    with pytest.raises(
        DataError, match=r"^a\.png: found pixels of mode [IF], needed: 8 bits a channel$"
    ):
        decode(stream.getvalue(), "a.png")


def test_grey_images_for_a_grey_data_set(pixels: np.ndarray) -> None:
    grey = torch.from_numpy(pixels[:, None, :, :, 0]).expand(-1, 3, -1, -1)
    assert torch.equal(one_if_grey(grey), grey[:, :1])
    coloured = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    assert torch.equal(one_if_grey(coloured), coloured)


def test_broken_folders(tmp_path: Path, pixels: np.ndarray) -> None:
    folder = tmp_path / "set"
    assert "no such file or folder" in not_read(folder)
    folder.mkdir()
    assert "found no images" in not_read(folder)
    write_images(folder, apple=[pixels[0], pixels[1]], cat=[pixels[2], pixels[3]])
    write_images(folder, dog=[pixels[4, :-1]])
    assert f"{folder / 'dog/0.png'}: found (7, 8) pixels, needed: (8, 8)" in not_read(folder)
    (folder / "dog/0.png").write_text("text that is called an image")
    assert f"{folder / 'dog/0.png'}: is not an image" in not_read(folder)


# --- nothing is run, and damage is one line -----------------------------------------------------


def test_pickles_are_refused(tmp_path: Path, labels: torch.Tensor) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    for protocol in range(5):
        bad.write_bytes(pickle.dumps(Marker(), protocol))
        not_read(bad)
        not_read(bad, bad)
    torch.save({"images": Marker()}, bad)
    torch.save(labels, good)
    not_read(bad, good)
    not_read(good, bad)
    torch.save(Marker(), bad, _use_new_zipfile_serialization=False)
    not_read(bad, good)
    with bad.open("wb") as stream:
        np.savez(stream, images=np.array([Marker()], dtype=object), labels=labels.numpy())
    not_read(bad)
    with bad.open("wb") as stream:
        np.save(stream, np.array([Marker()], dtype=object))
    not_read(bad, bad)


@pytest.mark.parametrize(
    ("saved", "told"),
    [
        ({"images": "a", "more": "b"}, "found a mapping of images, more, expected one tensor"),
        ([torch.ones(2), torch.ones(2)], "found a list, expected one tensor"),
        ("a text", "needed: numbers"),
        (torch.tensor(3.0), "needed: "),
        (torch.eye(3).to_sparse(), "needed: "),
    ],
    ids=["mapping", "list", "text", "one number", "sparse"],
)
def test_other_contents_of_pt(tmp_path: Path, labels: torch.Tensor, saved: Any, told: str) -> None:
    torch.save(saved, tmp_path / "x.pt")
    torch.save(labels, tmp_path / "y.pt")
    assert told in not_read(tmp_path / "x.pt", tmp_path / "y.pt")


NO_SETS = {
    b"": "is empty",
    b"# Read me\n\nA text.\n": "is of an unknown format (it begins with b'# Read m'), expected one of: ",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n": "is a Git LFS pointer, not the file",
    b"<!DOCTYPE html><html><title>Quota exceeded</title>": "is a web page, not the file itself",
    b"PK\x03\x04" + bytes(40): "is a damaged zip file",
}


@pytest.mark.parametrize(("content", "told"), NO_SETS.items())
def test_files_that_hold_no_set_are_described(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "set.pt"
    path.write_bytes(content)
    assert not_read(path).startswith(f"{path}: {told}")


def test_code_in_a_file_is_named_without_advice_to_run_it(tmp_path: Path) -> None:
    path = tmp_path / "set"
    for zipped in (True, False):
        torch.save(Marker(), path, _use_new_zipfile_serialization=zipped)
        assert (
            not_read(path, path) == f"{path}: holds {os.name}.mkdir, which is not loaded: no code is run"
        )


def test_other_contents_of_numpy_files(tmp_path: Path, labels: torch.Tensor) -> None:
    x, y = tmp_path / "x", tmp_path / "y"
    with x.open("wb") as stream:
        np.savez(stream, images=labels.numpy())
    with y.open("wb") as stream:
        np.save(stream, labels.numpy())
    assert "found a mapping of images, expected images and labels" in not_read(x)
    assert "found one tensor (6,), expected images and labels" in not_read(y)
    with x.open("wb") as stream:
        np.save(stream, np.array(["a", "b"]))
    assert "needed: numbers" in not_read(x, y)
    save_file({"pictures": labels}, x)
    assert "found a mapping of pictures, expected images and labels" in not_read(x)


def written(form: str) -> bytes:
    path = Path("whole")
    x, y = torch.zeros(2, 3, SIDE, SIDE), torch.arange(2)
    if form == "pt":
        torch.save(x, path)
    elif form == "old pt":
        torch.save(x, path, _use_new_zipfile_serialization=False)
    elif form == "safetensors":
        save_file({"images": x, "labels": y}, path)
    else:
        with path.open("wb") as stream:
            if form == "npz":
                np.savez_compressed(stream, images=x.numpy(), labels=y.numpy())
            else:
                np.save(stream, x.numpy())
    return path.read_bytes()


@pytest.mark.parametrize("form", ["pt", "old pt", "npy", "npz", "safetensors", "png", "jpeg"])
def test_damage_anywhere_reads_or_is_one_line(tmp_path: Path, form: str) -> None:
    if form in ("png", "jpeg"):
        Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(tmp_path / "whole", form)
    whole = (tmp_path / "whole").read_bytes() if form in ("png", "jpeg") else written(form)
    path = tmp_path / "damaged"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        try:
            if form in ("png", "jpeg"):
                decode(content, str(path))
            else:
                read_set([path, path] if form in ("old pt", "pt", "npy") else [path])
        except DataError as error:
            told.append(str(error))

    told: list[str] = []
    place = st.integers(0, len(whole) - 1) | st.integers(0, min(300, len(whole) - 1))

    @given(where=place, value=st.integers(0, 255), end=st.none() | place)
    def damage(where: int, value: int, end: int | None) -> None:
        read((whole[:where] + bytes([value]) + whole[where + 1 :])[:end])

    damage()
    assert told
    assert not any("\n" in text for text in told)


# --- into the canonical form --------------------------------------------------------------------


def prepared(folder: Path, source: Source, dataset: Dataset, x: Any, y: Any, **options: Any) -> Any:
    with (folder / "set.npz").open("wb") as stream:
        np.savez(stream, images=np.asarray(x), labels=np.asarray(y))
    entry = DistilledSet.model_validate({"file": str(folder / "set.npz"), **options.pop("entry", {})})
    out, kind = folder / "set.safetensors", options.pop("kind", source.labels)
    settings = LabelSettings(kind=kind, temperature=options.pop("temperature", 1.0))
    prepare_distilled(source, entry, dataset, IPC, [folder / "set.npz"], out, labels=settings, **options)
    return load_set(out)


def real_images(folder: Path, listed: Sequence[str] = CLASS_NAMES) -> Path:
    """Prepared training images, which know the names of the classes."""
    path, images = folder / "train.safetensors", torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8)
    metadata = {"classes": json.dumps(CLASS_NAMES), "listed": json.dumps(listed)}
    save_set(path, ImageSet(images, torch.zeros(1, dtype=torch.int64)), metadata)
    return path


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
def test_listed_order_of_classes(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor, dataset: Dataset, order: list[int]
) -> None:
    real = real_images(tmp_path, [CLASS_NAMES[place] for place in order])
    listed = {"entry": {"class_order": "listed"}, "real": real}
    hard = prepared(tmp_path, a_source(), dataset, images, labels, **listed)
    assert hard.labels.tolist() == [order[label] for label in labels.tolist()]
    soft = torch.randn(COUNT, CLASSES)
    read = prepared(tmp_path, a_source(labels="soft"), dataset, images, soft, **listed)
    for n in range(COUNT):
        for old in range(CLASSES):
            assert read.labels[n, order[old]] == soft[n, old]
    assert torch.equal(read.images, images)


def test_raw_pixels_are_whitened_as_the_test_set_is(
    tmp_path: Path, pixels: np.ndarray, labels: torch.Tensor, dataset: Dataset
) -> None:
    real = torch.randint(0, 256, (50, 3, SIDE, SIDE), dtype=torch.uint8)
    whitener = fit_whitener("zca-frepo", dataset, real)
    source = a_source(pixels="raw", whitening="zca-frepo")
    read = prepared(tmp_path, source, dataset, pixels, labels, whitener=whitener)
    as_test = whitener(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    torch.testing.assert_close(read.images, as_test)
    back = whitener.unwhiten(read.images).permute(0, 2, 3, 1) * 255
    torch.testing.assert_close(back, torch.from_numpy(pixels).float(), atol=0.05, rtol=0)


REFUSED: dict[str, tuple[dict[str, Any], Callable[..., tuple[Any, Any]], str]] = {
    "raw pixels that are not said to be": ({}, lambda p, x, y: (p, y), "`pixels: raw` in the source"),
    "one image too many": (
        {},
        lambda p, x, y: (np.concatenate([x, x[:1]]), [*y, 0]),
        "found shape (7, 3",
    ),
    "other size": ({}, lambda p, x, y: (x[..., :7], y), "found shape (6, 3, 8, 7)"),
    "two dimensions": ({}, lambda p, x, y: (x[0, 0], y), "needed: (N, C, H, W)"),
    "labels too few": ({}, lambda p, x, y: (x, y[:5]), "found 6 images and 5 labels"),
    "label above the classes": (
        {},
        lambda p, x, y: (x, y + 1),
        "found 1 to 3, needed: 0 to 2; subtract 1",
    ),
    "negative label": ({}, lambda p, x, y: (x, y - 1), "found -1 to 1, needed: 0 to 2"),
    "fractional label": ({}, lambda p, x, y: (x, y + 0.5), "needed: whole numbers"),
    "label that is no number": ({}, lambda p, x, y: (x, y * np.nan), "needed: whole numbers"),
    "one label": ({}, lambda p, x, y: (x, np.int64(1)), "labels: found shape (), needed: (N,)"),
    "soft labels for hard ones": (
        {},
        lambda p, x, y: (x, np.eye(3, dtype=np.float32)[y] + 0.1),
        "labels: found shape (6, 3), needed: (N,), since the source has `labels: hard`",
    ),
    "numbers from 0 to 1 that are no probabilities": (
        {"labels": "soft"},
        lambda p, x, y: (x, np.eye(3, dtype=np.float32)[y] / 2),
        "rows that do not sum to 1, expected `label_form` in the set: logits or probabilities",
    ),
    "flat images": (
        {},
        lambda p, x, y: (x.reshape(6, -1), y),
        "found shape (6, 192), flat, expected `layout` in the set: channels_first or channels_last",
    ),
    "no value below 0 in a centred space": (
        {"whitening": "standardise"},
        lambda p, x, y: (p / 255.0, y),
        "no value below 0, which no set in 'standardise' has; for pixels from 0 to 1 or 255 write "
        "`pixels: raw` in the source, or `whitening: none`",
    ),
    "hard labels for soft ones": (
        {"labels": "soft"},
        lambda p, x, y: (x, y),
        "labels: found shape (6,), needed: (N, classes), since the source has `labels: soft`",
    ),
    "labels of one class alone": (
        {},
        lambda p, x, y: (x, y * 0),
        "labels: found no image of class 1, 2, needed: at least one of each of 3 classes",
    ),
    "labels that leave out a class": (
        {},
        lambda p, x, y: (x, y // 2 * 2),
        "found no image of class 1, ",
    ),
    "classes with more and with fewer images": (
        {},
        lambda p, x, y: (x, np.array([0, 0, 0, 1, 2, 2])),
        "labels: found 3 images of class 0, 1 image of class 1, needed: 2 of each of 3 classes (ipc 2)",
    ),
    "pixels that no space has": (
        {},
        lambda p, x, y: (x * 1e30, y),
        "images: found -1e+30 to 1.55e+30, allowed in every space: -10000 to 10000",
    ),
    "columns too few": ({"labels": "soft"}, lambda p, x, y: (x, np.eye(2)[y % 2]), "found 2 columns"),
    "infinite label": ({"labels": "soft"}, lambda p, x, y: (x, np.eye(3)[y] / 0.0), "not finite"),
    "pixel that is no number": ({}, lambda p, x, y: (x * np.nan, y), "not finite"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("changes", "made", "told"), REFUSED.values(), ids=REFUSED)
def test_set_that_is_not_what_the_configuration_says(
    tmp_path: Path,
    pixels: np.ndarray,
    images: torch.Tensor,
    labels: torch.Tensor,
    dataset: Dataset,
    changes: dict[str, Any],
    made: Callable[..., tuple[Any, Any]],
    told: str,
) -> None:
    x, y = made(pixels, images.numpy(), labels.numpy())
    for order in ("sorted", "listed"):
        real, entry = real_images(tmp_path), {"class_order": order}
        attempt = partial(prepared, tmp_path, a_source(**changes), dataset, x, y, real=real, entry=entry)
        assert told in refused(attempt, tmp_path / "set.npz")
    assert not (tmp_path / "set.safetensors").exists()


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("whole", [1, 100])
def test_targets_of_probabilities_are_these(
    tmp_path: Path, dataset: Dataset, images: torch.Tensor, whole: int, rounded: bool
) -> None:
    """Also in percent, rounded, and one-hot; so are those of log-probabilities."""
    given = torch.softmax(torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(0)), 1)
    given[0] = torch.tensor([0.0, 1.0, 0.0])
    kind, source = LabelSettings(kind="soft", temperature=1.0), a_source(labels="soft")
    stored = (100 * given).round() / 100 if rounded else given
    read = prepared(tmp_path, source, dataset, images, whole * stored)
    expected = stored / stored.sum(1, keepdim=True)
    torch.testing.assert_close(make_targets(read.labels, kind), expected, atol=1e-6, rtol=0)
    logs = given[1:].log()
    assert torch.equal(soft_labels(logs, None, "labels.pt"), logs)
    one_hot = torch.eye(CLASSES).repeat_interleave(IPC, 0)
    for each in (one_hot, one_hot.long(), one_hot.bool()):
        targets = make_targets(soft_labels(each, None, "labels.pt"), kind)
        torch.testing.assert_close(targets, one_hot, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("temperature", "warned"), [(1.0, False), (0.3, True)])
def test_a_temperature_that_changes_probabilities_is_warned_of(
    tmp_path: Path,
    dataset: Dataset,
    images: torch.Tensor,
    temperature: float,
    warned: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logits = torch.randn(COUNT, CLASSES, generator=torch.Generator().manual_seed(0))
    source = a_source(labels="soft", whitening="standardise")
    for labels, kind in (
        (logits.softmax(1), "probabilities"),
        (logits.log_softmax(1), "log-probabilities"),
    ):
        prepared(tmp_path, source, dataset, images, labels, temperature=temperature)
        told = f"the labels are {kind}, which `label_temperature` 0.3 makes others; 1 would keep them"
        assert (told in capsys.readouterr().err) == warned
    prepared(tmp_path, source, dataset, images, logits, temperature=temperature)
    assert capsys.readouterr().err == ""


def test_centred_one_hot_labels_are_named(
    tmp_path: Path, dataset: Dataset, images: torch.Tensor, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = torch.eye(CLASSES).repeat_interleave(IPC, 0) - 1 / CLASSES
    prepared(tmp_path, a_source(labels="soft"), dataset, images, labels)
    share = math.e / (math.e + 2)
    assert (
        "the labels are centred one-hot, whose targets at `label_temperature` 1 are "
        f"{share:.2g} for the class itself\n"
    ) in capsys.readouterr().err


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.float64, torch.bfloat16])
def test_hard_labels_of_any_dtype_and_shape(labels: torch.Tensor, dtype: torch.dtype) -> None:
    one_hot = torch.eye(CLASSES).repeat_interleave(IPC, 0)
    for each in (labels.to(dtype), labels.to(dtype)[:, None], one_hot.to(dtype), one_hot.bool()):
        assert torch.equal(hard_labels(each, "labels.pt"), labels)


def test_soft_labels_may_favour_one_class(
    tmp_path: Path, images: torch.Tensor, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    """But where every image favours the same, that is told."""
    source = a_source(labels="soft", whitening="standardise")
    soft = torch.tensor([[2.0, 1.0, 0.0]]).repeat(COUNT, 1)
    assert torch.equal(prepared(tmp_path, source, dataset, images, soft).labels, soft)
    told = "set.npz: labels: found the largest of every image in class 0, expected: some in each of 3"
    assert told in capsys.readouterr().err
    soft[0] = torch.tensor([0.0, 1.0, 2.0])
    assert torch.equal(prepared(tmp_path, source, dataset, images, soft).labels, soft)
    assert capsys.readouterr().err == ""


def test_uneven_folders_are_named(tmp_path: Path, pixels: np.ndarray, dataset: Dataset) -> None:
    folder = tmp_path / "set"
    write_images(folder, apple=[*pixels[:3]], boat=[pixels[3]], cat=[*pixels[4:]])
    entry = DistilledSet.model_validate({"file": str(folder)})
    whitener = fit_whitener("none", dataset, torch.from_numpy(pixels).permute(0, 3, 1, 2))
    source, out = a_source(pixels="raw"), tmp_path / "set.safetensors"
    kind = LabelSettings(kind="hard", temperature=1.0)
    attempt = partial(
        prepare_distilled,
        *(source, entry, dataset, IPC, [folder], out),
        labels=kind,
        whitener=whitener,
        real=real_images(tmp_path),
    )
    assert refused(attempt, folder) == (
        f"{folder}: labels: found 3 images of class apple, 1 image of class boat, needed: 2 of each of "
        "3 classes (ipc 2)"
    )


@pytest.mark.parametrize("whitening", WHITENINGS)
def test_pixels_on_another_scale_are_warned_of(
    tmp_path: Path,
    pixels: np.ndarray,
    labels: torch.Tensor,
    dataset: Dataset,
    whitening: Whitening,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = dataset.model_copy(update={"mtt": Standardisation(mean=(0.5,) * 3, std=(0.2,) * 3)})
    raw = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    fine = fit_whitener(whitening, dataset, raw)(raw)
    for images, told in ((fine, False), (fine / 255, True), (255 * fine, True)):
        prepared(tmp_path, a_source(whitening=whitening), dataset, images, labels)
        warning = capsys.readouterr().err
        assert ("are these on another scale?" in warning) == told
        assert warning.count("\n") == told
    prepared(tmp_path, a_source(), dataset, raw.float(), labels)
    deviation = float(raw.float().std(correction=0))
    assert capsys.readouterr().err == (
        f"crossarch: warning: {tmp_path / 'set.npz'}: images: found 0 to 255, expected 0 to 1, with a "
        f"standard deviation of {deviation:.3g}; real images in 'none' have about 0.25: are these on "
        "another scale?\n"
    )


def test_whole_numbers_written_as_floats_are_hard_labels(
    tmp_path: Path, images: torch.Tensor, labels: torch.Tensor, dataset: Dataset
) -> None:
    read = prepared(tmp_path, a_source(), dataset, images.double(), labels.double())
    assert torch.equal(read.labels, labels)
    assert torch.equal(read.images, images)


def test_how_a_published_set_was_read_stays_as_published_runs_know_it(
    tmp_path: Path, images: torch.Tensor
) -> None:
    """It is part of a prepared file's bytes, by whose digest they know their training set."""
    torch.save(images, tmp_path / "x")
    reading = set_reading(load_configuration(Path(__file__).parents[2] / "config"), "mtt", "cifar10", 1)
    assert f"{reader_of(tmp_path / 'x').name}, {reading}" == "pt, classes sorted, whitened"
