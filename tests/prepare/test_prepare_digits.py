"""The data set that comes with a package: the images themselves, and all stages up to a training."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import making
import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from crossarch.config import (
    Configuration,
    SetId,
    load_configuration,
)
from crossarch.config.locked import Locked
from crossarch.config.schema import Source
from crossarch.data import load_set
from crossarch.data.store import load_metadata
from crossarch.errors import DataError, FetchError
from crossarch.layout import Layout

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
MINE = SetId(source="mine", dataset="digits", ipc=1)


def test_halves_classes_and_pixels_are_those_of_scikit_learn(tmp_path: Path) -> None:
    train, test = map(load_set, making.images(CONFIGURATION, Layout(tmp_path), "digits"))
    digits = load_digits()
    halves = train_test_split(digits.images, digits.target, test_size=0.5, shuffle=False)
    for found, small, labels in ((train, halves[0], halves[2]), (test, halves[1], halves[3])):
        assert found.images.dtype == torch.uint8
        assert found.images.shape == (len(small), 1, 16, 16)
        np.testing.assert_array_equal(found.labels.numpy(), labels)
        # Bilinear between the centres of the pixels, constant beyond the outer ones.
        at = (np.arange(16) + 0.5) / 2 - 0.5
        grid = np.meshgrid(at, at, indexing="ij")
        for place in (0, 1, len(small) - 1):
            image = small[place] * 255 / 16
            expected = ndimage.map_coordinates(image, grid, order=1, mode="nearest")
            np.testing.assert_allclose(found.images[place, 0].numpy(), expected, atol=0.501)


def test_mean_and_deviation_of_the_configuration_are_those_of_the_training_half(tmp_path: Path) -> None:
    train = load_set(making.images(CONFIGURATION, Layout(tmp_path), "digits")[0])
    pixels = train.images.double() / 255
    settings = CONFIGURATION.dataset("digits")
    assert settings.mean == pytest.approx([float(pixels.mean())], abs=5e-5)
    assert settings.std == pytest.approx([float(pixels.std(correction=0))], abs=5e-5)


@pytest.mark.parametrize("whitening", ["none", "standardise", "zca-kornia", "zca-frepo"])
def test_every_space_takes_one_channel(tmp_path: Path, whitening: str) -> None:
    path = making.whitened_test_set(CONFIGURATION, Layout(tmp_path), "digits", whitening)  # type: ignore[arg-type]
    images = load_set(path).images
    assert images.shape == (899, 1, 16, 16)
    assert float(images.std()) > 0.1


def test_the_constants_of_the_configuration_scale_the_test_set(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    before = load_set(making.whitened_test_set(CONFIGURATION, layout, "digits", "standardise")).images
    changed = CONFIGURATION.dataset("digits").model_copy(update={"std": (0.5,)})
    other = replace(CONFIGURATION, datasets={**CONFIGURATION.datasets, "digits": changed})
    after = load_set(making.whitened_test_set(other, layout, "digits", "standardise")).images
    std = CONFIGURATION.dataset("digits").std[0]
    torch.testing.assert_close(after, before * std / 0.5)


def with_a_set_of_digits(file: Any, **changes: Any) -> Configuration:
    """The configuration with a source `mine`, whose set of one digit a class is `file`."""
    source = CONFIGURATION.source("own-frepo").model_dump(exclude_unset=True, exclude={"distilled"})
    one = {"file": str(file) if isinstance(file, Path) else file}
    source |= {"labels": "hard", "sets": {"digits": {1: one}}, **changes}
    sources = {**CONFIGURATION.sources, "mine": Source.model_validate(source)}
    return replace(CONFIGURATION, sources=sources)


def test_a_folder_of_grey_images_is_a_set_of_digits(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8)
    for label, values in enumerate(pixels):
        (tmp_path / "set" / str(label)).mkdir(parents=True)
        Image.fromarray(values).save(tmp_path / "set" / str(label) / "0.png")
    configuration = with_a_set_of_digits(tmp_path / "set", pixels="raw", whitening="none")
    made = load_set(making.distilled(configuration, Layout(tmp_path), MINE))
    np.testing.assert_allclose(made.images[:, 0].numpy(), pixels / 255, rtol=1e-6)
    assert made.labels.tolist() == list(range(10))


def write_digits(file: Path, value: int, dtype: Any = np.float32) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        np.savez(stream, images=np.full((10, 1, 16, 16), value, dtype=dtype), labels=np.arange(10))


def test_a_set_is_read_as_its_source_says(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path / "results"), tmp_path / "set.npz"
    write_digits(file, 255, np.uint8)

    def prepared(**changes: Any) -> torch.Tensor:
        configuration = with_a_set_of_digits(file, pixels="raw", **changes)
        return load_set(making.distilled(configuration, layout, MINE)).images

    assert bool((prepared(whitening="none") == 1).all())
    assert not bool((prepared(whitening="standardise") == 1).all())
    configuration = with_a_set_of_digits(file)
    with pytest.raises(DataError, match="needed: floats in the space"):
        making.distilled(configuration, layout, MINE)


@pytest.mark.parametrize("pin", ["sha256", "git_blob", "lock"])
def test_a_set_made_from_other_bytes_than_are_pinned_later_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: str
) -> None:
    monkeypatch.setenv("CROSSARCH_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("CROSSARCH_CACHE", str(tmp_path / "cache"))
    host, layout = "127.0.0.1:9", Layout(tmp_path / "results")
    url, fetched = f"http://{host}/set.npz", tmp_path / "mirror" / host / "set.npz"
    write_digits(fetched, 1)

    def prepared(digest: str) -> Path:
        pinned = {} if pin == "lock" else {pin: digest}
        configuration = with_a_set_of_digits({"url": url, **(pinned if digest else {})})
        if pin == "lock" and digest:
            locked = {url: Locked(size=fetched.stat().st_size, sha256=digest)}
            configuration = replace(configuration, lock=locked)
        return making.distilled(configuration, layout, MINE)

    path = prepared("")
    kind = "sha256" if pin == "lock" else pin
    right = json.loads(load_metadata(path)["checksums"])[url][kind]
    assert prepared(right if pin == "lock" else right.upper()) == path
    with pytest.raises(FetchError, match="expected"):
        prepared("0" * len(right))


def test_nothing_is_fetched_for_it() -> None:
    assert "digits" not in CONFIGURATION.upstream()


def test_a_half_download_without_a_checksum_is_told_with_what_to_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSARCH_CACHE", str(tmp_path / "cache"))
    layout, place = Layout(tmp_path / "results"), "data.example.org/set.npz"
    whole = io.BytesIO()
    np.savez(whole, images=np.zeros((10, 1, 16, 16), np.float32), labels=np.arange(10))
    file = layout.downloads / place
    file.parent.mkdir(parents=True)
    file.write_bytes(whole.getvalue()[:2000])
    configuration = with_a_set_of_digits({"url": f"https://{place}"}, whitening="standardise")

    def prepared() -> Path:
        return making.distilled(configuration, layout, MINE)

    with pytest.raises(DataError) as caught:
        prepared()
    told = str(caught.value)
    assert told.startswith(f"{file}: ")
    assert told.endswith(f"to fetch it again, delete {file} and {tmp_path / 'cache' / place}")
    file.write_bytes(whole.getvalue())
    assert prepared().exists()
