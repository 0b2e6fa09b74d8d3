"""Networks of timm and torchvision by name: sizes, DropPath, and mistakes of one line."""

from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from crossarch.config import NetworkFile, NetworkSettings, applies, load_configuration, parse_run
from crossarch.config.libraries import library_source
from crossarch.errors import ConfigError
from crossarch.models import build
from crossarch.models.droppath import droppath_parts, set_keep_rate

BRANCHES = "layer*.*.bn2"


def settings(file: str, side: int = 32, channels: int = 3, **changes: Any) -> NetworkSettings:
    own = NetworkFile(file=file, code="0" * 16, droppath=changes.pop("patterns", ()))
    return NetworkSettings(
        **{"arch": "mine", "classes": 7, "channels": channels, "image_size": side, "norm": "batch"},
        **{"first_norm": "batch", "widths": (8,), "shortcut": "improved", "own": own},
        **{"droppath": False, **changes},
    )


def downsampling(network: nn.Module, side: int, layer: str) -> int:
    """How often smaller than the image the output of a layer is, per side."""
    seen: list[int] = []
    module = network.get_submodule(layer)
    hook = module.register_forward_hook(lambda _, __, output: seen.append(output.shape[-1]))
    network.eval()(torch.zeros(1, 3, side, side))
    hook.remove()
    return side // seen[0]


def test_resnet_has_the_parameters_of_torchvision_but_for_its_stem() -> None:
    network = build(settings("torchvision:resnet18"))
    plain = torchvision.models.resnet18(num_classes=7)
    count = sum(p.numel() for p in plain.parameters()) - 64 * 3 * (7 * 7 - 3 * 3)
    assert sum(p.numel() for p in network.parameters()) == count
    assert downsampling(network, 32, "layer1") == 1
    assert downsampling(plain, 32, "layer1") == 4


@pytest.mark.parametrize(("side", "stride"), [(32, 1), (64, 1), (96, 4)])
def test_stems_are_adapted_to_small_images_alone(side: int, stride: int) -> None:
    network = build(settings("torchvision:resnet18", side=side))
    assert downsampling(network, side, "layer1") == stride


def test_grey_images() -> None:
    assert build(settings("torchvision:mobilenet_v3_small", channels=1))(
        torch.zeros(2, 1, 32, 32)
    ).shape == (2, 7)


def test_one_seed_gives_one_network() -> None:
    for file in ("torchvision:resnet18", "torchvision:convnext_tiny"):
        made = []
        for _ in range(2):
            torch.manual_seed(3)
            made.append(build(settings(file)).state_dict())
        assert all(torch.equal(a, b) for a, b in zip(made[0].values(), made[1].values(), strict=True))


@pytest.mark.parametrize(
    ("file", "patterns", "branches"),
    [("torchvision:resnet18", (BRANCHES,), 8), ("torchvision:convnext_tiny", (), 18)],
)
def test_droppath_by_patterns_and_by_the_librarys_modules(
    file: str, patterns: tuple[str, ...], branches: int
) -> None:
    """Equal images differ in training where branches are dropped, and only there."""
    network = build(settings(file, droppath=True, patterns=patterns))
    assert len(list(droppath_parts(network))) == branches
    if file.endswith("tiny"):  # layer scale is 1e-6 at first: no branch would be seen
        for name, parameter in network.named_parameters():
            if name.endswith("layer_scale"):
                nn.init.ones_(parameter)
    images = torch.rand(1, 3, 32, 32).expand(8, -1, -1, -1)
    network.train()
    assert len(network(images).unique(dim=0)) == 1
    set_keep_rate(network, 0.5)
    assert len(network(images).unique(dim=0)) > 1


def test_mistakes_are_one_line() -> None:
    with pytest.raises(ConfigError, match="resnet19: found no such network in torchvision"):
        build(settings("torchvision:resnet19"))
    with pytest.raises(ConfigError, match="name its residual branches in `droppath` beside its `file`"):
        build(settings("torchvision:resnet18", droppath=True))
    with pytest.raises(ConfigError) as caught:
        build(settings("torchvision:inception_v3"))
    assert "\n" not in str(caught.value)


def test_own_networks_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(value: Any) -> NetworkFile:
        overrides = [("mine.yaml", {"own_networks": {"mine": value}})]
        return load_configuration(overrides=overrides).network_files["mine"]

    plain, dropped = (
        load("torchvision:resnet18"),
        load({"file": "torchvision:resnet18", "droppath": [BRANCHES]}),
    )
    assert (plain.in_library, plain.droppath) == (("torchvision", "resnet18"), ())
    assert dropped.droppath == (BRANCHES,)
    assert plain.code != dropped.code
    with pytest.raises(ConfigError) as caught:
        load("torchvision:resnet81")
    place, told = "mine.yaml: own_networks.mine: ", "torchvision:resnet81: found no such network"
    assert str(caught.value).startswith(place + told)
    assert "'resnet18'" in str(caught.value)
    monkeypatch.setattr("crossarch.config.libraries.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        load("timm:convnext_atto")
    assert str(caught.value) == "mine.yaml: own_networks.mine: timm is not installed; `pip install timm`"


@pytest.mark.parametrize(
    ("network", "has"),
    [
        ("torchvision:resnet18", False),
        ({"file": "torchvision:resnet18", "droppath": [BRANCHES]}, True),
        ("torchvision:convnext_tiny", True),  # of the library's own
    ],
)
def test_without_droppath_a_network_is_left_out_of_recipes_with_it(network: Any, has: bool) -> None:
    configuration = load_configuration(overrides=[("mine.yaml", {"own_networks": {"mine": network}})])
    recipes = ("baseline", "wo_dp", "full")
    runs = [parse_run(f"cifar10/mtt/ipc1/mine/{recipe}/seed0") for recipe in recipes]
    assert [applies(configuration, run) for run in runs] == [True, True, has]


def test_the_files_of_torchvision_tell_what_it_lists() -> None:
    from torchvision import models

    for name in models.list_models(module=models):
        assert f"def {name}(" in library_source("torchvision", name)


@pytest.mark.parametrize(
    ("name", "side", "branches"),
    [("convnext_atto", 32, 12), ("vit_tiny_patch16_224", 64, 24), ("efficientnet_b0", 32, 9)],
)
def test_timm(name: str, side: int, branches: int) -> None:
    pytest.importorskip("timm")
    network = build(settings(f"timm:{name}", side=side, droppath=True))
    assert len(list(droppath_parts(network))) == branches
