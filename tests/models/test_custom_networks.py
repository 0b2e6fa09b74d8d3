"""Networks of the user's own: their DropPath, the mistakes in their files, what knows of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from crossarch.cli.options import given_settings
from crossarch.config import (
    Configuration,
    RunSettings,
    difference,
    figure_points,
    load_configuration,
    parse_run,
    resolve,
    table_archs,
    table_recipes,
    table_runs,
)
from crossarch.config.schema import ARCHS
from crossarch.errors import ConfigError
from crossarch.models import build, describe, gflop_an_epoch, gflop_an_evaluation, set_keep_rate
from crossarch.models.droppath import ResidualBlock, SingleBranchBlock, drop_branches
from crossarch.models.folding import folded
from crossarch.printing.style import Look, look_of

PROJECT = Path(__file__).parents[2]
EXAMPLES = {
    "wideresnet": "examples/networks/wide_resnet.py",
    "vit": "examples/networks/vision_transformer.py",
}
FINE = """
from torch import nn
from crossarch.models import network

@network("mine", droppath=("2.branch",))
def mine(settings):
    inputs = settings.channels * settings.image_size**2
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, settings.classes), Residual())

class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch = nn.PReLU()

    def forward(self, x):
        return x + self.branch(x)
"""
PLAIN = FINE.replace(", Residual()", "").replace(', droppath=("2.branch",)', "")


def configured(networks: dict[str, Any], **more: Any) -> Configuration:
    overrides = [("mine.yaml", {"own_networks": networks, **more})]
    return load_configuration(PROJECT / "config", overrides=overrides)


def settings_of(networks: dict[str, Any], arch: str = "mine", recipe: str = "full") -> RunSettings:
    return resolve(configured(networks), parse_run(f"cifar10/frepo/ipc1/{arch}/{recipe}/seed0"))


class Residual(nn.Module):
    """x + branch(x), the branch twice its input: what a sample comes to tells whether it was kept."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Linear(3, 3, bias=False)
        self.branch.weight.data = 2 * torch.eye(3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out


def test_a_branch_counts_m_over_p_times_for_each_sample_in_training() -> None:
    torch.manual_seed(0)
    network = Residual()
    names = list(network.state_dict())
    drop_branches(network, ["branch"])
    assert list(network.state_dict()) == names
    images = torch.ones(4000, 3)
    torch.testing.assert_close(network(images), 3 * images)  # p is 1
    set_keep_rate(network, 0.25)
    out = network(images)
    kept, dropped = 1 + 2 / 0.25, 1.0
    of_sample = out[:, 0]
    torch.testing.assert_close(out, of_sample[:, None].expand(-1, 3))  # a sample as a whole
    assert set(of_sample.tolist()) == {kept, dropped}
    # Four standard deviations of a binomial share of 4000 draws
    assert (of_sample == kept).float().mean().item() == pytest.approx(0.25, abs=4 * 0.0068)
    torch.testing.assert_close(network.eval()(images), 3 * images)
    torch.testing.assert_close(folded(network.train())(images), 3 * images)


def test_branches_are_named_one_by_one() -> None:
    network = nn.Sequential(Residual(), Residual())
    with pytest.raises(ValueError, match=r"no module that fits '\*.brnch', allowed: 0, 0.branch, 1, 1"):
        drop_branches(network, ["*.brnch"])
    with pytest.raises(ValueError, match=r"found '0.branch' inside '0'"):
        drop_branches(network, ["0", "*.branch"])


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("0.main", "found '0.main' inside '0'"),
        ("0.shortcut", "found '0.shortcut' inside '0'"),
        ("0", "found '0', which has DropPath already"),
        ("1", "found '1.0' inside '1'"),
    ],
)
def test_a_block_of_ours_is_not_dropped_twice(pattern: str, told: str) -> None:
    block = ResidualBlock(nn.Linear(3, 3), nn.Identity())
    inner = SingleBranchBlock(nn.Linear(3, 3), nn.Identity())
    network = nn.Sequential(block, nn.Sequential(inner, nn.Linear(3, 3)), Residual())
    with pytest.raises(ValueError, match=told):
        drop_branches(network, ["2.branch", pattern])
    drop_branches(network, ["2.branch", "1.1"])


@pytest.mark.parametrize("arch", EXAMPLES)
@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_examples_take_every_image(arch: str, size: int, channels: int) -> None:
    networks = {name: str(PROJECT / file) for name, file in EXAMPLES.items()}
    settings = settings_of(networks, arch).network.model_copy(
        update={"image_size": size, "channels": channels, "classes": 7}
    )
    network = build(settings)
    assert network.training
    images = torch.randn(5, channels, size, size)
    assert network(images).shape == (5, 7)
    set_keep_rate(network, 0.5)
    network(images).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_what_the_examples_cost() -> None:
    networks = {name: str(PROJECT / file) for name, file in EXAMPLES.items()}
    wide = describe(settings_of(networks, "wideresnet").network)
    assert wide.droppath_blocks == 3
    assert describe(settings_of(networks, "vit").network).droppath_blocks == 12  # 6 blocks of two
    assert describe(settings_of(networks, "vit", "baseline").network).droppath_blocks == 0
    # stem; two convolutions and the skip of each block; norms of in and out; linear layer
    blocks = [(16, 32), (32, 64), (64, 128)]
    convolutions = sum(9 * i * w + 9 * w * w + i * w for i, w in blocks)
    norms = sum(2 * i + 2 * w for i, w in blocks) + 2 * 128
    assert wide.parameters == 9 * 3 * 16 + convolutions + norms + 128 * 10 + 10


CONVOLUTION = "nn.Conv2d(settings.channels, 16, 4, stride=4)"
POOLED = f"""
from torch import nn
from torch.nn import utils
from crossarch.models import network

@network("mine")
def mine(settings):
    layers = [{CONVOLUTION}, nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16, settings.classes))
"""
MACS = 3 * 16 * 32**2 + 16 * 10  # of POOLED: each pixel of each channel goes into 16 products
WATCHED = """
class Watched(nn.Module):
    def forward(self, x):
        from torch.utils._python_dispatch import is_in_torch_dispatch_mode
        if is_in_torch_dispatch_mode():
            raise RuntimeError("not while\\nsomebody counts")
        return x
"""
SCALED = """
class Scaled(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.scales = nn.Linear(settings.channels, settings.classes).weight

    def forward(self, x):
        return (x.mean((2, 3))[:, None] * self.scales).sum(2)
"""


def without_droppath(folder: Path, text: str) -> RunSettings:
    """Settings of a run of the network in a file with that text."""
    (folder / "mine.py").write_text(text)
    return settings_of({"mine": str(folder / "mine.py")}, recipe="baseline")


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm", "orthogonal"])
def test_what_makes_the_weights_of_a_layer_is_not_counted(tmp_path: Path, kind: str) -> None:
    made = POOLED.replace(CONVOLUTION, f"utils.parametrizations.{kind}({CONVOLUTION})")
    assert made != POOLED
    assert describe(without_droppath(tmp_path, POOLED).network).macs == MACS
    assert describe(without_droppath(tmp_path, made).network).macs == MACS


def test_a_network_that_needs_two_images_is_counted(tmp_path: Path) -> None:
    norm = "nn.Flatten(), nn.BatchNorm1d(16, track_running_stats=False)"
    text = POOLED.replace("nn.Flatten()", norm)
    assert describe(without_droppath(tmp_path, text).network).macs == MACS


UNCOUNTED = {
    "fails under the counter": (
        POOLED.replace("nn.Flatten()", "nn.Flatten(), Watched()") + WATCHED,
        "mine.py: line 15: RuntimeError: not while somebody counts",
    ),
    "has no products of matrices": (
        POOLED.replace("return nn.Sequential(", "return Scaled(settings) or (") + SCALED,
        "mine.py: found no product of matrices",
    ),
}


@pytest.mark.parametrize("why", UNCOUNTED)
def test_work_that_cannot_be_counted_is_none_and_says_why(tmp_path: Path, why: str) -> None:
    text, told = UNCOUNTED[why]
    settings = without_droppath(tmp_path, text)
    described = describe(settings.network)
    assert described.macs is None
    assert described.parameters > 0
    assert described.uncounted == f"the work of mine cannot be counted: {tmp_path}/{told}"
    assert gflop_an_epoch(settings, 10) is None
    assert gflop_an_evaluation(settings, 10) is None
    ours = settings_of({}, "cnn", "baseline").network
    student = settings.model_copy(update={"network": ours, "teacher_network": settings.network})
    assert gflop_an_epoch(student, 10) is None
    assert gflop_an_evaluation(student, 10) is not None


def test_random_numbers_are_not_used_up_by_trying_out(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLAIN.replace("nn.Flatten(),", "nn.Flatten(), Noise(),") + NOISE)
    settings = settings_of({"mine": str(file)}, recipe="baseline").network
    torch.manual_seed(0)
    build(settings)
    after = torch.rand(())
    torch.manual_seed(0)
    nn.Linear(settings.channels * settings.image_size**2, settings.classes)
    assert after == torch.rand(())


NOISE = """
class Noise(nn.Module):
    def forward(self, x):
        import torch
        return x + torch.rand(())
"""

TUPLE_IN_TRAINING = """
class TupleInTraining(nn.Module):
    def forward(self, x):
        return (x, x) if self.training else x
"""
ROUNDED = """
class Rounded(nn.Module):
    def forward(self, x):
        return x.long()
"""

REMEMBERING = """
class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(nn.Linear(1, 1).weight)
        self.seen = []

    def forward(self, x):
        x = self.scale * x
        self.seen[:] = [x]
        return x
"""

VIEWED = """
class Viewed(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.classifier = nn.Linear(settings.channels * settings.image_size**2, settings.classes)

    def forward(self, x):
        return self.classifier(x.view(len(x), -1))
"""

ATTENDING = """
class Attending(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.stem = nn.Conv2d(settings.channels, 16, 4, stride=4)
        self.branches = nn.ModuleList([nn.MultiheadAttention(16, 2, batch_first=True)])
        self.head = nn.Linear(16, settings.classes)

    def forward(self, images):
        x = self.stem(images).flatten(2).transpose(1, 2)
        for branch in self.branches:
            x = x + branch(x, x, x)[0]
        return self.head(x.mean(1))
"""


def attending(pattern: str) -> Callable[[str], str]:
    """The file of a network of which modules that fit the pattern have DropPath."""
    return lambda text: (
        text.replace('("2.branch",)', f'("{pattern}",)').replace(
            "return nn.Sequential(", "return Attending(settings) or ("
        )
        + ATTENDING
    )


TOKENS_FIRST = """
class Attention(nn.MultiheadAttention):
    def forward(self, x):
        return super().forward(x, x, x)[0]

class TokensFirst(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.stem = nn.Conv2d(settings.channels, 16, 4, stride=4)
        self.branch = Attention(16, 2)
        self.head = nn.Linear(16, settings.classes)

    def forward(self, images):
        x = self.stem(images).flatten(2).permute(2, 0, 1)
        return self.head((x + self.branch(x)).mean(0))
"""


def changing(how: str) -> Callable[[str], str]:
    """The file of a network that changes the images it is given by that statement."""
    return lambda text: (
        text.replace("nn.Flatten(),", "Changing(), nn.Flatten(),").replace(
            '("2.branch",)', '("3.branch",)'
        )
        + CHANGING.replace("...", how)
    )


CHANGING = """
class Changing(nn.Module):
    def forward(self, x):
        ...
        return x
"""

STATE = """
import torch

class Stateful(nn.Linear):
    def get_extra_state(self):
        return ...

    def set_extra_state(self, state):
        pass
"""


def with_state(value: str) -> Callable[[str], str]:
    """The file of a network with a layer that has that value as its extra state."""
    return lambda text: text.replace("nn.Linear(", "Stateful(") + STATE.replace("...", value)


LAZY_IN_TRAINING = """
class LazyInTraining(nn.Module):
    def __init__(self):
        super().__init__()
        self.more = nn.LazyLinear(3)

    def forward(self, x):
        return x + self.more(x).mean() if self.training else x
"""

MISTAKES: dict[str, tuple[Callable[[str], str], str]] = {
    "not registered": (
        lambda text: text.replace('"mine"', '"other"'),
        "found unknown network 'mine', allowed: other",
    ),
    "registered under a computed name": (
        lambda text: text.replace('@network("mine"', '@network("ot" + "her"'),
        "found no @network('mine'), what it registers: other",
    ),
    "nothing registered": (
        lambda text: text.replace('@network("mine", droppath=("2.branch",))', ""),
        "found no @network('mine'), what it registers: nothing",
    ),
    "not Python": (lambda text: text.replace("def mine", "deff mine"), "line 6: is not Python"),
    "fails on import": (lambda text: text + "\n1 / 0\n", "line 18: ZeroDivisionError: division by zero"),
    "fails when it is made": (
        lambda text: text.replace("channels *", "chanels *"),
        "line 7: AttributeError: 'NetworkSettings' object has no attribute 'chanels'",
    ),
    "fails on images": (
        lambda text: text.replace("size**2", "size"),
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x3072 and 96x10)",
    ),
    "one order in memory alone": (
        lambda text: (
            text.replace('("2.branch",)', '("classifier",)').replace(
                "return nn.Sequential(nn.Flatten(), nn.Linear(inputs, settings.classes), Residual())",
                "return Viewed(settings)",
            )
            + VIEWED
        ),
        "RuntimeError: view size is not compatible with input tensor's size and stride",
    ),
    "no module": (
        lambda text: text.replace("return nn.Sequential(", "return ("),
        "mine: found tuple, needed: a torch.nn.Module",
    ),
    "wrong shape": (
        lambda text: text.replace("settings.classes)", "settings.classes + 1)"),
        "mine: found logits (3, 11) float32 in evaluation for images of shape (3, 3, 32, 32), needed: "
        "(3, 10) float32",
    ),
    "no logits": (
        lambda text: text.replace(
            "Linear(inputs, settings.classes), Residual()", "LSTM(inputs, 10)"
        ).replace('"2.branch"', '"0"'),
        "mine: found logits tuple in evaluation for images of shape (3, 3, 32, 32), needed: (3, 10) f",
    ),
    "another output in training": (
        lambda text: text.replace("Residual()", "Residual(), TupleInTraining()") + TUPLE_IN_TRAINING,
        "mine: found logits tuple in training",
    ),
    "whole numbers": (
        lambda text: text.replace("Residual()", "Residual(), Rounded()") + ROUNDED,
        "mine: found logits (3, 10) int64 in evaluation",
    ),
    "nothing to train": (
        lambda text: text.replace("nn.Linear(inputs, settings.classes)", "nn.Identity()").replace(
            "PReLU", "ReLU"
        ),
        "mine: found no parameters to train",
    ),
    "a number for a pattern": (
        lambda text: text.replace('("2.branch",)', "(5,)"),
        "line 5: TypeError: droppath: found (5,), allowed: names, or patterns of names",
    ),
    "ends the program": (
        lambda text: "import sys\n" + text + "\nsys.exit(3)\n",
        "line 19: SystemExit: 3",
    ),
    "keeps graphs": (
        lambda text: text.replace("Residual())", "Residual(), Remembering())") + REMEMBERING,
        "mine: cannot be copied, as evaluating it does: RuntimeError: Only Tensors created explicitly",
    ),
    "pattern that fits nothing": (
        lambda text: text.replace('("2.branch",)', '("features.*",)'),
        "mine: droppath: found no module that fits 'features.*', allowed: 0, 1, 2, 2.branch",
    ),
    "state that is no tensor": (
        with_state('{"calls": 3}'),
        "mine: found '1._extra_state' of type dict in its state, needed: tensors, which can be saved",
    ),
    "state that cannot be told": (
        with_state("1 / 0"),
        "line 22: ZeroDivisionError: division by zero",
    ),
    "lazy, and called in training alone": (
        lambda text: text.replace("Residual()", "Residual(), LazyInTraining()") + LAZY_IN_TRAINING,
        "mine: found '3.more.weight' without a shape, needed: lazy modules that are called in eva",
    ),
    "changes its input": (
        changing("x -= 0.5"),
        "mine: changes its input in place, needed: images left as they were given (`images = images - ",
    ),
    "changes no zero of its input": (changing("x.mul_(2)"), "mine: changes its input in place"),
    "changes its input behind autograd": (changing("x.data -= 0.5"), "mine: changes its input in place"),
    "changes a view of its input": (changing("x.flatten(1)[:, 0] = 1"), "mine: changes its input in pl"),
    "a list of branches": (
        attending("branches"),
        "mine: droppath: 'branches' is never called, needed: modules whose output is added to a skip",
    ),
    "weights of a layer that is not called": (
        attending("branches.*.out_proj"),
        "mine: droppath: 'branches.0.out_proj' is never called",
    ),
    "a branch of tokens before samples": (
        lambda text: (
            text.replace('("2.branch",)', '("branch",)').replace(
                "return nn.Sequential(", "return TokensFirst(settings) or ("
            )
            + TOKENS_FIRST
        ),
        "mine: droppath: 'branch' gives shape (64, 3, 16) for 3 images, needed: samples first",
    ),
    "a branch without a skip": (
        lambda text: text.replace("2.branch", "1"),
        "mine: droppath: '1' (1 of 1 branches): without it the output does not depend on the image",
    ),
    "a branch without a skip, hidden by weights of zero": (
        lambda text: (
            text.replace("x + self.branch(x)", "self.head(self.branch(x))").replace(
                "nn.PReLU()", "nn.PReLU()\n        self.head = nn.Linear(10, 10)\n"
            )
            + "\ndef zero(layer):\n    layer.weight.data.zero_()\n"
        ).replace("10, 10)\n", "10, 10)\n        zero(self.head)\n"),
        "mine: droppath: '2.branch' (1 of 1 branches): without it the output does not",
    ),
    "a gate": (
        lambda text: text.replace("x + self.branch(x)", "x * self.branch(x)"),
        "mine: droppath: '2.branch' (1 of 1 branches): without it the output does not",
    ),
    "fails backward": (
        lambda text: text.replace("x + self.branch(x)", "x + self.branch(x).exp().mul_(2)"),
        "RuntimeError: one of the variables needed for gradient computation has been modified by an",
    ),
    "no DropPath where the recipe has it": (
        lambda text: text.replace(', droppath=("2.branch",)', ""),
        "mine: found no DropPath, which the recipe needs",
    ),
}


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_a_network_that_keeps_what_it_computed_is_copied(tmp_path: Path, kind: str) -> None:
    """The older utilities keep a layer's weights with the graph that they come from."""
    made = POOLED.replace(CONVOLUTION, f"utils.{kind}({CONVOLUTION})")
    network = build(without_droppath(tmp_path, made).network)
    images = torch.randn(5, 3, 32, 32)
    network(images).square().sum().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad
    fast = folded(network)
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch.testing.assert_close(fast(images), network.eval()(images))
    for parameter in network.parameters():
        parameter.data.zero_()
    assert fast(images).abs().max() > 0, "a copy has weights of its own"
    assert all(torch.equal(tensor, fast.state_dict()[name]) for name, tensor in kept.items())


LAZY = PLAIN.replace("nn.Linear(inputs, ", "nn.LazyLinear(").replace(
    "nn.Flatten(),", "nn.LazyBatchNorm2d(), nn.Flatten(),"
)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_what_is_made_by_the_first_images_is_made_when_the_network_is(tmp_path: Path) -> None:
    settings = without_droppath(tmp_path, LAZY).network
    plain = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3 * 32**2, 10))
    torch.manual_seed(0)
    expected, after = nn.Linear(3 * 32**2, 10), torch.rand(())
    torch.manual_seed(0)
    network = build(settings)
    assert torch.rand(()) == after
    assert {k: v.shape for k, v in network.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }
    assert torch.equal(network[2].weight, expected.weight)
    assert torch.equal(network[0].running_var, torch.ones(3))
    assert network.training
    assert describe(settings).parameters == sum(p.numel() for p in plain.parameters())
    assert folded(network)(torch.randn(5, 3, 32, 32)).shape == (5, 10)


def test_more_state_is_restored_where_it_is_a_tensor(tmp_path: Path) -> None:
    network = build(without_droppath(tmp_path, with_state("torch.tensor(7)")(FINE)).network)
    assert network.state_dict()["1._extra_state"] == 7


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_is_one_line_that_names_it(tmp_path: Path, mistake: str) -> None:
    spoil, told = MISTAKES[mistake]
    file = tmp_path / "mine.py"
    file.write_text(spoil(FINE))
    assert spoil(FINE) != FINE
    with pytest.raises(ConfigError) as caught:
        build(settings_of({"mine": str(file)}).network)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert told in message
    assert "\n" not in message


MOBILE = """
from torchvision.models import mobilenet_v3_small
from crossarch.models import network

@network("mine", droppath=("features.*.block",))
def mine(settings):
    return mobilenet_v3_small(num_classes=settings.classes)
"""
SKIPPED = (
    "3",
    "5",
    "6",
    "8",
    "10",
    "11",
)  # stride 1, as many channels as before: MobileNetV3, Table 2


def test_branches_of_mobilenet_without_a_skip_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MOBILE)
    with pytest.raises(ConfigError) as caught:
        build(settings_of({"mine": str(file)}).network)
    named = "'features.1.block', 'features.2.block', 'features.4.block' and 2 more (5 of 11 branches)"
    assert f"mine: droppath: {named}: without it" in str(caught.value)
    patterns = ", ".join(f'"features.{place}.block"' for place in SKIPPED)
    file.write_text(MOBILE.replace('"features.*.block"', patterns))
    settings = settings_of({"mine": str(file)}).network
    assert describe(settings).droppath_blocks == 6
    file.write_text(MOBILE.replace("*.block", "*.blok"))
    with pytest.raises(ConfigError) as caught:
        build(settings_of({"mine": str(file)}).network)
    assert "found no module that fits 'features.*.blok', nearest: features.*.block, " in str(
        caught.value
    )
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("end", "warned"), [("Softmax", True), ("LogSoftmax", False)])
def test_probabilities_instead_of_logits_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str, warned: bool
) -> None:
    settings = without_droppath(tmp_path, PLAIN.replace("classes))", f"classes), nn.{end}(1))")).network
    build(settings)
    build(settings)
    assert capsys.readouterr().err.count("mine: gives probabilities (a softmax at the end?)") == warned


UNKNOWN = {  # what may have blocks of ours, for all that can be read in the file
    "blocks of ours": "from crossarch.models import ResidualBlock\n",
    "networks of ours": "from crossarch.models.resnet import resnet18\n",
    "a module of the user's": "import mine_too\n",
    "a module beside it": "from .mine_too import Net\n",
}


@pytest.mark.parametrize("imports", ["from math import prod\n", *UNKNOWN.values()])
def test_a_recipe_with_droppath_is_not_planned_for_a_network_without(
    tmp_path: Path, imports: str
) -> None:
    (tmp_path / "mine.py").write_text(imports + PLAIN)
    usual, configuration = configured({}), configured({"mine": str(tmp_path / "mine.py")})
    table = configuration.table("table2")
    mine = {run.recipe for run in table_runs(configuration, table) if run.arch == "mine"}
    needed = {"wo_kd", "full"} if imports in UNKNOWN.values() else set()
    assert mine == {"baseline", "wo_dp_kd", "wo_dp"} | needed
    others = [run for run in table_runs(configuration, table) if run.arch != "mine"]
    assert others == table_runs(usual, table)


def test_statistics_of_the_images_it_is_tried_out_on_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLAIN.replace("nn.Flatten(),", "nn.BatchNorm2d(settings.channels), nn.Flatten(),"))
    made = build(settings_of({"mine": str(file)}, recipe="baseline").network)
    assert made.training
    assert torch.equal(made[0].running_var, torch.ones(3))
    assert made[0].num_batches_tracked == 0


def test_a_missing_file_and_a_taken_name_stop_before_anything(tmp_path: Path) -> None:
    missing = str(tmp_path / "mine.py")
    with pytest.raises(ConfigError) as caught:
        configured({"mine": missing})
    assert str(caught.value) == f"mine.yaml: own_networks.mine: found {missing!r}, no such file"
    with pytest.raises(ConfigError, match=r"mine.yaml: own_networks.vgg11: found the name of a network"):
        configured({"vgg11": missing})
    with pytest.raises(ConfigError, match=r"found unknown network 'wideresnet' .*, resnet50 or one of"):
        settings_of({}, "wideresnet")


def test_a_file_edited_after_the_run_was_asked_for_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FINE)
    settings = settings_of({"mine": str(file)}).network
    file.write_text(FINE + "\nUNUSED = 1\n")
    with pytest.raises(ConfigError, match=r"mine.py: was edited since this run was asked for"):
        build(settings)


def test_the_code_of_the_file_is_in_the_digest_and_comments_are_not(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FINE)
    before = settings_of({"mine": str(file)})
    ours = settings_of({"mine": str(file)}, "alexnet")
    file.write_text('"""For people."""\n' + FINE + "# more\n")
    assert settings_of({"mine": str(file)}) == before
    file.write_text(FINE.replace("nn.Flatten()", "nn.Flatten(), nn.Identity()"))
    after = settings_of({"mine": str(file)})
    assert after.digest != before.digest
    assert settings_of({"mine": str(file)}, "alexnet").to_json() == ours.to_json()
    assert '"own"' not in ours.to_json()
    assert settings_of({}, "alexnet").to_json() == ours.to_json()
    assert RunSettings.model_validate(after.model_dump(mode="json")) == after


def test_where_the_file_lies_is_no_part_of_what_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "mine.py").write_text(FINE)
    recipe = {"taught": {"base": "full", "distillation": {"arch": "mine"}}}
    spelt = ("~/nets/mine.py", str(tmp_path / "nets" / ".." / "nets" / "mine.py"))
    for run in ("mine/full", "vgg11/taught"):
        made = []
        for file in spelt:
            of = configured({"mine": file}, own_recipes=recipe)
            made.append(resolve(of, parse_run(f"cifar10/frepo/ipc1/{run}/seed0")))
            places = {own.code: own.file for own in of.network_files.values()}
            as_given = given_settings(RunSettings, made[-1].to_json(), json.dumps(places))
            assert as_given.model_dump() == made[-1].model_dump()
        assert made[0].model_dump() != made[1].model_dump()
        assert difference(*made) is None
        assert made[0].to_json() == made[1].to_json()
        assert made[0].digest == made[1].digest


def test_what_was_trained_before_the_file_was_moved_is_built(tmp_path: Path) -> None:
    file, moved = tmp_path / "mine.py", tmp_path / "moved.py"
    file.write_text(FINE + "\nMOVED = True\n")
    before = settings_of({"mine": str(file)}).network
    file.rename(moved)
    with pytest.raises(ConfigError, match=r"mine\.py: cannot be read"):
        build(before)
    after = settings_of({"mine": str(moved)}).network
    assert before != after
    assert build(before).state_dict().keys() == build(after).state_dict().keys()


def test_a_file_of_nobody_is_one_line() -> None:
    told = r"own_networks\.mine: ~no-one-here/a\.py cannot be read: the home of a user"
    with pytest.raises(ConfigError, match=told):
        configured({"mine": "~no-one-here/a.py"})


LAYOUTS = {  # of Tables 1, 2, 3 and 7: own networks, own recipes
    "table1": (False, True),
    "table2": (True, True),
    "table3": (False, False),
    "table7": (True, False),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_networks_are_columns_and_recipes_rows_where_a_table_has_such(name: str) -> None:
    column, row = LAYOUTS[name]
    networks = {arch: str(PROJECT / file) for arch, file in EXAMPLES.items()}
    usual = configured({})
    configuration = configured(networks, own_recipes={"full-tau4": None, "slow": {"base": "full"}})
    table = configuration.table(name)
    assert table == usual.table(name)
    archs, recipes = table_archs(configuration, table), table_recipes(configuration, table)
    assert archs == [*table.archs, *(EXAMPLES if column else [])]
    assert recipes == [*table.recipes, *(["full-tau4", "slow"] if row else [])]
    assert table_archs(usual, table) == list(table.archs)
    assert table_recipes(usual, table) == list(table.recipes)


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        ({"a": "VGG11"}, "own_networks.a.title: found 'VGG11', the title of vgg11, "),
        ({"a": "VGG11 "}, "own_networks.a.title: found 'VGG11 ', the title of vgg11, "),
        ({"a": "4-layer CNN"}, "own_networks.a.title: found '4-layer CNN', the title of cnn, "),
        ({"a": "CNN"}, "own_networks.a.title: found 'CNN', the title of cnn, "),
        ({"a": "Net", "b": "Net"}, "own_networks.b.title: found 'Net', the title of a, "),
        ({"a": "b", "b": None}, "own_networks.b: found 'b', the title of a, "),
    ],
)
def test_no_two_networks_have_one_title(
    tmp_path: Path, networks: dict[str, str | None], told: str
) -> None:
    file = tmp_path / "any.py"
    file.write_text("pass\n")
    own = {name: {"file": str(file), "title": title} for name, title in networks.items()}
    with pytest.raises(ConfigError) as caught:
        configured(own)
    assert str(caught.value) == f"mine.yaml: {told}allowed: one that no other has"


def test_a_figure_shows_own_networks_where_it_says_so() -> None:
    networks = {"wideresnet": {"file": str(PROJECT / EXAMPLES["wideresnet"]), "title": "WRN"}}
    usual, configuration = configured({}), configured(networks)

    def lines(of: Configuration, figure: str) -> list[str]:
        return [f"{point.panel} {point.line} {point.x}" for point in figure_points(of, figure)]

    more = lines(configuration, "figure1")
    added = [line for line in more if "WRN" in line]
    assert [line for line in more if "WRN" not in line] == lines(usual, "figure1")
    assert len(added) == 2 * 2 * 3  # panels, recipes, IPC
    assert {line.split(", ")[1].split(" ")[0] for line in added} == {"Baseline", "Full"}
    assert lines(configuration, "figure3") == lines(usual, "figure3")


def test_networks_of_ones_own_look_different() -> None:
    own = [f"mine{place}" for place in range(16)]
    assert look_of("cnn", own) == Look("black", "o")
    assert look_of("mine4", own) == Look("purple", "p")  # the 5th: 2nd colour, last marker
    assert look_of("mine15", own) == look_of("mine0", own) == Look("blue", "P")
    del own[15]
    assert len({look_of(arch, own) for arch in (*own, *ARCHS)}) == 20


OWN_RECIPES: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt key": (
        {"slow": {"base": "full", "epoch": 9}},
        "mine.yaml: own_recipes.slow.epoch: found unknown key 'epoch' (did you mean 'epochs'?)",
    ),
    "unknown base": (
        {"slow": {"base": "ful"}},
        "mine.yaml: own_recipes.slow.base: found unknown recipe 'ful' (did you mean 'full'?)",
    ),
    "taken name": (
        {"full": {"base": "baseline"}},
        "mine.yaml: own_recipes.full: found a recipe that",
    ),
    "null for none": (
        {"slow": None},
        "mine.yaml: own_recipes.slow: found unknown recipe 'slow', allowed: baseline",
    ),
    "too long": (
        {"slow": {"base": "full", "epochs": 4001}},
        "mine.yaml: own_recipes.slow.epochs: found 4001, allowed: at most 4000",
    ),
    "too short": (
        {"slow": {"base": "full", "epochs": 1}},
        "mine.yaml: own_recipes.slow.epochs: found 1, which with schedule.warmup 50 is a",
    ),
    "unknown network": (
        {"slow": {"base": "full", "by_arch": {"vgg": {"epochs": 9}}}},
        "mine.yaml: own_recipes.slow.by_arch: found unknown name 'vgg'",
    ),
    "unknown teacher": (
        {"slow": {"base": "full", "distillation": {"arch": "vgg"}}},
        "mine.yaml: own_recipes.slow.distillation.arch: found unknown network 'vgg'",
    ),
}


@pytest.mark.parametrize("mistake", OWN_RECIPES)
def test_a_mistake_in_a_recipe_names_the_file_that_it_stands_in(mistake: str) -> None:
    recipes, told = OWN_RECIPES[mistake]
    with pytest.raises(ConfigError) as caught:
        configured({}, own_recipes=recipes)
    assert str(caught.value).startswith(told)


def test_a_recipe_follows_the_protocol_of_its_base() -> None:
    configuration = configured({}, own_recipes={"slow": {"base": "full", "epochs": 3500}})
    run = parse_run("cifar10/frepo/ipc1/resnet50/slow@released/seed0")
    settings = resolve(configuration, run)
    assert settings.epochs == 3500
    assert settings.keep_rate is not None
    assert (settings.keep_rate.decay, settings.keep_rate.min) == (0.13, 0.35)
