"""k-fold augmentation: every operation against a slow reference worked out sample by sample.

The random parameters are not looked up but read off the results: by trying all shifts, by the shape
of a hole, or from channels that hold their own coordinates.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Generator, Tensor

from crossarch.config import load_configuration, parse_run, resolve
from crossarch.config.schema import Augmentation
from crossarch.training import augmentation
from crossarch.training.augmentation import (
    OPERATIONS,
    augment,
    color,
    crop,
    cutout,
    flip,
    rotate,
    scale,
)

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
Array = np.ndarray[Any, np.dtype[Any]]
SETTINGS = Augmentation(
    folds=1,
    brightness=1.0,
    saturation=2.0,
    contrast=0.5,
    crop_pad=0.125,
    cutout=0.5,
    flip=0.5,
    scale=1.2,
    rotate=15.0,
)


pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def pictures(samples: int, channels: int = 3, side: int = 16, seed: int = 1) -> Tensor:
    """Noise of both signs and none of it zero, as whitened images are."""
    noise = torch.randn(samples, channels, side, side, generator=seeded(seed)) * 1.5
    return torch.where(noise.abs() < 0.01, torch.full_like(noise, 0.5), noise)


def assert_uniform(values: Array, low: float, high: float) -> None:
    """Kolmogorov-Smirnov; seeds are fixed, so this never fails by chance."""
    assert values.min() >= low - 1e-3
    assert values.max() <= high + 1e-3
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def assert_independent(first: Array, second: Array) -> None:
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 4.0 / np.sqrt(len(first))


def test_configured_strengths() -> None:
    for recipe in ("baseline", "full"):
        run = parse_run(f"cifar10/mtt/ipc10/resnet18/{recipe}/seed0")
        found = resolve(CONFIGURATION, run).augmentation
        assert found.model_copy(update={"folds": 1}) == SETTINGS


# --- Color ----------------------------------------------------------------------------------------


def test_color_is_brightness_saturation_contrast_of_each_sample() -> None:
    images = pictures(800)
    out = color(images, SETTINGS, seeded()).double().numpy()
    x = images.double().numpy()
    brightness, saturation, contrast = [], [], []
    for before, after in zip(x, out, strict=True):
        mean, grey = before.mean(), before.mean(axis=0, keepdims=True)
        b = after.mean() - mean  # saturation and contrast leave the mean alone
        c = np.vdot(after.mean(0) - after.mean(), grey[0] - mean) / np.vdot(grey - mean, grey - mean)
        chroma = before - grey
        s = np.vdot(after - after.mean(0), chroma) / np.vdot(chroma, chroma) / c
        # the formulas, one after the other, with the parameters just read off
        y = before + b
        g = y.mean(axis=0, keepdims=True)
        y = (y - g) * s + g
        y = (y - y.mean()) * c + y.mean()
        np.testing.assert_allclose(after, y, atol=2e-5)
        brightness.append(b)
        saturation.append(s)
        contrast.append(c)
    assert_uniform(np.array(brightness), -0.5, 0.5)  # (u - 0.5) * 1.0
    assert_uniform(np.array(saturation), 0.0, 2.0)  # 2 u
    assert_uniform(np.array(contrast), 0.5, 1.5)  # u + 0.5
    assert_independent(np.array(brightness), np.array(saturation))
    assert_independent(np.array(saturation), np.array(contrast))
    assert_independent(np.array(brightness), np.array(contrast))


def test_strengths_of_color_scale_its_parameters() -> None:
    strong = SETTINGS.model_copy(update={"brightness": 3.0, "saturation": 0.0, "contrast": 2.0})
    images = pictures(400)
    out = color(images, strong, seeded())
    shift = (out - images).mean((1, 2, 3)).numpy()
    assert_uniform(shift, -1.5, 1.5)
    assert torch.allclose(out, out.mean(1, keepdim=True).expand_as(out), atol=1e-4), "all grey"
    spread = (out.std((1, 2, 3)) / images.mean(1, keepdim=True).expand_as(out).std((1, 2, 3))).numpy()
    assert_uniform(spread, 2.0, 3.0)


# --- Crop -----------------------------------------------------------------------------------------


def shifted(image: Array, dy: int, dx: int) -> Array:
    """Pixel (i, j) comes from (i + dy, j + dx); zero where that is outside."""
    out = np.zeros_like(image)
    height, width = image.shape[1:]
    for i in range(height):
        for j in range(width):
            if 0 <= i + dy < height and 0 <= j + dx < width:
                out[:, i, j] = image[:, i + dy, j + dx]
    return out


def test_crop_is_a_zero_padded_shift_of_up_to_4_pixels_at_32() -> None:
    image = pictures(1, side=32)
    out = crop(image.expand(300, -1, -1, -1), SETTINGS, seeded()).numpy()
    candidates = {
        (dy, dx): shifted(image[0].numpy(), dy, dx) for dy in range(-6, 7) for dx in range(-6, 7)
    }
    found = Counter(
        next(shift for shift, wanted in candidates.items() if np.array_equal(sample, wanted))
        for sample in out
    )
    assert {abs(d) for shift in found for d in shift} == {0, 1, 2, 3, 4}
    assert len(found) > 70, "of 81 shifts"


def test_crop_draws_all_shifts_equally_often_and_moves_channels_together() -> None:
    image = pictures(1, side=8)  # a pad of 1: nine shifts
    out = crop(image.expand(3600, -1, -1, -1), SETTINGS, seeded()).numpy()
    shifts = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    equal = np.array(
        [(out == shifted(image[0].numpy(), *shift)).all(axis=(1, 2, 3)) for shift in shifts]
    )
    assert (equal.sum(0) == 1).all()
    assert stats.chisquare(equal.sum(1)).pvalue > 1e-3


def test_crop_takes_each_sample_from_itself() -> None:
    images = torch.arange(1.0, 9.0).view(8, 1, 1, 1).expand(8, 2, 16, 16)
    out = crop(images, SETTINGS, seeded())
    for index, sample in enumerate(out):
        assert set(sample.unique().tolist()) <= {0.0, index + 1.0}
        assert float(sample[:, 4:12, 4:12].min()) == index + 1.0


# --- Cutout ---------------------------------------------------------------------------------------


def interval(inside: Array) -> tuple[int, int]:
    """First and last of a run of True."""
    where = np.flatnonzero(inside)
    assert len(where) == where[-1] - where[0] + 1
    return int(where[0]), int(where[-1])


@pytest.mark.parametrize(("side", "length"), [(16, 8), (32, 16)])
def test_cutout_zeroes_a_square_clipped_at_the_border(side: int, length: int) -> None:
    images = pictures(2000, channels=2, side=side)
    out = cutout(images, SETTINGS, seeded())
    hole = (out == 0.0).numpy()
    assert (hole[:, 0] == hole[:, 1]).all(), "all channels alike"
    assert torch.equal(out[out != 0.0], images[out != 0.0])
    allowed = {  # a centre anywhere from one border to the other, clipped
        (max(0, centre - length // 2), min(side, centre + length // 2) - 1) for centre in range(side + 1)
    }
    rows, columns = [], []
    for mask in hole[:, 0]:
        top, bottom = interval(mask.any(1))
        left, right = interval(mask.any(0))
        assert mask[top : bottom + 1, left : right + 1].all()
        assert {(top, bottom), (left, right)} <= allowed
        rows.append((top, bottom))
        columns.append((left, right))
    for found in (rows, columns):
        counts = Counter(found)
        assert set(counts) == allowed, "also half outside, at either border"
        assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    assert_independent(np.array(rows)[:, 0], np.array(columns)[:, 0])


def test_cutout_of_an_odd_length_and_of_none() -> None:
    images = pictures(300, side=8)
    odd = cutout(images, SETTINGS.model_copy(update={"cutout": 0.375}), seeded())
    tallest = (odd[:, 0] == 0.0).any(2).sum(1)
    assert set(tallest.tolist()) == {2, 3}  # a centre on the border leaves two rows
    none = cutout(images, SETTINGS.model_copy(update={"cutout": 0.0}), seeded())
    assert torch.equal(none, images)


# --- One channel ---------------------------------------------------------------------------------


def test_one_channel_has_no_saturation() -> None:
    """A grey image is its own grey: whatever the saturation, the result is the same."""
    images = pictures(50, channels=1)
    strengths = (0.0, 2.0, 5.0)
    outs = [
        color(images, SETTINGS.model_copy(update={"saturation": strength}), seeded())
        for strength in strengths
    ]
    assert all(torch.equal(out, outs[0]) for out in outs)
    # What is left is linear in each image: brightness shifts, contrast scales about the mean.
    for before, after in zip(images.flatten(1), outs[0].flatten(1), strict=True):
        slope, offset = np.polyfit(before.double().numpy(), after.double().numpy(), 1)
        assert 0.5 <= slope <= 1.5
        residual = after - (slope * before + offset)
        assert float(residual.abs().max()) < 1e-4


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_takes_one_channel(operation: Any) -> None:
    images = pictures(20, channels=1)
    out = operation(images, SETTINGS, seeded())
    assert out.shape == images.shape
    assert bool(out.isfinite().all())


# --- Flip -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("probability", [0.0, 0.2, 0.5, 1.0])
def test_flip_mirrors_left_and_right_with_its_probability(probability: float) -> None:
    images = pictures(3000, side=4)
    out = flip(images, SETTINGS.model_copy(update={"flip": probability}), seeded()).numpy()
    x = images.numpy()
    mirrored = (out == x[:, :, :, ::-1]).all((1, 2, 3))
    same = (out == x).all((1, 2, 3))
    assert (mirrored ^ same).all()
    error = np.sqrt(probability * (1 - probability) / len(x))
    assert mirrored.mean() == pytest.approx(probability, abs=4 * error)


# --- Scale and rotate -----------------------------------------------------------------------------


def with_coordinates(samples: int, side: int) -> tuple[Tensor, Array]:
    """Channels: 1, x, y (from -1 to 1 between the centres of the outer pixels), noise."""
    axis = np.linspace(-1.0, 1.0, side)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    noise = np.random.default_rng(3).normal(0, 1, (side, side))
    channels = np.stack([np.ones((side, side)), x, y, noise])
    images = torch.from_numpy(channels).float().expand(samples, -1, -1, -1)
    return images, channels


def read_matrix(sample: Array, channels: Array) -> Array:
    """The 2x2 matrix that takes a pixel's (x, y) to the place it was sampled from.

    Bilinear sampling reproduces linear pictures, so the second and third channel hold that place.
    """
    side = sample.shape[-1]
    middle = slice(side // 4, side - side // 4)
    x, y = channels[1, middle, middle].ravel(), channels[2, middle, middle].ravel()
    grid = np.stack([x, y], axis=1)
    sources = np.stack([sample[1, middle, middle].ravel(), sample[2, middle, middle].ravel()], axis=1)
    solution, *_ = np.linalg.lstsq(grid, sources, rcond=None)
    np.testing.assert_allclose(grid @ solution, sources, atol=1e-5)
    return np.asarray(solution.T)


def warped(channels: Array, matrix: Array) -> Array:
    """Bilinear sampling with zeros outside, by scipy; rows come before columns there."""
    side = channels.shape[-1]
    centre = np.full(2, (side - 1) / 2)
    in_rows = matrix[::-1, ::-1]
    offset = centre - in_rows @ centre
    return np.stack(
        [
            ndimage.affine_transform(c, in_rows, offset, order=1, mode="grid-constant", cval=0.0)
            for c in channels
        ]
    )


def test_scale_zooms_each_axis_by_itself() -> None:
    images, channels = with_coordinates(600, 16)
    out = scale(images, SETTINGS, seeded()).double().numpy()
    factors = []
    for index, sample in enumerate(out):
        matrix = read_matrix(sample, channels)
        assert abs(matrix[0, 1]) + abs(matrix[1, 0]) < 1e-5
        if index < 100:
            np.testing.assert_allclose(sample, warped(channels, matrix), atol=2e-4)
        factors.append((matrix[0, 0], matrix[1, 1]))
    along_x, along_y = np.array(factors).T
    assert_uniform(along_x, 1 / 1.2, 1.2)
    assert_uniform(along_y, 1 / 1.2, 1.2)
    assert_independent(along_x, along_y)


def test_rotate_turns_about_the_centre() -> None:
    images, channels = with_coordinates(600, 16)
    out = rotate(images, SETTINGS, seeded()).double().numpy()
    angles = []
    for index, sample in enumerate(out):
        matrix = read_matrix(sample, channels)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), atol=1e-4)
        assert np.linalg.det(matrix) > 0
        if index < 100:
            np.testing.assert_allclose(sample, warped(channels, matrix), atol=2e-4)
        angles.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    assert_uniform(np.array(angles), -15.0, 15.0)


def test_a_smooth_picture_turns_as_its_formula_does() -> None:
    side = 65
    axis = np.linspace(-1.0, 1.0, side)
    y, x = np.meshgrid(axis, axis, indexing="ij")

    def smooth(x: Array, y: Array) -> Array:
        return np.asarray(np.sin(2.0 * x) + np.cos(1.5 * y) * x)

    channels = np.stack([np.ones_like(x), x, y, smooth(x, y)])
    images = torch.from_numpy(channels).float().expand(20, -1, -1, -1)
    for operation in (scale, rotate):
        for sample in operation(images, SETTINGS, seeded()).double().numpy():
            matrix = read_matrix(sample, channels)
            from_x = matrix[0, 0] * x + matrix[0, 1] * y
            from_y = matrix[1, 0] * x + matrix[1, 1] * y
            inside = np.maximum(abs(from_x), abs(from_y)) <= 1.0
            wanted = np.where(inside, smooth(from_x, from_y), 0.0)
            np.testing.assert_allclose(sample[3][inside], wanted[inside], atol=2e-3)
            outside = np.maximum(abs(from_x), abs(from_y)) > 1.0 + 2 / (side - 1)
            assert (sample[3][outside] == 0.0).all()


def test_strengths_of_1_and_0_leave_images_where_they_are() -> None:
    still = SETTINGS.model_copy(update={"scale": 1.0, "rotate": 0.0, "crop_pad": 0.0})
    images = pictures(4)
    for operation in (scale, rotate):
        torch.testing.assert_close(operation(images, still, seeded()), images, atol=1e-4, rtol=0)
    assert torch.equal(crop(images, still, seeded()), images)


# --- All operations -------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_are_seeded_per_sample_and_leave_their_input_alone(operation: Any) -> None:
    image = pictures(1)
    images = image.repeat(32, 1, 1, 1)
    out = operation(images, SETTINGS, seeded(4))
    assert out.shape == images.shape
    assert out.dtype == images.dtype
    assert torch.equal(images, image.expand(32, -1, -1, -1)), "not in place"
    assert torch.equal(out, operation(images, SETTINGS, seeded(4)))
    assert not torch.equal(out, operation(images, SETTINGS, seeded(5)))
    different = {sample.numpy().tobytes() for sample in out}
    assert len(different) >= (2 if operation is flip else 10), "own parameters for each sample"


def test_operations_do_not_touch_the_global_generator() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    augment(pictures(4), SETTINGS.model_copy(update={"folds": 6}), seeded(), seeded())
    assert torch.equal(torch.get_rng_state(), before)


def record(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Replace the operations by recorders; the orders of all calls of `augment` are collected."""
    orders: list[list[int]] = []

    def recorder(index: int) -> Any:
        def operation(images: Tensor, settings: Augmentation, values: Generator) -> Tensor:
            assert len(images) == 5, "the whole batch at once"
            orders[-1].append(index)
            return images * 10 + index

        return operation

    monkeypatch.setattr(augmentation, "OPERATIONS", tuple(recorder(i) for i in range(len(OPERATIONS))))
    return orders


@pytest.mark.parametrize("folds", [0, 1, 2, 4, 6])
def test_folds_are_drawn_without_replacement_and_equally_often(
    monkeypatch: pytest.MonkeyPatch, folds: int
) -> None:
    orders = record(monkeypatch)
    settings, draws = SETTINGS.model_copy(update={"folds": folds}), seeded(3)
    for _ in range(1200):
        orders.append([])
        augment(torch.zeros(5, 1, 1, 1), settings, draws, seeded())
    assert all(len(order) == len(set(order)) == folds for order in orders)
    if folds in (1, 2, 4):
        counts = Counter(index for order in orders for index in order)
        assert set(counts) == set(range(6))
        assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    if folds > 1:  # also their order is drawn
        pairs = Counter((order[0], order[1]) for order in orders)
        assert len(pairs) == 30
        assert stats.chisquare(list(pairs.values())).pvalue > 1e-3


def test_operations_are_applied_in_the_drawn_order(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = record(monkeypatch)
    orders.append([])
    settings = SETTINGS.model_copy(update={"folds": 4})
    out = augment(torch.zeros(5, 1, 1, 1), settings, seeded(), seeded())
    digits = "".join(map(str, orders[0]))
    assert out.flatten().tolist() == [float(digits)] * 5


def test_the_pool_holds_the_six_operations() -> None:
    assert set(OPERATIONS) == {color, crop, cutout, flip, scale, rotate}
    assert len(OPERATIONS) == 6


def test_no_folds_leave_images_alone() -> None:
    images = pictures(3)
    settings = SETTINGS.model_copy(update={"folds": 0})
    assert torch.equal(augment(images, settings, seeded(), seeded()), images)


@pytest.mark.parametrize("folds", [1, 4])
def test_augment_is_deterministic_under_its_generators(folds: int) -> None:
    images, settings = pictures(6), SETTINGS.model_copy(update={"folds": folds})

    def several(draws: Generator, values: Generator) -> Tensor:
        return torch.stack([augment(images, settings, draws, values) for _ in range(5)])

    first = several(seeded(1), seeded(2))
    assert torch.equal(first, several(seeded(1), seeded(2)))
    assert not torch.equal(first, several(seeded(3), seeded(2)))
    assert not torch.equal(first, several(seeded(1), seeded(3)))
    assert len({part.numpy().tobytes() for part in first}) > 1, "new draws for each batch"


def test_values_are_not_clipped() -> None:
    images = pictures(8) * 100.0
    for operation in OPERATIONS:
        assert float(operation(images, SETTINGS, seeded()).abs().max()) > 50.0
