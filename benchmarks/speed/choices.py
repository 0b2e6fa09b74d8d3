"""What was tried to make it faster, each against the same thing without it: what pays is kept."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import timing
import torch
from lion_pytorch.foreach import Lion as ForeachLion
from subjects import COMPARED, forward_backward, in_order, random_set, settings_of
from torch import Tensor, nn

from crossarch.models import build, set_keep_rate
from crossarch.models.droppath import DropPathBlock
from crossarch.running.evaluation import channels_last, folded
from crossarch.running.memory import memory_format
from crossarch.training.optimizers import make_optimizer

Act = Callable[[], object]


@dataclass(frozen=True)
class Choice:
    """Something tried, on what; whether crossarch does it; the same work without and with it."""

    what: str
    on: str
    kept: bool
    without: Act
    using: Act


def choices(rounds: int) -> list[dict[str, Any]]:
    """What was tried: time without it as a multiple of the time with it (over 1: it pays), 1 thread."""
    rows = []
    for make in (*MEMORY, *DROPPATH, *TESTS, *LIONS, *COMPILED):
        choice = make()
        both = {"without": choice.without, "using": choice.using}
        seconds = timing.in_turns(both, rounds)
        gain = round(timing.ratio(seconds["without"], seconds["using"]), 2)
        kept = "yes" if choice.kept else "no"
        rows.append({"what": choice.what, "on": choice.on, "gain": gain, "kept": kept})
    return rows


def memory_order(arch: str, source: str) -> Choice:
    """Channels innermost in memory instead of outermost, in training."""
    settings = settings_of(arch, source).network
    network, images = build(settings).train(), random_set(settings_of(arch, source), 10).images
    both = [
        forward_backward(*in_order(network, images, order))
        for order in (torch.contiguous_format, torch.channels_last)
    ]
    kept = memory_format(settings) is torch.channels_last
    return Choice("channels innermost in training", f"{arch}, {settings.norm} norm", kept, *both)


def only_what_is_kept(arch: str, keep_rate: float) -> Choice:
    """DropPath that computes a path for those samples only that take it."""
    settings = settings_of(arch, "mtt", "full")
    skipping = build(settings.network).train()
    set_keep_rate(skipping, keep_rate)
    complete = copy.deepcopy(skipping)
    for block in complete.modules():
        if isinstance(block, DropPathBlock):
            block.samples_apart = False
    images = random_set(settings, 10).images
    both = [forward_backward(network, images) for network in (complete, skipping)]
    on = f"{arch}, instance norm, keep rate {keep_rate}"
    return Choice("a path only for the samples that take it", on, True, *both)


def folding(arch: str) -> Choice:
    """Batch norms folded into the convolutions before them, in tests and in teachers."""
    network, images = tested(arch, 100)
    plain = copy.deepcopy(network).eval().to(memory_format=torch.channels_last)
    both = [forward(one, images) for one in (plain, folded(network))]
    return Choice("batch norm folded into convolutions", f"{arch}, test", True, *both)


def test_batches(arch: str, size: int) -> Choice:
    """Tests in other batches than of 100 images."""
    network, images = tested(arch, 500)
    both = [forward(folded(network), *images.split(number)) for number in (100, size)]
    return Choice(f"batches of {size} instead of 100", f"{arch}, test", False, *both)


def foreach_lion(arch: str) -> Choice:
    """Lion's update of all weights at once, from the same library."""
    settings = settings_of(arch, "frepo")
    updates = []
    for kind in ("usual", "foreach"):
        network = build(settings.network)
        for weight in network.parameters():
            weight.grad = torch.randn_like(weight)
        if kind == "usual":
            updates.append(make_optimizer(settings.optimizer, network.parameters()).step)
        else:
            options = settings.optimizer.model_dump(exclude={"name"})
            updates.append(ForeachLion(network.parameters(), **options).step)
    return Choice("Lion by foreach", f"{arch}, update alone", False, *updates)


def compiled(arch: str, source: str) -> Choice:
    """torch.compile; the time that it takes first (15 to 45 s) is not counted."""
    settings = settings_of(arch, source)
    order = memory_format(settings.network)
    images = random_set(settings, 10).images
    network, images = in_order(build(settings.network).train(), images, order)
    made = copy.deepcopy(network)
    made.compile(dynamic=False)
    both = [forward_backward(one, images) for one in (network, made)]
    return Choice("torch.compile", f"{arch}, {settings.network.norm} norm", False, *both)


def tested(arch: str, images: int) -> tuple[nn.Module, Tensor]:
    """A network of FRePo's form and test images for it."""
    settings = settings_of(arch, "frepo")
    return build(settings.network).eval(), channels_last(random_set(settings, images).images)


def forward(network: nn.Module, *batches: Tensor) -> Act:
    """Batch after batch through a network, without gradients."""

    @torch.inference_mode()
    def act() -> None:
        for batch in batches:
            network(batch)

    return act


def each(make: Callable[..., Choice], *arguments: Any) -> list[Callable[[], Choice]]:
    """`make` with each of `arguments`, to be called when its turn comes: networks take memory."""
    return [lambda given=given: make(*given) for given in arguments]  # type: ignore[misc]


MEMORY = each(memory_order, *product((*COMPARED, "vgg11"), ("frepo", "mtt")))
DROPPATH = each(only_what_is_kept, *product(("alexnet", "vgg11", "resnet18"), (0.5, 0.8)))
TESTS = [
    *each(folding, ("cnn",), ("resnet18",)),
    *each(test_batches, *product(("cnn", "resnet18"), (50, 250))),
]
LIONS = each(foreach_lion, ("vgg11",), ("resnet18",))
COMPILED = each(compiled, ("cnn", "frepo"), ("cnn", "mtt"), ("alexnet", "frepo"), ("resnet18", "frepo"))
if not shutil.which("g++"):
    COMPILED = []  # torch.compile needs a compiler
