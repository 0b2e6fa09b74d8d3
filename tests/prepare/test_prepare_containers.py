"""A real set is what it holds: whatever it is packed in, wherever it lies."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import making
import numpy as np
import pytest
import torch
from packing import (
    FOLDER,
    NAMES,
    Batches,
    class_images,
    pickled,
    png,
    some_batches,
    tarred,
    unpacked,
    zipped,
)

from crossarch.config import Configuration, load_configuration
from crossarch.config.files import UpstreamFile
from crossarch.config.schema import Origin
from crossarch.data import ImageSet, fit_whitener, load_set
from crossarch.data.class_order import listed_order
from crossarch.data.content import content_digest
from crossarch.data.drawn import draw
from crossarch.data.real import prepare_real
from crossarch.data.store import load_metadata
from crossarch.errors import ConfigError, CrossarchError, DataError, FetchError
from crossarch.fetch.roots import find_real
from crossarch.layout import Layout

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
ADVICE = "mend it, or take it out of data_roots and CROSSARCH_DATA"
ABSENT = UpstreamFile(url="http://127.0.0.1:9/cifar-10-python.tar.gz", md5="0" * 32)
SECOND = UpstreamFile(url="http://127.0.0.1:9/some/other.zip")


def digest_of(batches: Batches, split: str) -> str:
    """What the content of a split is called, from the numbers that the authors pickled."""
    each = sorted(
        hashlib.sha256(b"3 32 32 %d\n" % label + row.tobytes()).digest()
        for name, batch in batches.items()
        if name.startswith("test") == (split == "test")
        for row, label in zip(batch["data"], batch["labels"], strict=True)
    )
    return hashlib.sha256(b"".join(each)).hexdigest()


def configured(
    content: dict[str, str] | None = None, dataset: str = "cifar10", **origin: Any
) -> Configuration:
    """The configuration with another content and origin of a data set."""
    settings = CONFIGURATION.dataset(dataset)
    update: dict[str, Any] = {"content": content}
    if origin and settings.origin:
        update["origin"] = {**settings.origin.model_dump(exclude_unset=True), **origin}
    changed = type(settings).model_validate({**settings.model_dump(exclude_unset=True), **update})
    return replace(CONFIGURATION, datasets={**CONFIGURATION.datasets, dataset: changed})


@pytest.fixture(autouse=True)
def nothing_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CROSSARCH_MIRROR", "CROSSARCH_DATA"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CROSSARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("crossarch.fetch.transfer.BACKOFF_SECONDS", 0.01)


@pytest.fixture
def batches() -> Batches:
    return some_batches()


@pytest.fixture
def files(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files of CIFAR-10's folder, in miniature."""
    return pickled(batches, monkeypatch)


@pytest.fixture
def known(batches: Batches) -> Configuration:
    """The configuration with the content of CIFAR-10 in miniature."""
    return configured({split: digest_of(batches, split) for split in ("train", "test")})


Pack = Callable[[Path, dict[str, bytes], dict[str, bytes]], Path]
PREFIX = "CIFAR-10-dataset-a828d74"
CONTAINERS: dict[str, Pack] = {
    "official folder": lambda place, files, _: unpacked(place / FOLDER, files),
    "official tar": lambda place, files, _: tarred(place / "cifar-10-python.tar.gz", files),
    "official zip": lambda place, files, _: zipped(place / "c.zip", files),
    "class folders": lambda place, _, images: unpacked(place / "cifar10", images),
    "zip of class folders": lambda place, _, images: zipped(
        place / "cifar10.zip", {f"{PREFIX}/{name}": each for name, each in images.items()}
    ),
    "zip of a Mac": lambda place, _, images: zipped(
        place / "m.zip", {**images, "__MACOSX/train/plane/._x.png": b"-", "train/plane/.y.png": b"-"}
    ),
}


def in_order(images: ImageSet) -> list[tuple[bytes, int]]:
    pairs = zip(images.images, images.labels.tolist(), strict=True)
    return sorted((image.numpy().tobytes(), label) for image, label in pairs)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_images_and_subsets(
    tmp_path: Path, batches: Batches, files: dict[str, bytes], known: Configuration, container: str
) -> None:
    (tmp_path / "data").mkdir()
    place = CONTAINERS[container](tmp_path / "data", files, class_images(batches))
    train, test = making.images(known, Layout(tmp_path / "made"), "cifar10", place)
    for path, split in ((train, "train"), (test, "test")):
        metadata, images = load_metadata(path), load_set(path)
        assert metadata["content"] == content_digest(images) == digest_of(batches, split)
        assert metadata["origin"] == place.name
        assert metadata["classes"] == str(NAMES).replace("'", '"')
    rows = [(row.tobytes(), y) for row, y in rows_of(batches, "data")]
    assert in_order(load_set(train)) == sorted(rows)

    real = load_set(train)
    drawn = real.images[draw(real, 2, seed=3)]
    reference = torch.from_numpy(np.stack([row for row, _ in rows_of(batches, "data")]))
    labels = torch.tensor([label for _, label in rows_of(batches, "data")])
    of_reference = ImageSet(reference.view(-1, 3, 32, 32), labels)
    assert torch.equal(drawn, of_reference.images[draw(of_reference, 2, seed=3)])


def rows_of(batches: Batches, names: str) -> list[tuple[np.ndarray, int]]:
    return [
        pair
        for name, batch in batches.items()
        if name.startswith(names)
        for pair in zip(batch["data"], batch["labels"], strict=True)
    ]


@pytest.mark.parametrize("whitening", ["zca-kornia", "zca-frepo"])
def test_the_order_of_images_does_not_change_a_whitening(whitening: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (300, 3, 8, 8), dtype=torch.uint8, generator=generator)
    dataset = CONFIGURATION.dataset("cifar10").model_copy(update={"image_size": 8})
    other = images[torch.randperm(300, generator=generator)]
    white = [fit_whitener(whitening, dataset, each)(images) for each in (images, other)]
    torch.testing.assert_close(*white, atol=1e-5, rtol=1e-5)


# --- what is wrong with them --------------------------------------------------------------------


def without(*names: str) -> Callable[[dict[str, bytes]], None]:
    def spoil(members: dict[str, bytes]) -> None:
        for name in [each for each in members if each.startswith(names)]:
            del members[name]

    return spoil


def changed_pixel(members: dict[str, bytes]) -> None:
    name = next(name for name in members if name.startswith("test/zebra/"))
    members[name] = png(np.zeros((3, 32, 32), np.uint8))


def changed_byte(members: dict[str, bytes]) -> None:
    content = bytearray(members["data_batch_3"])
    content[-100] ^= 1
    members["data_batch_3"] = bytes(content)


def one_image_less(members: dict[str, bytes]) -> None:
    del members[next(name for name in members if name.startswith("train/yak/"))]


Spoil = Callable[[dict[str, bytes]], None]
SPOILT: dict[str, tuple[bool, Spoil, str]] = {
    "missing member": (True, without("data_batch_4"), f"{FOLDER}/data_batch_4: no such file"),
    "missing names": (True, without("batches.meta"), f"{FOLDER}/batches.meta: no such file"),
    "wrong MD5": (True, changed_byte, f"{FOLDER}/data_batch_3: found MD5 "),
    "changed pixel": (False, changed_pixel, "cifar10 (test): found 10 images with the content "),
    "missing image": (False, one_image_less, "cifar10 (train): found 49 images with the content "),
    "missing class": (
        *(False, without("train/seal")),
        "cifar10 (train): labels: found no image of class 3",
    ),
    "missing class in both": (
        *(False, without("train/seal", "test/seal")),
        f"cifar10: found 9 classes, {', '.join(NAMES[:3] + NAMES[4:])}, expected: 10",
    ),
    "missing split": (False, without("train/"), "cifar10: found no images train/<class>/<name>.png"),
}


@pytest.mark.parametrize("mistake", SPOILT)
def test_a_set_in_a_root_that_is_not_whole_is_one_line_and_nothing_is_fetched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batches: Batches,
    files: dict[str, bytes],
    known: Configuration,
    mistake: str,
) -> None:
    monkeypatch.setattr(
        "crossarch.fetch.archives.ensure_archive", lambda *_: pytest.fail("it is fetched")
    )
    official, spoil, told = SPOILT[mistake]
    members, name = (files, FOLDER) if official else (class_images(batches), "cifar10")
    spoil(members)
    unpacked(tmp_path / "data" / name, members)
    monkeypatch.setenv("CROSSARCH_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError) as caught:
        making.images(known, Layout(tmp_path / "made"), "cifar10")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/data/{told}")
    assert text.endswith(f"; {ADVICE}")
    assert "\n" not in text
    assert not Layout(tmp_path / "made").images("cifar10", "train").exists()


def test_digests_are_told(
    tmp_path: Path, batches: Batches, files: dict[str, bytes], known: Configuration
) -> None:
    members = class_images(batches)
    changed_pixel(members)
    place = unpacked(tmp_path / "cifar10", members)
    with pytest.raises(DataError) as caught:
        making.images(known, Layout(tmp_path / "made"), "cifar10", place)
    row = next(n for n, y in enumerate(batches["test_batch"]["labels"]) if y == NAMES.index("zebra"))
    expected = digest_of(batches, "test")
    batches["test_batch"]["data"][row] = 0
    assert f"content {digest_of(batches, 'test')}, expected: {expected}; " in str(caught.value)


def test_another_sets_layout_is_one_line(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name in ("meta", "train", "test"):
        unpacked(tmp_path / "cifar-100-python", {name: b""})
    with pytest.raises(DataError) as caught:
        making.images(CONFIGURATION, Layout(tmp_path / "made"), "cifar10", tmp_path)
    told = "found the layout cifar-100-python, expected: cifar-10-batches-py or class-folders"
    assert f"{tmp_path}: {told}; " in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "text.zip", "text.tar.gz"])
def test_what_is_no_container_is_one_line(tmp_path: Path, name: str) -> None:
    if name != "nothing":
        (tmp_path / name).write_text("text")
    with pytest.raises(DataError) as caught:
        making.images(CONFIGURATION, Layout(tmp_path / "made"), "cifar10", tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


# --- data roots ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("cifar-10-batches-py/batches.meta", "."),
        ("cifar-10-batches-py", "cifar-10-batches-py"),
        ("cifar10/train", "cifar10"),
        ("cifar10/test", "cifar10"),
        ("cifar-10-python.tar.gz", "cifar-10-python.tar.gz"),
        ("cifar10.zip", "cifar10.zip"),
        ("cifar10/else", None),
        ("cifar-100-python", None),
        ("train", None),
    ],
)
def test_where_a_set_lies_in_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, found: str | None
) -> None:
    place = tmp_path / root
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch() if place.suffix else place.mkdir()
    (tmp_path / "cifar-10-batches-py/test_batch").touch() if "meta" in root else None
    folder = place.parent if "meta" in root else tmp_path
    monkeypatch.setenv("CROSSARCH_DATA", str(folder))
    assert find_real(CONFIGURATION, "cifar10") == (folder / found if found else None)
    assert find_real(CONFIGURATION, "digits") is None


def with_roots(configuration: Configuration, *roots: Any) -> Configuration:
    selection = configuration.selection.model_copy(update={"data_roots": tuple(map(str, roots))})
    return replace(configuration, selection=selection)


def test_roots_of_the_configuration_come_first_and_a_home_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / name / FOLDER).mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CROSSARCH_DATA", f"~/empty:~/b:{tmp_path}/c")
    assert find_real(CONFIGURATION, "cifar10") == tmp_path / "b" / FOLDER
    chosen = with_roots(CONFIGURATION, "~/empty", "~/a")
    assert find_real(chosen, "cifar10") == tmp_path / "a" / FOLDER


def test_a_root_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = tmp_path / "absent"
    told = f"found '{absent}', which does not exist, allowed: a folder"
    with pytest.raises(ConfigError) as caught:
        making.images(with_roots(CONFIGURATION, absent), Layout(tmp_path / "made"), "cifar10")
    assert str(caught.value) == f"data_roots: {told}"
    monkeypatch.setenv("CROSSARCH_DATA", f"{tmp_path}:{absent}")
    with pytest.raises(ConfigError) as caught:
        making.images(CONFIGURATION, Layout(tmp_path / "made"), "cifar10")
    assert str(caught.value) == f"CROSSARCH_DATA: {told}"


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    told = {path: path.stat() for path in (folder, *folder.rglob("*"))}
    return {str(path): (one.st_mode, one.st_mtime_ns, one.st_size) for path, one in told.items()}


@pytest.mark.parametrize("container", ["official folder", "official tar", "zip of class folders"])
def test_a_root_is_only_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batches: Batches,
    files: dict[str, bytes],
    known: Configuration,
    container: str,
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    place = CONTAINERS[container](root, files, class_images(batches))
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = listing(root)
    made = making.images(with_roots(known, root), Layout(tmp_path / "made"), "cifar10")
    assert load_metadata(made[0])["origin"] == place.name
    assert listing(root) == before
    for path in (root, *root.rglob("*")):
        path.chmod(0o755)  # for pytest to clear away


# --- archives -----------------------------------------------------------------------------------


def mirrored(folder: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes]) -> Path:
    """A mirror that has the second archive alone."""
    place = folder / "mirror" / SECOND.relative_path
    place.parent.mkdir(parents=True)
    monkeypatch.setenv("CROSSARCH_MIRROR", str(folder / "mirror"))
    return zipped(place, {f"{PREFIX}/{name}": each for name, each in members.items()})


def test_the_second_archive_serves_where_the_first_cannot_be_had(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    batches: Batches,
) -> None:
    mirrored(tmp_path, monkeypatch, class_images(batches))
    content = {split: digest_of(batches, split) for split in ("train", "test")}
    configuration = configured(content, archives=[ABSENT.model_dump(), SECOND.model_dump()])
    layout = Layout(tmp_path / "made")
    train, _ = making.images(configuration, layout, "cifar10")
    assert load_metadata(train)["origin"] == SECOND.url
    warned = capsys.readouterr().err.splitlines()
    assert len(warned) == 1  # not that no checksum is known: the content is
    assert warned[0].endswith(f"; trying the next address, {SECOND.url}")
    assert ABSENT.url in warned[0]

    train.unlink()
    monkeypatch.delenv("CROSSARCH_MIRROR")
    making.images(configuration, layout, "cifar10")  # what was downloaded goes before the first address
    assert capsys.readouterr().err == ""


def test_a_second_archive_of_other_content_is_one_line_that_tells_what_to_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: Batches
) -> None:
    members = class_images(batches)
    changed_pixel(members)
    mirrored(tmp_path, monkeypatch, members)
    content = {split: digest_of(batches, split) for split in ("train", "test")}
    configuration = configured(content, archives=[SECOND.model_dump()])
    with pytest.raises(DataError) as caught:
        making.images(configuration, Layout(tmp_path / "made"), "cifar10")
    copies = [tmp_path / folder / SECOND.relative_path for folder in ("made/downloads", "cache")]
    copies.append(Layout(tmp_path / "made").located("cifar10"))
    assert str(caught.value).endswith(f"to fetch it again, delete {' and '.join(map(str, copies))}")


def test_no_archive_to_be_had_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for archives, kind in (([ABSENT, SECOND], FetchError), ([ABSENT], FetchError), ([], ConfigError)):
        configuration = configured(archives=[file.model_dump() for file in archives])
        with pytest.raises(CrossarchError) as caught:
            making.images(configuration, Layout(tmp_path / "made"), "cifar10")
        assert type(caught.value) is kind
        assert "data_roots or CROSSARCH_DATA" in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(capsys.readouterr().err.splitlines()) == max(len(archives) - 1, 0)


# --- CIFAR-100 and Tiny-ImageNet ----------------------------------------------------------------


def some_classes(names: list[str], side: int) -> dict[str, bytes]:
    random = np.random.default_rng(1)
    return {
        f"{split}/{name}/{name}_s_{n:06}.png": png(
            random.integers(0, 256, (3, side, side), dtype=np.uint8)
        )
        for split in ("train", "test")
        for name in names
        for n in range(2)
    }


def test_cifar100_is_read_from_a_zip_of_class_folders(tmp_path: Path) -> None:
    """A class of it is called train."""
    names = sorted(["train", "test", *(f"n{n:02}" for n in range(98))])
    members = some_classes(names, 32)
    place = zipped(tmp_path / "x.zip", {f"CIFAR-100-b105b30/{name}": m for name, m in members.items()})
    configuration = configured(dataset="cifar100")
    train, test = making.images(configuration, Layout(tmp_path / "made"), "cifar100", place)
    for path in (train, test):
        assert load_set(path).labels.bincount().tolist() == [2] * 100
    assert listed_order(train) == list(range(100))


def test_tiny_imagenet_in_class_folders_does_not_tell_the_order_of_its_list(tmp_path: Path) -> None:
    names = ["n01", "n02", "n03"]
    place = unpacked(tmp_path / "tiny-imagenet", some_classes(names, 64))
    dataset = configured(dataset="tiny-imagenet").dataset("tiny-imagenet")
    train, test = tmp_path / "train.safetensors", tmp_path / "test.safetensors"
    small = dataset.model_copy(update={"classes": 3})
    prepare_real("tiny", small, Origin(layout="tiny-imagenet-200"), place, train, test)
    with pytest.raises(DataError, match="class folders, which do not tell the order"):
        listed_order(train)


# --- the real one -------------------------------------------------------------------------------


@pytest.mark.weekly
@pytest.mark.slow
def test_cifar10_itself_is_the_same_from_every_container(tmp_path: Path, official_cifar10: Path) -> None:
    layout, before = Layout(tmp_path / "folder"), listing(official_cifar10)
    train, test = map(load_set, making.images(CONFIGURATION, layout, "cifar10", official_cifar10))
    assert listing(official_cifar10) == before
    names = json.loads(load_metadata(layout.images("cifar10", "train"))["classes"])
    members = {
        f"set/{split}/{names[label]}/{n:05}.png": png(image.numpy())
        for split, images in (("train", train), ("test", test))
        for n, (image, label) in enumerate(zip(images.images, images.labels.tolist(), strict=True))
    }
    packed = {
        "tar": tarred(
            tmp_path / "x.tar.gz", {path.name: path.read_bytes() for path in official_cifar10.iterdir()}
        ),
        "zip": zipped(tmp_path / "x.zip", members),
    }
    dataset = CONFIGURATION.dataset("cifar10")
    white = fit_whitener("zca-kornia", dataset, train.images)(test.images[:100])
    drawn = train.images[draw(train, 10, 0)]
    for name, place in packed.items():
        made = making.images(CONFIGURATION, Layout(tmp_path / name), "cifar10", place)
        other = load_set(made[0])
        assert torch.equal(other.images[draw(other, 10, 0)], drawn)
        if name == "zip":
            whitened = fit_whitener("zca-kornia", dataset, other.images)(test.images[:100])
            torch.testing.assert_close(whitened, white, atol=1e-4, rtol=1e-4)
