"""DropPath (Equation 1, Figure 2): what is dropped, how it is scaled, and when it is off."""

import math
from typing import Any, Literal, cast

import pytest
import torch
from torch import Tensor, nn

from crossarch.config import NetworkSettings
from crossarch.models import build, set_keep_rate
from crossarch.models.droppath import DropPathBlock, ResidualBlock, SingleBranchBlock

ARCHS = ["resnet18", "alexnet", "vgg11"]  # ResNet50 is made of the same blocks


@pytest.fixture(autouse=True)
def _seed(one_thread: None) -> None:
    torch.manual_seed(7)


class Affine(nn.Module):
    """x -> factor * x + shift."""

    def __init__(self, factor: float, shift: float) -> None:
        super().__init__()
        self.factor, self.shift = factor, shift

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x + self.shift


def network(arch: str, norm: Literal["batch", "instance"] = "batch", *, droppath: bool = True) -> Any:
    settings = NetworkSettings.model_validate(
        {
            "arch": arch,
            "classes": 4,
            "channels": 3,
            "image_size": 32,
            "norm": norm,
            "first_norm": norm,
            "widths": (8, 8, 8),
            "shortcut": "improved",
            "droppath": droppath,
        }
    )
    return build(settings)


def blocks_of(module: nn.Module) -> list[DropPathBlock]:
    return [block for block in module.modules() if isinstance(block, DropPathBlock)]


def without_shortcuts(module: nn.Module) -> dict[str, Tensor]:
    return {k: v for k, v in module.state_dict().items() if "virtual_shortcut" not in k}


# --- Residual blocks ------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_rate", [0.35, 0.5, 0.8])
def test_residual_main_path_is_zero_or_scaled_and_right_on_average(keep_rate: float) -> None:
    samples = 20_000
    block = ResidualBlock(Affine(3.0, 1.0), Affine(1.0, 50.0)).train()  # ReLU never cuts
    set_keep_rate(block, keep_rate)
    x = torch.rand(samples, 2, 3, 3)
    main = 3.0 * x + 1.0
    factors = (block(x) - (x + 50.0)) / main
    per_sample = factors.flatten(1)
    spread = per_sample.amax(1) - per_sample.amin(1)
    assert float(spread.max()) < 1e-3, "one draw a sample, the same for all of its features"
    drawn = per_sample.mean(1)
    dropped, kept = drawn.abs() < 1e-3, (drawn - 1 / keep_rate).abs() < 1e-3
    assert bool((dropped | kept).all()), "m / p is either 0 or 1 / p"
    error = math.sqrt(keep_rate * (1 - keep_rate) / samples)
    assert float(kept.float().mean()) == pytest.approx(keep_rate, abs=4.5 * error)
    assert float(drawn.mean()) == pytest.approx(1.0, abs=4.5 * error / keep_rate)


def test_residual_block_drops_the_main_path_only_and_ends_in_relu() -> None:
    block = ResidualBlock(Affine(1.0, 5.0), Affine(-1.0, 0.0)).train()
    set_keep_rate(block, 0.5)
    x = torch.rand(500, 1, 2, 2) + 0.5
    out = block(x)
    dropped = torch.relu(-x)
    kept = torch.relu(2.0 * (x + 5.0) - x)
    is_dropped = (out == dropped).flatten(1).all(1)
    is_kept = torch.isclose(out, kept).flatten(1).all(1)
    assert bool((is_dropped ^ is_kept).all())
    assert 0 < int(is_dropped.sum()) < 500


def test_dropped_samples_send_no_gradient_through_the_main_path() -> None:
    block = ResidualBlock(Affine(1.0, 0.0), Affine(0.0, 9.0)).train()
    set_keep_rate(block, 0.5)
    x = torch.rand(200, 1, 1, 1, requires_grad=True)
    block(x).sum().backward()
    assert x.grad is not None
    assert set(x.grad.flatten().tolist()) == {0.0, 2.0}


# --- Single-branch blocks -------------------------------------------------------------------------


@pytest.mark.parametrize("keep_rate", [0.5, 0.8])
def test_single_branch_samples_take_one_path_unscaled(keep_rate: float) -> None:
    samples = 4_000
    block = SingleBranchBlock(Affine(3.0, 1.0), Affine(-2.0, 0.5)).train()
    set_keep_rate(block, keep_rate)
    x = torch.rand(samples, 2, 3, 3)
    out = block(x)
    is_main = (out == 3.0 * x + 1.0).flatten(1).all(1)
    is_shortcut = (out == -2.0 * x + 0.5).flatten(1).all(1)
    assert bool((is_main ^ is_shortcut).all())
    error = math.sqrt(keep_rate * (1 - keep_rate) / samples)
    assert float(is_main.float().mean()) == pytest.approx(keep_rate, abs=4.5 * error)


@pytest.mark.parametrize("arch", ["alexnet", "vgg11"])
def test_blocks_of_single_branch_networks_take_main_or_shortcut(arch: str) -> None:
    net = network(arch).train()
    set_keep_rate(net, 0.5)
    paths: list[list[bool]] = []

    def watch(block: nn.Module, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        single = cast(SingleBranchBlock, block)
        main, shortcut = single.main(inputs[0]), single.virtual_shortcut(inputs[0])
        is_main = (out == main).flatten(1).all(1)
        is_shortcut = (out == shortcut).flatten(1).all(1)
        assert main.shape == shortcut.shape == out.shape
        assert bool((is_main ^ is_shortcut).all())
        paths.append(is_main.tolist())

    for block in blocks_of(net):
        assert isinstance(block, SingleBranchBlock)
        block.register_forward_hook(watch)
    with torch.no_grad():
        net(torch.randn(16, 3, 32, 32))
    assert len(paths) == {"alexnet": 2, "vgg11": 3}[arch]
    assert all(0 < sum(path) < 16 for path in paths), "drawn for each sample"
    assert len({tuple(path) for path in paths}) == len(paths), "drawn for each block"


def test_virtual_shortcuts_of_alexnet_and_vgg11() -> None:
    """Identity where shapes agree, else (pool where the pair pools,) 1x1 convolution and norm."""

    def form(shortcut: nn.Module) -> list[tuple[object, ...]]:
        leaves: list[tuple[object, ...]] = []
        for module in shortcut.modules():
            if isinstance(module, nn.Conv2d):
                sizes = (module.in_channels, module.out_channels, module.kernel_size, module.stride)
                leaves.append(("conv", *sizes, module.bias is not None))
            elif isinstance(module, nn.BatchNorm2d):
                leaves.append(("norm", module.num_features))
            elif isinstance(module, nn.MaxPool2d):
                leaves.append(("pool", module.kernel_size))
        return leaves

    def forms(arch: str) -> list[list[tuple[object, ...]]]:
        found = [cast(SingleBranchBlock, block) for block in blocks_of(network(arch))]
        return [form(block.virtual_shortcut) for block in found]

    one = (1, 1)
    assert forms("alexnet") == [
        [("pool", 2), ("conv", 128, 256, one, one, True), ("norm", 256)],
        [("conv", 256, 192, one, one, True), ("norm", 192)],
    ]
    assert forms("vgg11") == [
        [("conv", 128, 256, one, one, True), ("norm", 256)],
        [("conv", 256, 512, one, one, True), ("norm", 512)],
        [],
    ]


# --- When it is off -------------------------------------------------------------------------------


@pytest.mark.parametrize("arch", ARCHS)
def test_evaluation_ignores_keep_rate_and_virtual_shortcuts(arch: str) -> None:
    net = network(arch).eval()
    side = 16 if arch.startswith("resnet") else 32
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        before = net(x)
        set_keep_rate(net, 0.35)
        assert torch.equal(net(x), before)
        for name, parameter in net.named_parameters():
            if "virtual_shortcut" in name:
                parameter.fill_(math.nan)
        assert torch.equal(net(x), before)


@pytest.mark.parametrize("arch", ARCHS)
def test_keep_rate_1_is_the_plain_network(arch: str) -> None:
    net, plain = network(arch).train(), network(arch, droppath=False).train()
    weights = without_shortcuts(net)
    assert [v.shape for v in weights.values()] == [v.shape for v in plain.state_dict().values()]
    plain.load_state_dict(dict(zip(plain.state_dict(), weights.values(), strict=True)))
    set_keep_rate(net, 0.5)
    set_keep_rate(net, 1.0)
    side = 16 if arch.startswith("resnet") else 32
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        assert torch.equal(net(x), plain(x))


@pytest.mark.parametrize("arch", ["resnet18", "alexnet"])
def test_training_below_keep_rate_1_is_random_and_seeded(arch: str) -> None:
    net = network(arch, "instance").train()
    set_keep_rate(net, 0.5)
    x = torch.randn(4, 3, 32, 32)
    outputs = []
    with torch.no_grad():
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            outputs.append(net(x))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


def test_set_keep_rate_reaches_every_block_and_nothing_is_dropped_by_default() -> None:
    net = network("resnet18")
    assert [block.keep_rate for block in blocks_of(net)] == [1.0] * 8
    set_keep_rate(net, 0.7)
    assert [block.keep_rate for block in blocks_of(net)] == [0.7] * 8


@pytest.mark.parametrize("keep_rate", [0.0, -0.1, 1.0001, 2.0, math.nan, math.inf])
def test_set_keep_rate_rejects_what_is_no_keep_rate(keep_rate: float) -> None:
    block = ResidualBlock(nn.Identity(), nn.Identity())
    with pytest.raises(ValueError, match="keep rate"):
        set_keep_rate(block, keep_rate)
    assert block.keep_rate == 1.0


@pytest.mark.parametrize("keep_rate", [1e-3, 0.5, 1.0])
def test_set_keep_rate_accepts_the_open_interval_and_1(keep_rate: float) -> None:
    block = ResidualBlock(nn.Identity(), nn.Identity())
    set_keep_rate(block, keep_rate)
    assert block.keep_rate == keep_rate


def test_mask_has_the_dtype_of_the_features() -> None:
    block = ResidualBlock(nn.Identity(), nn.Identity()).train()
    set_keep_rate(block, 0.5)
    assert block(torch.rand(4, 2, 2, 2, dtype=torch.float64)).dtype == torch.float64
    assert block(torch.rand(4, 5)).shape == (4, 5)


# --- A path is computed for those samples only that take it ----------------------------------------


def gradients(network: nn.Module, x: Tensor, seed: int) -> tuple[Tensor, list[Tensor]]:
    """Logits and the gradients of all parameters, with DropPath's draws from `seed`."""
    network.zero_grad()
    torch.manual_seed(seed)
    logits = network(x)
    logits.square().sum().backward()
    return logits.detach(), [cast(Tensor, p.grad).clone() for p in network.parameters()]


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("keep_rate", [0.1, 0.5, 0.9])
def test_skipped_samples_change_neither_logits_nor_gradients(arch: str, keep_rate: float) -> None:
    built = network(arch, "instance").double().train()
    set_keep_rate(built, keep_rate)
    x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    for seed in range(2):  # at 0.1 and 0.9 some blocks keep none or all
        skipping = gradients(built, x, seed)
        for block in blocks_of(built):
            block.samples_apart = False
        computing_all = gradients(built, x, seed)
        for block in blocks_of(built):
            block.samples_apart = True
        torch.testing.assert_close(skipping, computing_all, rtol=1e-9, atol=1e-9)


class Counting(Affine):
    """Counts the samples that come by."""

    seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return super().forward(x)


@pytest.mark.parametrize("block_type", [ResidualBlock, SingleBranchBlock])
def test_the_main_path_sees_only_what_it_keeps(block_type: type[DropPathBlock]) -> None:
    main = Counting(1.0, 0.0)
    block = block_type(main, nn.Identity()).train()
    set_keep_rate(block, 0.5)
    block(torch.rand(1000, 1, 2, 2))
    assert 400 < main.seen < 600


@pytest.mark.parametrize("block_type", [ResidualBlock, SingleBranchBlock])
def test_batch_norm_sees_all_samples(block_type: type[DropPathBlock]) -> None:
    main = Counting(1.0, 0.0)
    block = block_type(nn.Sequential(main, nn.BatchNorm2d(1)), nn.Identity()).train()
    set_keep_rate(block, 0.5)
    block(torch.rand(1000, 1, 2, 2))
    assert main.seen == 1000


@pytest.mark.parametrize("block_type", [ResidualBlock, SingleBranchBlock])
def test_batch_norm_of_vectors_sees_all_samples_too(block_type: type[DropPathBlock]) -> None:
    main = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    block = block_type(main, nn.Identity()).train()
    assert not block.samples_apart
    set_keep_rate(block, 0.5)
    for _ in range(50):  # of 3 samples one alone is often kept
        block(torch.rand(3, 3))


@pytest.mark.parametrize("block_type", [ResidualBlock, SingleBranchBlock])
def test_a_path_that_no_sample_takes_still_has_a_gradient(block_type: type[DropPathBlock]) -> None:
    paths = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    block = block_type(*paths).train()
    for keep_rate in (1e-9, 1.0 - 1e-7):
        set_keep_rate(block, keep_rate)
        block.zero_grad()
        block(torch.rand(3, 1, 2, 2)).sum().backward()
        assert all(p.grad is not None for p in block.parameters())
