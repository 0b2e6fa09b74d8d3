"""The data set that comes with a package: the images themselves, and all stages up to a training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from crossarch.config import Configuration, load_configuration
from crossarch.config.schema import Source
from crossarch.data import load_set
from crossarch.data.ensure import ensure_distilled, ensure_images, ensure_test_set
from crossarch.layout import Layout

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")


def test_halves_classes_and_pixels_are_those_of_scikit_learn(tmp_path: Path) -> None:
    train, test = map(load_set, ensure_images(CONFIGURATION, Layout(tmp_path), "digits"))
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
    train = load_set(ensure_images(CONFIGURATION, Layout(tmp_path), "digits")[0])
    pixels = train.images.double() / 255
    settings = CONFIGURATION.dataset("digits")
    assert settings.mean == pytest.approx([float(pixels.mean())], abs=5e-5)
    assert settings.std == pytest.approx([float(pixels.std(correction=0))], abs=5e-5)


@pytest.mark.parametrize("whitening", ["none", "standardise", "zca-kornia", "zca-frepo"])
def test_every_space_takes_one_channel(tmp_path: Path, whitening: str) -> None:
    path = ensure_test_set(CONFIGURATION, Layout(tmp_path), "digits", whitening)  # type: ignore[arg-type]
    images = load_set(path).images
    assert images.shape == (899, 1, 16, 16)
    assert float(images.std()) > 0.1


def test_other_constants_make_whitening_and_test_set_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    before = load_set(ensure_test_set(CONFIGURATION, layout, "digits", "standardise")).images
    changed = CONFIGURATION.dataset("digits").model_copy(update={"std": (0.5,)})
    other = replace(CONFIGURATION, datasets={**CONFIGURATION.datasets, "digits": changed})
    after = load_set(ensure_test_set(other, layout, "digits", "standardise")).images
    std = CONFIGURATION.dataset("digits").std[0]
    torch.testing.assert_close(after, before * std / 0.5)
    kept = layout.test_set("digits", "standardise").stat().st_mtime_ns
    ensure_test_set(other, layout, "digits", "standardise")
    assert layout.test_set("digits", "standardise").stat().st_mtime_ns == kept


def with_a_set_of_digits(file: Path, **changes: str) -> Configuration:
    """The configuration with a source `mine`, whose set of one digit a class is `file`."""
    source = CONFIGURATION.source("own-frepo").model_dump(exclude_unset=True, exclude={"distilled"})
    source |= {"labels": "hard", "sets": {"digits": {1: {"file": str(file)}}}, **changes}
    sources = {**CONFIGURATION.sources, "mine": Source.model_validate(source)}
    return replace(CONFIGURATION, sources=sources)


@pytest.mark.parametrize("raw", [True, False])
def test_a_set_that_was_changed_is_prepared_anew(tmp_path: Path, raw: bool) -> None:
    file, layout = tmp_path / "set.npz", Layout(tmp_path / "results")
    configuration = with_a_set_of_digits(file, pixels="raw" if raw else "whitened")

    def prepared(value: int) -> torch.Tensor:
        images = np.full((10, 1, 16, 16), value, dtype=np.uint8 if raw else np.float32)
        np.savez(file, images=images, labels=np.arange(10))
        return load_set(ensure_distilled(configuration, layout, "mine", "digits", 1)).images

    first = prepared(0)
    assert not torch.equal(prepared(1), first)
    assert torch.equal(prepared(0), first)


def test_a_folder_of_grey_images_is_a_set_of_digits(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 16, 16), dtype=np.uint8)
    for label, values in enumerate(pixels):
        (tmp_path / "set" / str(label)).mkdir(parents=True)
        Image.fromarray(values).save(tmp_path / "set" / str(label) / "0.png")
    configuration = with_a_set_of_digits(tmp_path / "set", pixels="raw", whitening="none")
    made = load_set(ensure_distilled(configuration, Layout(tmp_path), "mine", "digits", 1))
    np.testing.assert_allclose(made.images[:, 0].numpy(), pixels / 255, rtol=1e-6)
    assert made.labels.tolist() == list(range(10))


def test_nothing_is_fetched_for_it() -> None:
    assert "digits" not in CONFIGURATION.upstream()
