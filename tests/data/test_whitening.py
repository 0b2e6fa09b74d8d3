"""Whitening against its formulas, written out in numpy without the package's way of doing it."""

import weakref
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy import linalg
from torch import Tensor

from crossarch.config import load_configuration, parse_run, resolve, set_whitening
from crossarch.config.schema import Dataset, Whitening
from crossarch.data import (
    ImageSet,
    fit_whitener,
    load_set,
    load_whitener,
    save_set,
    save_whitener,
    whitening,
)
from crossarch.data.whitening import Whitener
from crossarch.errors import DataError

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
Array = np.ndarray[Any, np.dtype[np.float64]]
Name = Literal["none", "standardise", "zca-kornia", "zca-frepo"]
NAMES: tuple[Name, ...] = ("none", "standardise", "zca-kornia", "zca-frepo")
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
HEIGHT, WIDTH = 4, 5  # so that rows and columns cannot be mixed up
DATASET = Dataset(
    title="Small",
    classes=10,
    channels=3,
    image_size=8,
    mean=MEAN,
    std=STD,
    label_temperature=0.3,
    batch_size={1: 10},
)


pytestmark = pytest.mark.usefixtures("one_thread")


def random_images(count: int, seed: int = 0) -> Tensor:
    """Neighbouring pixels and channels are correlated, as those of photographs."""
    draws = np.random.default_rng(seed)
    noise = draws.normal(0, 60, (count, 3, HEIGHT, WIDTH))
    noise += np.roll(noise, 1, axis=3) + noise.mean(axis=1, keepdims=True)
    noise *= np.linspace(0.3, 1.2, HEIGHT)[:, None]
    return torch.from_numpy(np.clip(noise + 120, 0, 255).astype(np.uint8))


def inverse_root(matrix: Array) -> Array:
    """M^(-1/2) of a positive definite matrix, by Schur decomposition."""
    return np.asarray(np.real(linalg.inv(linalg.sqrtm(matrix))))


def kornia(train: Array, test: Array) -> Array:
    """Pixels in [0, 1], flattened in CHW; cov over n - 1, eigenvalues plus 0.1."""
    x, t = train.reshape(len(train), -1) / 255, test.reshape(len(test), -1) / 255
    mean = x.mean(0)
    covariance = sum(np.outer(row - mean, row - mean) for row in x) / (len(x) - 1)
    matrix = inverse_root(covariance + 0.1 * np.eye(len(mean)))
    return np.asarray((t - mean) @ matrix).reshape(test.shape)


def frepo(train: Array, test: Array) -> Array:
    """Standardised, flattened in HWC; cov over n plus 0.1 of its mean diagonal."""

    def flat(images: Array) -> Array:
        hwc = images.transpose(0, 2, 3, 1) / 255
        return np.asarray((hwc - np.array(MEAN)) / np.array(STD)).reshape(len(images), -1)

    x, t = flat(train), flat(test)
    mean = x.mean(0)
    covariance = sum(np.outer(row - mean, row - mean) for row in x) / len(x)
    ridge = 0.1 * np.trace(covariance) / len(mean)
    white = (t - mean) @ inverse_root(covariance + ridge * np.eye(len(mean)))
    return np.asarray(white.reshape(len(test), HEIGHT, WIDTH, 3).transpose(0, 3, 1, 2))


@pytest.mark.parametrize("count", [12, 400])
def test_zca_kornia(count: int) -> None:
    train, test = random_images(count), random_images(30, seed=1)
    found = fit_whitener("zca-kornia", DATASET, train)(test)
    assert found.dtype == torch.float32
    expected = kornia(train.numpy().astype(float), test.numpy().astype(float))
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("count", [12, 400])
def test_zca_frepo(count: int) -> None:
    train, test = random_images(count), random_images(30, seed=1)
    found = fit_whitener("zca-frepo", DATASET, train)(test)
    assert found.dtype == torch.float32
    expected = frepo(train.numpy().astype(float), test.numpy().astype(float))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def kip(train: Array, test: Array) -> Array:
    """Standardised, flattened in HWC, each image centred and of length 1; second moments, no mean."""

    def flat(images: Array) -> Array:
        hwc = images.transpose(0, 2, 3, 1) / 255
        rows = ((hwc - np.array(MEAN)) / np.array(STD)).reshape(len(images), -1)
        rows = rows - rows.mean(1, keepdims=True)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    x, t = flat(train), flat(test)
    moments = x.T @ x / len(x)
    ridge = 0.1 * np.trace(moments) / len(moments)
    white = t @ inverse_root(moments + ridge * np.eye(len(moments)))
    return np.asarray(white.reshape(len(test), HEIGHT, WIDTH, 3).transpose(0, 3, 1, 2))


def test_zca_kip_normalises_each_image(tmp_path: Path) -> None:
    train, test = random_images(400), random_images(30, seed=1)
    fitted = fit_whitener("zca-kip", DATASET, train)
    expected = kip(train.numpy().astype(float), test.numpy().astype(float))
    np.testing.assert_allclose(fitted(test), expected, atol=1e-4)
    save_whitener(tmp_path / "whitener", fitted)
    assert torch.equal(load_whitener(tmp_path / "whitener")(test), fitted(test))
    # Brightness and contrast of each image are lost, its shape is not.
    shown, pixels = fitted.unwhiten(fitted(test)).flatten(1), test.flatten(1).float()
    scaled = (pixels.view(30, 3, -1) / 255 - torch.tensor(MEAN)[:, None]) / torch.tensor(STD)[:, None]
    back = (shown.view(30, 3, -1) - torch.tensor(MEAN)[:, None]) / torch.tensor(STD)[:, None]
    for one, other in zip(scaled.flatten(1), back.flatten(1), strict=True):
        assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > 0.999


def test_custom_constants() -> None:
    adapter = TypeAdapter(Whitening)
    name = adapter.validate_python({"mean": [0.5, 0.4, 0.3], "std": [0.25, 0.5, 1]})
    assert name == "constants_0.5_0.4_0.3_0.25_0.5_1"
    assert adapter.validate_python(name) == name
    images = random_images(5)
    expected = (images / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor(
        [0.25, 0.5, 1]
    )[:, None, None]
    torch.testing.assert_close(fit_whitener(name, DATASET, images)(images), expected)
    with pytest.raises(DataError, match="found no constants for the whitening"):
        fit_whitener("constants_0.5_0.25", DATASET, images)
    for wrong in ({"mean": [0.5]}, {"mean": [0.5], "std": [0]}, {"mean": [0.5], "std": []}, "zca", 3):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


@pytest.mark.parametrize("name", ["zca-kornia", "zca-frepo"])
def test_more_images_than_one_chunk(name: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    train = random_images(50)
    whole = fit_whitener(name, DATASET, train)(train)
    monkeypatch.setattr(whitening, "CHUNK", 7)
    np.testing.assert_allclose(fit_whitener(name, DATASET, train)(train), whole, atol=1e-5)


def test_no_more_than_a_few_chunks_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images of a large set do not fit into memory in floating point."""
    held: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0
    scaled = Whitener._scaled

    def counted(whitener: Whitener, images: Tensor) -> Tensor:
        nonlocal most
        chunk = scaled(whitener, images)
        held.add(chunk)
        most = max(most, len(held))
        return chunk

    monkeypatch.setattr(whitening, "CHUNK", 5)
    monkeypatch.setattr(Whitener, "_scaled", counted)
    fit_whitener("zca-frepo", DATASET, random_images(100))
    assert 1 <= most <= 2


def test_whitened_training_images_have_the_expected_covariance() -> None:
    """U diag(s / (s + ridge)) U^T with mean zero: nearly white where s is large."""
    train = random_images(500)
    for name, divisor in (("zca-kornia", 499), ("zca-frepo", 500)):
        scale = np.ones(3) if name == "zca-kornia" else np.array(STD)
        x = (train.numpy() / 255.0 / scale[:, None, None]).reshape(500, -1)
        covariance = (x - x.mean(0)).T @ (x - x.mean(0)) / divisor
        ridge = 0.1 if name == "zca-kornia" else 0.1 * np.trace(covariance) / (3 * HEIGHT * WIDTH)
        whitener = fit_whitener("zca-kornia" if divisor == 499 else "zca-frepo", DATASET, train)
        white = whitener(train).flatten(1).double().numpy()
        np.testing.assert_allclose(white.mean(0), 0.0, atol=1e-5)
        found = white.T @ white / divisor
        expected = covariance @ np.linalg.inv(covariance + ridge * np.eye(3 * HEIGHT * WIDTH))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_none_and_standardise() -> None:
    train, test = random_images(20), random_images(5, seed=1)
    pixels = test.numpy() / 255.0
    np.testing.assert_allclose(fit_whitener("none", DATASET, train)(test), pixels, atol=1e-6)
    expected = (pixels - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    found = fit_whitener("standardise", DATASET, train)(test)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_unwhiten_gives_the_pixels_back(name: Name) -> None:
    train, test = random_images(200), random_images(20, seed=1)
    whitener = fit_whitener(name, DATASET, train)
    np.testing.assert_allclose(whitener.unwhiten(whitener(test)), test / 255.0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_saved_whiteners_do_the_same(name: Name, tmp_path: Path) -> None:
    train, test = random_images(40), random_images(5, seed=1)
    whitener = fit_whitener(name, DATASET, train)
    path = tmp_path / "deep" / "whitener.safetensors"
    save_whitener(path, whitener)
    loaded = load_whitener(path)
    assert loaded.name == name
    assert torch.equal(loaded(test), whitener(test))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"whitener\.safetensors"):
        load_whitener(path)


@pytest.mark.parametrize("soft", [False, True])
def test_saved_sets_come_back(soft: bool, tmp_path: Path) -> None:
    images = torch.randn(4, 3, 8, 8)
    labels = torch.rand(4, 10) if soft else torch.tensor([1, 2, 3, 0])
    path = tmp_path / "set.safetensors"
    save_set(path, ImageSet(images.permute(0, 1, 3, 2), labels), {})
    loaded = load_set(path)
    assert torch.equal(loaded.images, images.permute(0, 1, 3, 2))
    assert torch.equal(loaded.labels, labels)
    assert loaded.labels.dtype == labels.dtype


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (torch.full((2, 3, 8, 8), torch.nan), torch.tensor([0, 1])),
        (torch.zeros(2, 3, 8), torch.tensor([0, 1])),
        (torch.zeros(2, 3, 8, 8), torch.tensor([0, 1, 2])),
        (torch.zeros(2, 3, 8, 8), torch.tensor([[0.0, torch.inf], [0.0, 1.0]])),
        (torch.zeros(2, 3, 8, 8, dtype=torch.int32), torch.tensor([0, 1])),
        (torch.zeros(0, 3, 8, 8), torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_impossible_sets_are_refused(images: Tensor, labels: Tensor, tmp_path: Path) -> None:
    path = tmp_path / "set.safetensors"
    save_set(path, ImageSet(images, labels), {})
    with pytest.raises(DataError, match=r"set\.safetensors"):
        load_set(path)


# --- Which space a set lives in -------------------------------------------------------------------


def test_spaces_of_the_distilled_sets() -> None:
    for source in ("frepo", "mtt"):
        for ipc in (1, 10, 50):
            own = "zca-frepo" if (source, ipc) == ("frepo", 1) else "zca-kornia"
            assert set_whitening(CONFIGURATION, source, "cifar10", ipc) == own
            for protocol, expected in (
                ("", own),
                ("@released", "zca-kornia"),
                ("@released_as_is", "zca-kornia"),
            ):
                run = parse_run(f"cifar10/{source}/ipc{ipc}/cnn/baseline{protocol}/seed0")
                assert resolve(CONFIGURATION, run).whitening == expected


@pytest.mark.parametrize("protocol", ["", "@released", "@released_as_is"])
@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("cifar10/real/ipc10", "standardise"),
        ("digits/own-frepo/ipc1", "standardise"),
        ("cifar100/frepo/ipc1", "zca-frepo"),
        ("tiny-imagenet/mtt/ipc1", "standardise-mtt"),
    ],
)
def test_other_sets_are_tested_in_their_own_space(of: str, expected: str, protocol: str) -> None:
    run = parse_run(f"{of}/cnn/baseline{protocol}/seed0")
    assert set_whitening(CONFIGURATION, run.source, run.dataset, run.ipc) == expected
    assert resolve(CONFIGURATION, run).whitening == expected


def test_channel_statistics_of_the_data_sets() -> None:
    cifar100 = ((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762))
    tiny = ((0.4759, 0.4481, 0.3926), (0.2763, 0.2687, 0.2813))
    for name, statistics in (("cifar10", (MEAN, STD)), ("cifar100", cifar100)):
        dataset = CONFIGURATION.dataset(name)
        assert (dataset.mean, dataset.std) == statistics
    dataset = CONFIGURATION.dataset("tiny-imagenet")
    assert (dataset.mean, dataset.std) == tiny
