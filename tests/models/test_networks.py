"""The networks: sizes and costs worked out by hand, and forward passes written out in full."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from crossarch.config import (
    NetworkSettings,
    load_configuration,
    network_settings,
    parse_run,
    resolve,
    run_recipe,
)
from crossarch.config.resolve import SMALLEST_WITH_INSTANCE_NORM
from crossarch.errors import ConfigError
from crossarch.models import build, describe, gflop_an_epoch, gflop_an_evaluation, set_keep_rate
from crossarch.models.droppath import DropPathBlock, ResidualBlock

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
ARCHS = ["cnn", "resnet18", "resnet50", "alexnet", "vgg11"]
BLOCKS = {"cnn": 0, "resnet18": 8, "resnet50": 16, "alexnet": 2, "vgg11": 3}


@pytest.fixture(autouse=True)
def _seed(one_thread: None) -> None:
    torch.manual_seed(7)


def make_settings(arch: str, **changes: Any) -> NetworkSettings:
    """FRePo's form on CIFAR-10 unless something else is asked for."""
    norm = changes.get("norm", "batch")
    values = {
        "arch": arch,
        "classes": 10,
        "channels": 3,
        "image_size": 32,
        "norm": norm,
        "first_norm": norm,
        "widths": (128, 256, 512),
        "shortcut": "improved",
        "droppath": False,
    }
    return NetworkSettings.model_validate(values | changes)


# --- Parameters and multiply-accumulates, by hand -------------------------------------------------


class Count:
    """Adds up layers: weights and biases, and multiply-accumulates without biases."""

    def __init__(self) -> None:
        self.parameters = self.macs = 0

    def conv(self, inputs: int, outputs: int, kernel: int, side: int) -> None:
        """A convolution with bias whose output is `side` by `side`, and its norm."""
        self.parameters += inputs * outputs * kernel * kernel + outputs
        self.macs += inputs * outputs * kernel * kernel * side * side
        self.parameters += 2 * outputs  # scale and shift of the norm

    def unused(self, inputs: int, outputs: int) -> None:
        """A virtual shortcut: 1x1 convolution and norm, no work in evaluation."""
        self.parameters += inputs * outputs + outputs + 2 * outputs

    def linear(self, inputs: int, outputs: int) -> None:
        self.parameters += inputs * outputs + outputs
        self.macs += inputs * outputs


def by_hand(settings: NetworkSettings) -> Count:
    count, side = Count(), settings.image_size
    match settings.arch:
        case "cnn":
            inputs = 3
            for width in settings.widths:
                count.conv(inputs, width, 3, side)
                inputs, side = width, side // 2
            count.linear(inputs * side * side, settings.classes)
        case "alexnet":
            count.conv(3, 128, 5, side)
            count.conv(128, 192, 5, side // 2)
            count.conv(192, 256, 3, side // 4)
            count.conv(256, 192, 3, side // 4)
            count.conv(192, 192, 3, side // 4)
            count.linear(192 * (side // 8) ** 2, settings.classes)
            if settings.droppath:
                count.unused(128, 256)
                count.unused(256, 192)
        case "vgg11":
            count.conv(3, 64, 3, side)
            count.conv(64, 128, 3, side // 2)
            count.conv(128, 256, 3, side // 4)
            count.conv(256, 256, 3, side // 4)
            count.conv(256, 512, 3, side // 8)
            count.conv(512, 512, 3, side // 8)
            count.conv(512, 512, 3, side // 16)
            count.conv(512, 512, 3, side // 16)
            count.linear(512 * (side // 32) ** 2, settings.classes)
            if settings.droppath:
                count.unused(128, 256)
                count.unused(256, 512)  # the third pair keeps its shape: identity
        case "resnet18":
            count.conv(3, 64, 3, side)
            inputs = 64
            for width in (64, 128, 256, 512):
                if width != inputs:
                    side //= 2
                    count.conv(inputs, width, 1, side)  # after the pool, or with a stride
                count.conv(inputs, width, 3, side)
                count.conv(width, width, 3, side)
                count.conv(width, width, 3, side)
                count.conv(width, width, 3, side)
                inputs = width
            count.linear(512, settings.classes)
        case "resnet50":
            count.conv(3, 64, 3, side)
            inputs = 64
            for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
                for block in range(blocks):
                    count.conv(inputs, width, 1, side)
                    if block == 0 and width > 64:
                        side //= 2  # at the 3x3 convolution
                    count.conv(width, width, 3, side)
                    count.conv(width, 4 * width, 1, side)
                    if block == 0:
                        count.conv(inputs, 4 * width, 1, side)
                    inputs = 4 * width
            count.linear(2048, settings.classes)
    return count


SIZES = [(32, 10), (32, 100), (64, 200)]
CASES = [
    *[
        (arch, norm, *size, "improved", arch != "cnn")
        for arch in ARCHS
        for norm in ("batch", "instance")
        for size in SIZES
        if (norm == "batch") == (size != (32, 100))
    ],
    *[(arch, "batch", 32, 10, "improved", False) for arch in ("resnet18", "alexnet", "vgg11")],
    ("resnet18", "batch", 32, 10, "original", True),
    ("resnet18", "instance", 64, 200, "original", False),
    ("resnet50", "instance", 32, 100, "original", True),
]


@pytest.mark.parametrize(
    ("arch", "norm", "image_size", "classes", "shortcut", "droppath"), CASES, ids=str
)
def test_parameters_and_macs(
    arch: str, norm: str, image_size: int, classes: int, shortcut: str, droppath: bool
) -> None:
    widths = (128, 256, 512, 1024) if norm == "batch" else (128, 128, 128, 128)
    settings = make_settings(
        arch,
        norm=norm,
        widths=widths[: 4 if image_size == 64 else 3],
        image_size=image_size,
        classes=classes,
        shortcut=shortcut,
        droppath=droppath,
    )
    found = describe(settings)
    expected = by_hand(settings)
    assert found.parameters == expected.parameters
    assert found.macs == expected.macs
    assert found.droppath_blocks == (BLOCKS[arch] if droppath else 0)


@pytest.mark.parametrize("arch", BLOCKS)
def test_macs_are_those_of_pytorch_s_own_counter(arch: str) -> None:
    settings = make_settings(arch)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        build(settings).eval()(torch.zeros(1, 3, 32, 32))
    assert describe(settings).macs == counter.get_total_flops() / 2


def test_numbers_of_the_smallest_network_in_full() -> None:
    """3x3 convolutions 3-128-256-512 with norms and a linear layer on 512 x 4 x 4."""
    found = describe(make_settings("cnn"))
    weights = 9 * (3 * 128 + 128 * 256 + 256 * 512) + 8192 * 10
    assert found.parameters == weights + 3 * (128 + 256 + 512) + 10 == 1_562_634
    macs = 9 * (3 * 128 * 1024 + 128 * 256 * 256 + 256 * 512 * 64) + 81_920
    assert found.macs == macs == 154_615_808
    assert found.droppath_blocks == 0


@pytest.mark.parametrize("image_size", [32, 64])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("arch", ["cnn", "alexnet", "vgg11"])
def test_output_shape_and_dtype(arch: str, norm: str, image_size: int) -> None:
    network = build(make_settings(arch, norm=norm, image_size=image_size, classes=7)).eval()
    with torch.inference_mode():
        out = network(torch.randn(2, 3, image_size, image_size))
    assert out.shape == (2, 7)
    assert out.dtype == torch.float32
    assert bool(out.isfinite().all())


def with_five_pools(settings: NetworkSettings) -> nn.Module:
    """VGG11 layer by layer, as the table of its paper has it."""
    plan = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
    layers: list[nn.Module] = []
    inputs = settings.channels
    for step in plan:
        if isinstance(step, int):
            layers += [nn.Conv2d(inputs, step, 3, padding=1), nn.BatchNorm2d(step), nn.ReLU()]
            inputs = step
        else:
            layers.append(nn.MaxPool2d(2))
    side = settings.image_size // 32
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512 * side * side, settings.classes))


@pytest.mark.parametrize("image_size", [32, 64])
def test_vgg11_keeps_all_five_pools_where_there_is_room(image_size: int) -> None:
    settings = make_settings("vgg11", image_size=image_size)
    torch.manual_seed(3)
    ours = build(settings)
    torch.manual_seed(3)
    plain = with_five_pools(settings)
    images = torch.randn(4, 3, image_size, image_size)
    assert torch.equal(ours(images), plain(images))


@pytest.mark.parametrize("image_size", [8, 16, 24])
@pytest.mark.parametrize("arch", ARCHS)
def test_small_grey_images(arch: str, image_size: int) -> None:
    """Every network trains on them, with DropPath too; VGG11 leaves out pools that leave nothing."""
    droppath = arch != "cnn"
    settings = make_settings(arch, image_size=image_size, channels=1, droppath=droppath)
    network = build(settings).train()
    if droppath:
        set_keep_rate(network, 0.5)
    out = network(torch.randn(4, 1, image_size, image_size))
    assert out.shape == (4, 10)
    out.sum().backward()
    pools = sum(isinstance(module, nn.MaxPool2d) for module in network.features)
    if arch == "vgg11":
        assert pools == {8: 3, 16: 4, 24: 4}[image_size]


@pytest.mark.parametrize("arch", ARCHS)
def test_instance_norm_needs_more_than_one_pixel(arch: str) -> None:
    """From the least side on logits hang on the image; below it the last norms leave constants."""
    least = SMALLEST_WITH_INSTANCE_NORM.get(arch, 8)
    sides = [least, least // 2] if arch in SMALLEST_WITH_INSTANCE_NORM else [least]
    spread = {}
    for side in sides:
        torch.manual_seed(0)
        network = build(make_settings(arch, norm="instance", image_size=side)).eval()
        with torch.inference_mode():
            spread[side] = network(torch.randn(8, 3, side, side)).std(0).max().item()
    assert spread.pop(least) > 1e-2
    assert all(value < 1e-4 for value in spread.values())


def test_images_too_small_for_instance_norm_are_refused() -> None:
    recipe = run_recipe(CONFIGURATION, parse_run("cifar10/mtt/ipc1/vgg11/baseline/seed0"))
    with pytest.raises(ConfigError) as caught:
        network_settings(CONFIGURATION, "vgg11", "mtt", "digits", recipe)
    assert str(caught.value).endswith(
        "datasets.yaml: digits.image_size: found 16, allowed for vgg11 with the instance norm of mtt: "
        "at least 32: below, its last layers see one pixel, of which that norm leaves nothing"
    )
    assert network_settings(CONFIGURATION, "resnet18", "mtt", "digits", recipe).image_size == 16
    assert network_settings(CONFIGURATION, "vgg11", "frepo", "digits", recipe).image_size == 16


def test_every_convolution_has_a_bias() -> None:
    for arch in ARCHS:
        with torch.device("meta"):
            network = build(make_settings(arch, droppath=arch != "cnn"))
        convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        assert all(convolution.bias is not None for convolution in convolutions)


# --- Forward passes, written out ------------------------------------------------------------------


class Weights:
    """Hands out a network's layers in the order of their making."""

    def __init__(self, network: nn.Module) -> None:
        kinds = (nn.Conv2d, nn.BatchNorm2d, nn.GroupNorm, nn.Linear)
        self.layers: Iterator[Any] = iter([m for m in network.modules() if isinstance(m, kinds)])

    def conv_norm(self, x: Tensor, stride: int = 1) -> Tensor:
        conv, norm = next(self.layers), next(self.layers)
        kernel = conv.weight.shape[-1]
        x = F.conv2d(x, conv.weight, conv.bias, stride=stride, padding=(kernel - 1) // 2)
        mean, variance = norm.running_mean, norm.running_var
        scale = norm.weight / torch.sqrt(variance + 1e-5)
        x = (x - mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        return x

    def conv_norm_relu(self, x: Tensor, stride: int = 1) -> Tensor:
        return self.conv_norm(x, stride).clamp(min=0)

    def linear(self, x: Tensor) -> Tensor:
        layer = next(self.layers)
        assert next(self.layers, None) is None
        return cast(Tensor, x.flatten(1) @ layer.weight.T + layer.bias)


def windows(x: Tensor) -> Tensor:
    """(N, C, H/2, W/2, 4): the four pixels of each 2x2 window."""
    corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return torch.stack(corners, dim=-1)


def max_pool(x: Tensor) -> Tensor:
    return windows(x).amax(-1)


def mean_pool(x: Tensor) -> Tensor:
    return windows(x).mean(-1)


def cnn(w: Weights, x: Tensor, improved: bool) -> Tensor:
    for _ in range(3):
        x = mean_pool(w.conv_norm_relu(x))
    return w.linear(x)


def alexnet(w: Weights, x: Tensor, improved: bool) -> Tensor:
    x = max_pool(w.conv_norm_relu(x))
    x = max_pool(w.conv_norm_relu(x))
    for _ in range(3):
        x = w.conv_norm_relu(x)
    return w.linear(max_pool(x))


def vgg11(w: Weights, x: Tensor, improved: bool) -> Tensor:
    for convolutions in (1, 1, 2, 2, 2):
        for _ in range(convolutions):
            x = w.conv_norm_relu(x)
        x = max_pool(x)
    return w.linear(x)


def projected(w: Weights, x: Tensor, stride: int, improved: bool) -> Tensor:
    """Improved: max-pool, then every pixel. Original: the first pixel of each window."""
    if stride == 2:
        x = max_pool(x) if improved else x[:, :, ::2, ::2]
    return w.conv_norm(x)


def resnet18(w: Weights, x: Tensor, improved: bool) -> Tensor:
    x = w.conv_norm_relu(x)
    for block in range(8):
        stride = 2 if block in (2, 4, 6) else 1
        main = w.conv_norm(w.conv_norm_relu(x, stride))
        x = (main + (projected(w, x, 2, improved) if stride == 2 else x)).clamp(min=0)
    return w.linear(x.mean((2, 3)))


def resnet50(w: Weights, x: Tensor, improved: bool) -> Tensor:
    x = w.conv_norm_relu(x)
    for block in range(16):
        stride = 2 if block in (3, 7, 13) else 1
        main = w.conv_norm(w.conv_norm_relu(w.conv_norm_relu(x), stride))
        first = block in (0, 3, 7, 13)
        x = (main + (projected(w, x, stride, improved) if first else x)).clamp(min=0)
    return w.linear(x.mean((2, 3)))


def with_statistics(network: nn.Module) -> nn.Module:
    """Running statistics and affine parameters as after a training, not those of the start."""
    draws = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                module.weight.uniform_(0.5, 1.5, generator=draws)
                module.bias.uniform_(-0.3, 0.3, generator=draws)
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.uniform_(-0.2, 0.2, generator=draws)
                module.running_var.uniform_(0.5, 2.0, generator=draws)
    return network.eval()


@pytest.mark.parametrize(
    ("arch", "shortcut", "reference"),
    [
        ("cnn", "improved", cnn),
        ("alexnet", "improved", alexnet),
        ("vgg11", "improved", vgg11),
        ("resnet18", "improved", resnet18),
        ("resnet18", "original", resnet18),
        ("resnet50", "improved", resnet50),
        ("resnet50", "original", resnet50),
    ],
)
def test_forward_pass(
    arch: str, shortcut: str, reference: Callable[[Weights, Tensor, bool], Tensor]
) -> None:
    size = 16 if arch.startswith("resnet") else 32
    network = build(make_settings(arch, shortcut=shortcut, image_size=size))
    network = with_statistics(network).double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    with torch.no_grad():
        expected = reference(Weights(network), x, shortcut == "improved")
        torch.testing.assert_close(network(x), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("arch", ["resnet18", "resnet50"])
def test_improved_shortcut_sees_all_pixels_and_the_original_one_of_four(arch: str) -> None:
    for shortcut, seen in (("improved", 4), ("original", 1)):
        network = build(make_settings(arch, shortcut=shortcut)).eval()
        blocks = [m for m in network.modules() if isinstance(m, ResidualBlock)]
        first = {"resnet18": (2, 4, 6), "resnet50": (3, 7, 13)}[arch]
        for block in (blocks[index] for index in first):
            channels = next(m for m in block.modules() if isinstance(m, nn.Conv2d)).in_channels
            x = torch.zeros(4, channels, 2, 2)
            for pixel in range(4):  # one bright pixel at each place of the window
                x[pixel, :, pixel // 2, pixel % 2] = 1.0
            with torch.no_grad():
                out, dark = block.shortcut(x), block.shortcut(torch.zeros_like(x))
            assert out.shape[2:] == (1, 1)
            assert int((out - dark).abs().flatten(1).sum(1).gt(1e-6).sum()) == seen


# --- Norms ----------------------------------------------------------------------------------------


def norms(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.GroupNorm)]


@pytest.mark.parametrize("arch", ARCHS)
def test_instance_norm_is_group_norm_with_one_channel_a_group(arch: str) -> None:
    network = build(make_settings(arch, norm="instance", droppath=arch != "cnn"))
    assert norms(network)
    for norm in norms(network):
        assert isinstance(norm, nn.GroupNorm)
        assert norm.num_groups == norm.num_channels
        assert norm.affine
    first = cast(nn.GroupNorm, norms(network)[0])
    wide = torch.randn(2, first.num_channels, 5, 5)
    values = wide.numpy()
    mean, variance = values.mean((2, 3), keepdims=True), values.var((2, 3), keepdims=True)
    with torch.no_grad():
        np.testing.assert_allclose(first(wide), (values - mean) / np.sqrt(variance + 1e-5), atol=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_batch_norm_everywhere_for_frepo(arch: str) -> None:
    with torch.device("meta"):
        network = build(make_settings(arch, droppath=arch != "cnn"))
    assert all(isinstance(norm, nn.BatchNorm2d) for norm in norms(network))
    assert norms(network)


def test_first_norm_concerns_the_first_layer_of_alexnet_only() -> None:
    settings = make_settings("alexnet", norm="instance", first_norm="batch", droppath=True)
    first, *others = norms(build(settings))
    assert isinstance(first, nn.BatchNorm2d)
    assert first.num_features == 128
    assert all(isinstance(norm, nn.GroupNorm) for norm in others)
    assert len(others) == 4 + 2
    for arch in ("cnn", "resnet18", "vgg11"):
        other = build(make_settings(arch, norm="instance", first_norm="instance"))
        assert all(isinstance(norm, nn.GroupNorm) for norm in norms(other))


# --- Settings of runs -----------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["frepo", "mtt"])
@pytest.mark.parametrize("arch", ARCHS)
def test_networks_of_runs(arch: str, source: str) -> None:
    settings = resolve(CONFIGURATION, parse_run(f"cifar10/{source}/ipc1/{arch}/baseline/seed0")).network
    assert settings.arch == arch
    assert (settings.classes, settings.channels, settings.image_size) == (10, 3, 32)
    assert settings.norm == settings.first_norm == {"frepo": "batch", "mtt": "instance"}[source]
    assert settings.widths == {"frepo": (128, 256, 512), "mtt": (128, 128, 128)}[source]
    assert settings.shortcut == "improved"
    assert not settings.droppath


@pytest.mark.parametrize("recipe", ["wo_kd", "full"])
@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "alexnet", "vgg11"])
def test_networks_of_runs_with_droppath(arch: str, recipe: str) -> None:
    settings = resolve(CONFIGURATION, parse_run(f"cifar10/mtt/ipc1/{arch}/{recipe}/seed0")).network
    assert settings.droppath
    with torch.device("meta"):
        network = build(settings)
    assert sum(isinstance(m, DropPathBlock) for m in network.modules()) == BLOCKS[arch]


@pytest.mark.parametrize("recipe", ["baseline", "wo_dp_kd", "wo_dp", "wo_kd", "full"])
@pytest.mark.parametrize("protocol", ["released", "released_as_is"])
def test_released_protocols_normalise_alexnets_first_layer_by_batch(recipe: str, protocol: str) -> None:
    def first_norm(arch: str, source: str) -> str:
        run = parse_run(f"cifar10/{source}/ipc10/{arch}/{recipe}@{protocol}/seed0")
        settings = resolve(CONFIGURATION, run).network
        assert settings.norm == {"frepo": "batch", "mtt": "instance"}[source]
        return str(settings.first_norm)

    assert first_norm("alexnet", "mtt") == "batch"
    assert first_norm("vgg11", "mtt") == "instance"
    assert first_norm("alexnet", "frepo") == "batch"


@pytest.mark.parametrize(
    ("source", "widths"), [("frepo", (128, 256, 512, 1024)), ("mtt", (128, 128, 128, 128))]
)
def test_tiny_imagenet_takes_four_blocks(source: str, widths: tuple[int, ...]) -> None:
    book = CONFIGURATION.recipe_book
    recipe = book.recipe("baseline", "paper", ipc=1, arch="cnn", source=source)
    settings = network_settings(CONFIGURATION, "cnn", source, "tiny-imagenet", recipe)
    assert settings.widths == widths
    assert (settings.classes, settings.image_size) == (200, 64)
    with torch.device("meta"):
        network = build(settings)
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [layer.in_features for layer in linear] == [widths[-1] * 4 * 4]


def test_work_is_counted_as_by_hand() -> None:
    """The CNN of MTT: 3x3 convolutions 3-128-128-128 at 32, 16, 8 pixels, then 2048 x 10."""
    macs = 9 * (3 * 128 * 32**2 + 128 * 128 * 16**2 + 128 * 128 * 8**2) + 128 * 4 * 4 * 10
    cnn = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc1/cnn/baseline/seed0"))
    assert describe(cnn.network).macs == macs
    assert gflop_an_epoch(cnn, 10) == pytest.approx(6 * macs * 10 / 1e9)
    assert gflop_an_evaluation(cnn, 10_000) == pytest.approx(2 * macs * 10_000 / 1e9)
    student = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc1/alexnet/full/seed0"))
    own = 6 * describe(student.network).macs
    assert gflop_an_epoch(student, 10) == pytest.approx((own + 2 * macs) * 10 / 1e9)
