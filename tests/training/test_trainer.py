"""The trainer on networks and images so small that whole trainings take a fraction of a second."""

import copy
import errno
import math
import re
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from crossarch import errors
from crossarch.config import (
    LabelSettings,
    NetworkSettings,
    RunSettings,
    load_configuration,
    parse_run,
    resolve,
)
from crossarch.config.schema import AdamW, Arithmetic, KeepRate, StepSchedule
from crossarch.config.schema.recipes import Adam, Sgd
from crossarch.data import ImageSet
from crossarch.data.store import save_tensors
from crossarch.errors import TrainingError
from crossarch.models import build, set_keep_rate
from crossarch.models.droppath import DropPathBlock
from crossarch.models.folding import folded
from crossarch.running import evaluation
from crossarch.running.evaluation import TestBatches, accuracy, precision_for
from crossarch.running.state import Keeper, load_state, remove_states, save_state
from crossarch.training import trainer
from crossarch.training.arithmetic import set_arithmetic
from crossarch.training.optimizers import make_optimizer
from crossarch.training.trainer import Outcome, train

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
CPU = torch.device("cpu")
SIDE, CLASSES, IMAGES = 8, 3, 10


pytestmark = pytest.mark.usefixtures("one_thread")


def small(settings: NetworkSettings) -> NetworkSettings:
    return settings.model_copy(update={"classes": CLASSES, "image_size": SIDE, "widths": (6, 8)})


def tiny(
    recipe: str = "wo_dp_kd", arch: str = "cnn", source: str = "mtt", **changes: Any
) -> RunSettings:
    """A run of the configuration cut down to a few epochs of a few batches of 4, 4 and 2 images."""
    settings = resolve(CONFIGURATION, parse_run(f"cifar10/{source}/ipc1/{arch}/{recipe}/seed0"))
    update: dict[str, Any] = {
        "network": small(settings.network),
        "teacher_network": settings.teacher_network and small(settings.teacher_network),
        "epochs": 6,
        "batch_size": 4,
        "optimizer": settings.optimizer.model_copy(update={"lr": 1e-3}),
        "schedule": StepSchedule(name="step", milestones=(3,), factor=0.5),
        "evaluate_every": 2,
    }
    if settings.keep_rate:
        update["keep_rate"] = KeepRate(warmup=1, period=1, decay=0.2, min=0.4, final=0.8, stabilise=5)
    return settings.model_copy(update=update | changes)


def image_set(count: int, seed: int, *, soft: bool = False) -> ImageSet:
    draws = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, SIDE, SIDE, generator=draws)
    labels = torch.arange(count) % CLASSES
    if soft:
        return ImageSet(images, torch.randn(count, CLASSES, generator=draws) * 0.1)
    return ImageSet(images, labels)


TRAIN, SOFT, TEST = image_set(IMAGES, 0), image_set(IMAGES, 1, soft=True), image_set(25, 2)


def make_teacher(settings: RunSettings) -> nn.Module | None:
    torch.manual_seed(99)
    return build(settings.teacher_network) if settings.teacher_network else None


def run(settings: RunSettings, **options: Any) -> Outcome:
    training_set = SOFT if settings.labels.kind == "soft" else TRAIN
    return train(settings, training_set, TEST, make_teacher(settings), device=CPU, **options)


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def differ(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return any(not torch.equal(tensor, second[name]) for name, tensor in first.items())


# --- Arithmetic by choice -------------------------------------------------------------------------


@pytest.fixture
def _restored_arithmetic() -> Iterator[None]:
    yield
    set_arithmetic(Arithmetic())


def computed(**choice: Any) -> Outcome:
    return run(tiny("full", "alexnet", "frepo", arithmetic=Arithmetic(**choice), epochs=3))


def distance(first: Outcome, second: Outcome) -> float:
    """The largest difference of losses."""
    pairs = zip(first.history.losses, second.history.losses, strict=True)
    return max(abs(a["loss"] - b["loss"]) for a, b in pairs)


@pytest.mark.usefixtures("_restored_arithmetic")
def test_bfloat16_computes_nearly_the_same_and_keeps_weights_whole() -> None:
    coarse = computed(precision="bfloat16")
    assert 0.0 < distance(computed(), coarse) < 0.1
    assert {t.dtype for t in coarse.last.values() if t.is_floating_point()} == {torch.float32}


@pytest.mark.usefixtures("_restored_arithmetic")
@pytest.mark.parametrize("choice", [{"deterministic": True}, {"precision": "tf32"}])
def test_what_is_for_gpus_changes_no_bit_on_the_cpu(choice: dict[str, Any]) -> None:
    assert_same(computed().last, computed(**choice).last)


@pytest.mark.weekly
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler (g++) for torch.compile")
@pytest.mark.usefixtures("_restored_arithmetic")
def test_a_compiled_network_learns_the_same() -> None:
    exact, compiled = computed(), computed(compile=True)
    assert exact.last.keys() == compiled.last.keys()
    assert distance(exact, compiled) < 1e-3


# --- The same run twice ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "arch", "source"),
    [("baseline", "cnn", "mtt"), ("wo_dp_kd", "cnn", "frepo"), ("full", "alexnet", "mtt")],
)
def test_a_seed_determines_the_weights(recipe: str, arch: str, source: str) -> None:
    settings = tiny(recipe, arch, source, epochs=2)
    first = run(settings)
    torch.rand(3)  # what happened before does not matter
    second = run(settings)
    assert_same(first.last, second.last)
    assert_same(first.best, second.best)
    assert first.history.losses == second.history.losses
    assert first.history.evaluations == second.history.evaluations
    other = settings.model_copy(update={"run": settings.run.model_copy(update={"seed": 1})})
    assert differ(first.last, run(other).last)


@pytest.mark.parametrize(("recipe", "arch"), [("wo_dp_kd", "cnn"), ("full", "alexnet")])
def test_evaluating_more_often_changes_nothing(recipe: str, arch: str) -> None:
    often, seldom = (run(tiny(recipe, arch, epochs=3, evaluate_every=n)) for n in (1, 1000))
    assert_same(often.last, seldom.last)
    assert often.history.losses == seldom.history.losses
    assert often.history.evaluations[-1] == seldom.history.evaluations[-1]
    assert [e["epoch"] for e in often.history.evaluations] == [1, 2, 3]
    assert [e["epoch"] for e in seldom.history.evaluations] == [3]


# --- What happens in an epoch ---------------------------------------------------------------------


class Watched:
    """The network and the optimiser of a run, and the batches that the network was trained on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[Tensor] = []
        make_network: Any = trainer.build
        make_optimizer: Any = trainer.make_optimizer

        def build_watched(settings: NetworkSettings) -> Any:
            self.network = make_network(settings)
            self.network.register_forward_pre_hook(self.see)
            return self.network

        def optimizer_watched(*arguments: Any) -> Any:
            self.optimizer = make_optimizer(*arguments)
            return self.optimizer

        monkeypatch.setattr(trainer, "build", build_watched)
        monkeypatch.setattr(trainer, "make_optimizer", optimizer_watched)

    def see(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if module.training:
            self.batches.append(inputs[0].detach().clone())


def no_augmentation(settings: RunSettings) -> Any:
    return settings.augmentation.model_copy(update={"folds": 0})


def test_every_image_is_seen_once_an_epoch_in_a_new_order(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    settings = tiny(epochs=4)
    run(settings.model_copy(update={"augmentation": no_augmentation(settings)}))
    assert [len(batch) for batch in watched.batches] == [4, 4, 2] * 4
    orders = []
    for epoch in range(4):
        seen = torch.cat(watched.batches[3 * epoch : 3 * epoch + 3])
        order = [int((TRAIN.images == image).flatten(1).all(1).nonzero()) for image in seen]
        assert sorted(order) == list(range(IMAGES))
        orders.append(tuple(order))
    assert len(set(orders)) == 4


def test_keep_rate_and_learning_rate_are_those_of_the_epoch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    seen: list[tuple[float, float]] = []

    def progress(epoch: int, loss: float, accuracy: float | None) -> None:
        blocks = [m for m in watched.network.modules() if isinstance(m, DropPathBlock)]
        assert len(blocks) == 2
        assert len({block.keep_rate for block in blocks}) == 1
        seen.append((blocks[0].keep_rate, watched.optimizer.param_groups[0]["lr"]))

    run(tiny("wo_kd", "alexnet"), progress=progress)
    rates = [1.0, 1.0, 0.8, 0.6, 0.4, 0.8]  # warm-up 1, a step each epoch, final from 5
    assert [rate for rate, _ in seen] == pytest.approx(rates)
    assert [lr for _, lr in seen] == pytest.approx([1e-3] * 3 + [5e-4] * 3)


@pytest.mark.parametrize("source", ["mtt", "frepo"])
@pytest.mark.parametrize("distils", [False, True])
def test_full_batches_without_augmentation_equal_a_loop_by_hand(source: str, distils: bool) -> None:
    """Plain gradient descent on Equation 2 with AdamW; the order in a batch does not matter."""
    base = tiny("wo_dp", "vgg11", source)  # has a teacher; its network is replaced by a small one
    settings = base.model_copy(
        update={
            "network": base.teacher_network,
            "epochs": 5,
            "batch_size": IMAGES,
            "augmentation": no_augmentation(base),
            "optimizer": AdamW(name="adamw", lr=1e-2, betas=(0.9, 0.999), weight_decay=0.1),
            "distillation": base.distillation if distils else None,
            "labels": LabelSettings(kind=base.labels.kind, temperature=0.3),
        }
    )
    training_set = SOFT if source == "frepo" else TRAIN
    teacher = make_teacher(settings)
    assert teacher is not None
    found = train(settings, training_set, TEST, teacher if distils else None, device=CPU)

    torch.manual_seed(0)
    network = build(settings.network).train()
    teacher.eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.1)
    x, y = training_set.images, training_set.labels
    targets = F.one_hot(y, CLASSES).float() if y.ndim == 1 else torch.softmax(y / 0.3, 1)
    losses = []
    for epoch in range(5):
        optimizer.param_groups[0]["lr"] = 1e-2 if epoch < 3 else 5e-3
        logits = network(x)
        loss = -(targets * torch.log_softmax(logits, 1)).sum(1).mean()
        if distils:
            with torch.no_grad():
                p = torch.softmax(teacher(x) / 1.5, 1)
            divergence = (p * (p.log() - torch.log_softmax(logits / 1.5, 1))).sum(1).mean()
            loss = 0.5 * 1.5**2 * divergence + 0.5 * loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert [point["epoch"] for point in found.history.losses] == [1, 2, 3, 4, 5]
    assert [point["loss"] for point in found.history.losses] == pytest.approx(losses, abs=2e-4)
    start = found.last.keys()
    assert start == network.state_dict().keys()
    assert found.history.evaluations[-1]["accuracy"] == pytest.approx(
        100.0 * float((network.eval()(TEST.images).argmax(1) == TEST.labels).float().mean()),
        abs=4.1,
    )


class Listener(nn.Module):
    """A teacher that writes down what it is shown; the list outlives copies of the module."""

    heard: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.linear = nn.Linear(3 * SIDE * SIDE, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        type(self).heard.append(images.detach().clone())
        out: Tensor = self.linear(self.norm(images).flatten(1))
        return out


def test_teacher_sees_the_augmented_images_and_is_never_updated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch)
    Listener.heard = []
    teacher = Listener().train()
    before = copy.deepcopy(teacher.state_dict())
    settings = tiny("wo_dp", "alexnet", epochs=2)
    train(settings, TRAIN, TEST, teacher, device=CPU)
    assert len(Listener.heard) == len(watched.batches) == 6
    for heard, seen in zip(Listener.heard, watched.batches, strict=True):
        assert torch.equal(heard, seen)
    assert_same(before, teacher.state_dict())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    plain = {image.numpy().tobytes() for image in TRAIN.images}
    assert any(image.numpy().tobytes() not in plain for batch in watched.batches for image in batch)


@pytest.mark.parametrize("recipe", ["wo_dp", "wo_dp_kd"])
def test_a_teacher_is_needed_exactly_for_distillation(recipe: str) -> None:
    settings = tiny(recipe, "alexnet", epochs=1)
    teacher = None if recipe == "wo_dp" else Listener()
    with pytest.raises(TrainingError, match="teacher"):
        train(settings, TRAIN, TEST, teacher, device=CPU)


# --- Best and last --------------------------------------------------------------------------------


def scripted(monkeypatch: pytest.MonkeyPatch, results: list[float]) -> list[dict[str, Tensor]]:
    """Let evaluation find `results` one after the other; the weights of each are collected."""
    weights: list[dict[str, Tensor]] = []

    def measure(self: TestBatches, network: nn.Module, of: str) -> float:
        weights.append({k: v.detach().clone() for k, v in network.state_dict().items()})
        return results[len(weights) - 1]

    monkeypatch.setattr(TestBatches, "accuracy", measure)
    return weights


@pytest.mark.parametrize(("results", "best"), [([10.0, 30.0, 30.0, 20.0], 1), ([0.0, 0.0, 0.0, 0.0], 0)])
def test_best_weights_are_those_of_the_first_highest_accuracy(
    monkeypatch: pytest.MonkeyPatch, results: list[float], best: int
) -> None:
    weights = scripted(monkeypatch, results)
    outcome = run(tiny(epochs=7, evaluate_every=2))  # epochs 2, 4, 6 and the last
    history = outcome.history
    assert [e["epoch"] for e in history.evaluations] == [2, 4, 6, 7]
    assert [e["accuracy"] for e in history.evaluations] == results
    assert history.best == {
        "epoch": [2, 4, 6, 7][best],
        "accuracy": results[best],
        "precision": "float32",
    }
    assert_same(outcome.best, weights[best])
    assert_same(outcome.last, weights[-1])
    assert differ(outcome.best, outcome.last)


@pytest.mark.parametrize(
    ("again", "last", "best"),
    [
        (29.0, 28.0, 4),  # the best so far stays so, by its accuracy in float32
        (29.0, 29.0, 4),  # the earlier one of two that are alike
        (27.0, 28.0, 7),  # in float32 the last one is better
    ],
)
def test_bfloat16_chooses_the_best_and_float32_measures_it(
    monkeypatch: pytest.MonkeyPatch, again: float, last: float, best: int
) -> None:
    """Of evaluations in bfloat16 after epochs 2, 4, 6, and in float32 after the last epoch."""
    weights = scripted(monkeypatch, [10.0, 30.0, 20.0, last, again])
    outcome = run(tiny(epochs=7, evaluate_every=2, evaluation_precision="bfloat16"))
    assert [(e["epoch"], e["accuracy"], e["precision"]) for e in outcome.history.evaluations] == [
        (2, 10.0, "bfloat16"),
        (4, again, "float32"),
        (6, 20.0, "bfloat16"),
        (7, last, "float32"),
    ]
    assert outcome.history.best["epoch"] == best
    assert_same(weights[4], weights[1])  # evaluated again are the weights of epoch 4
    assert_same(outcome.best, weights[1] if best == 4 else weights[3])


def test_precision_of_evaluations_changes_no_weights_and_no_final_accuracy() -> None:
    exact, fast = (
        run(tiny(epochs=5, evaluation_precision=precision)) for precision in ("float32", "bfloat16")
    )
    assert_same(exact.last, fast.last)
    assert exact.history.evaluations[-1] == fast.history.evaluations[-1]
    assert [e["precision"] for e in exact.history.evaluations] == ["float32"] * 3
    network = build(tiny().network)
    network.load_state_dict(fast.best)
    assert fast.history.best["accuracy"] == accuracy(network, TEST.images, TEST.labels)


@pytest.mark.parametrize(("fast", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_bfloat16_for_our_networks_on_cpus_that_compute_in_it(
    monkeypatch: pytest.MonkeyPatch, fast: bool, expected: str
) -> None:
    monkeypatch.setattr(evaluation, "computes_in_bfloat16", lambda: fast)
    network = build(tiny().network)
    assert precision_for("auto", network, CPU) == expected
    assert precision_for("auto", nn.Linear(1, 1), CPU) == "float32"
    assert precision_for("auto", network, torch.device("meta")) == "float32"
    assert [precision_for(each, network, CPU) for each in ("float32", "bfloat16")] == [
        "float32",
        "bfloat16",
    ]


def test_progress_is_told_every_epoch() -> None:
    told: list[tuple[int, float | None]] = []
    run(tiny(epochs=5), progress=lambda epoch, loss, result: told.append((epoch, result)))
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4, 5]
    assert [result is None for _, result in told] == [True, False, True, False, False]


# --- Trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_images_that_are_not_finite_stop_the_run_in_epoch_1(value: float) -> None:
    images = TRAIN.images.clone()
    images[3, 0, 2, 2] = value
    settings = tiny(epochs=60, evaluate_every=1000)
    settings = settings.model_copy(update={"augmentation": no_augmentation(settings)})
    with pytest.raises(TrainingError, match=r"in epoch 1\b") as caught:
        train(settings, ImageSet(images, TRAIN.labels), TEST, device=CPU)
    assert "\n" not in str(caught.value)
    assert settings.run.path in str(caught.value)


@pytest.mark.parametrize("name", ["adamw", "lion"])
def test_an_absurd_learning_rate_stops_the_run_and_names_the_epoch(name: str) -> None:
    """Epoch 4 is the first with the absurd rate; the loss is not finite in it or right after it."""
    settings = tiny("baseline" if name == "adamw" else "wo_dp_kd", epochs=9, evaluate_every=1000)
    schedule = StepSchedule(name="step", milestones=(3,), factor=1e38)
    with pytest.raises(TrainingError, match=r"in epoch [45]\b"):
        run(settings.model_copy(update={"schedule": schedule}))


def test_a_training_that_diverges_right_before_a_test_stops_there_and_keeps_its_states(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The only step of epoch 4 has a finite loss and leaves weights that are none."""
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    schedule = StepSchedule(name="step", milestones=(3,), factor=1e38)
    settings = tiny("baseline", epochs=9, batch_size=IMAGES, evaluate_every=1, schedule=schedule)
    told: list[float | None] = []
    with pytest.raises(TrainingError) as caught:
        run(settings, state_folder=tmp_path, progress=lambda epoch, loss, result: told.append(result))
    assert str(caught.value) == (
        f"{settings.run.path}: epoch 4: found logits of test images that are not finite"
    )
    assert len(told) == 3
    kept = load_state(tmp_path)
    assert kept is not None
    assert kept["epoch"] == 3
    assert [e["accuracy"] for e in kept["history"]["evaluations"]] == told


# --- Interrupted and resumed ----------------------------------------------------------------------


class Interrupted(Exception):
    """As if the process had been killed."""


def interrupt_at(epoch: int) -> Callable[[int, float, float | None], None]:
    def progress(done: int, loss: float, result: float | None) -> None:
        if done == epoch:
            raise Interrupted

    return progress


def assert_same_outcome(first: Outcome, second: Outcome) -> None:
    assert_same(first.last, second.last)
    assert_same(first.best, second.best)
    assert first.history.losses == second.history.losses
    assert first.history.evaluations == second.history.evaluations


@pytest.mark.parametrize(
    ("recipe", "arch", "source", "stops"),
    [
        ("baseline", "cnn", "frepo", (2, 5)),
        ("wo_dp_kd", "cnn", "mtt", (3, 6)),
        ("full", "alexnet", "frepo", (5,)),
    ],
)
def test_a_resumed_run_ends_with_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    recipe: str,
    arch: str,
    source: str,
    stops: tuple[int, ...],
) -> None:
    settings = tiny(recipe, arch, source)
    whole = run(settings)
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    epochs: list[int] = []
    for stop in stops:
        with pytest.raises(Interrupted):
            run(settings, state_folder=tmp_path / "state", progress=interrupt_at(stop))
    torch.manual_seed(123)  # the generator of the process is taken over, too
    resumed = run(
        settings,
        state_folder=tmp_path / "state",
        progress=lambda epoch, loss, result: epochs.append(epoch),
    )
    assert epochs == list(range(stops[-1], 7)), "from the state before the interrupted epoch"
    assert_same_outcome(whole, resumed)


def test_a_state_of_another_kind_of_device_goes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its generators are of another kind, too, and cannot be taken over."""
    settings, folder = tiny(), tmp_path / "state"
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    with pytest.raises(Interrupted):
        run(settings, state_folder=folder, progress=interrupt_at(5))
    state = load_state(folder)
    assert state is not None
    of_a_gpu = {"device": "cuda", "values": torch.zeros(16, dtype=torch.uint8)}
    save_state(folder, 4, state | of_a_gpu | {"random_cuda": torch.zeros(16, dtype=torch.uint8)})
    epochs: list[int] = []
    run(settings, state_folder=folder, progress=lambda epoch, loss, result: epochs.append(epoch))
    assert epochs == [5, 6]


@pytest.mark.parametrize("points", [1, 2, 4])
def test_the_last_loss_is_always_recorded(monkeypatch: pytest.MonkeyPatch, points: int) -> None:
    monkeypatch.setattr("crossarch.running.curve.LOSS_POINTS", points)
    told = run(tiny(epochs=5)).history.losses
    assert [point["epoch"] for point in told] == {1: [5], 2: [3, 5], 4: [2, 4, 5]}[points]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_a_damaged_state_gives_way_to_the_one_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    settings, folder = tiny(), tmp_path / "state"
    whole = run(settings)
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    with pytest.raises(Interrupted):
        run(settings, state_folder=folder, progress=interrupt_at(5))
    states = sorted(folder.iterdir())
    assert len(states) == 2, "the last two are kept"
    content = states[-1].read_bytes()
    middle = len(content) // 2
    states[-1].write_bytes(
        {
            "cut": content[:middle],
            "empty": b"",
            "flipped": content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :],
            "text": b"not a state\n",
        }[damage]
    )
    epochs: list[int] = []
    resumed = run(
        settings,
        state_folder=folder,
        progress=lambda epoch, loss, result: epochs.append(epoch),
    )
    assert epochs == [4, 5, 6], "from the state after epoch 3"
    assert_same_outcome(whole, resumed)


def test_two_damaged_states_mean_a_fresh_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings, folder = tiny(), tmp_path / "state"
    whole = run(settings)
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    with pytest.raises(Interrupted):
        run(settings, state_folder=folder, progress=interrupt_at(5))
    for state in folder.iterdir():
        state.write_bytes(b"")
    assert_same_outcome(whole, run(settings, state_folder=folder))


FIELDS = (*range(6, 12), *range(18, 20), *range(26, 30))  # versions, flags, methods, sizes


def test_no_flipped_byte_is_fatal_or_goes_unnoticed(tmp_path: Path) -> None:
    older: dict[str, Any] = {"epoch": 1, "weights": torch.arange(40.0)}
    newer: dict[str, Any] = {"epoch": 2, "weights": torch.arange(40.0) + 1.0}
    save_state(tmp_path, 1, older)
    save_state(tmp_path, 2, newer)
    path = max(tmp_path.iterdir())
    content = path.read_bytes()
    headers = [m.start() for m in re.finditer(rb"PK\x03\x04|PK\x01\x02", content)]
    flips = [(start + byte, bit) for start in headers for byte in FIELDS for bit in (0, 3)]
    draws = np.random.default_rng(0)
    flips += [(int(draws.integers(len(content))), int(draws.integers(8))) for _ in range(150)]
    for position, bit in flips:
        flipped = bytearray(content)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        found = load_state(tmp_path)
        assert found is not None
        whole = newer if found["epoch"] == 2 else older
        assert found.keys() == whole.keys(), position
        assert torch.equal(found["weights"], whole["weights"]), position


def test_states_are_found_kept_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert load_state(folder) is None
    for epoch in (8, 9, 10, 100):
        save_state(folder, epoch, {"epoch": epoch})
    assert load_state(folder) == {"epoch": 100}
    assert len(list(folder.iterdir())) == 2
    remove_states(folder)
    assert not folder.exists()
    remove_states(folder)


def test_a_full_disk_is_an_error_of_the_disk_and_costs_no_state(tmp_path: Path) -> None:
    """PyTorch raises no OSError by itself; a file that may not grow stands for the disk."""
    weights = {"weights": torch.zeros(100_000)}
    save_state(tmp_path, 1, {"epoch": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match="cannot be written"):
            save_state(tmp_path, 2, weights)
        with pytest.raises(OSError, match="File too large"):
            save_tensors(tmp_path / "weights.safetensors", weights, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert load_state(tmp_path) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state00000001.pt"]


def test_a_state_that_cannot_be_saved_is_warned_of_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The work goes on, or ends as it was asked to; the states before stay."""
    asked: list[signal.Signals] = []
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", -1.0)
    keeper = Keeper("a/run", "epoch", 9, tmp_path, lambda: asked[0] if asked else None)
    keeper.after(1, lambda: {"epoch": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        keeper.after(2, lambda: {"epoch": 2})
        warning = capsys.readouterr().err
        assert warning.startswith(
            "crossarch: warning: a/run: its state after epoch 2 could not be saved ("
        )
        assert "No space left on device" in warning
        asked.append(signal.SIGTERM)
        with pytest.raises(errors.Interrupted, match=r"interrupted by SIGTERM: .* could not be saved"):
            keeper.after(3, lambda: {"epoch": 3})
    assert load_state(tmp_path) == {"epoch": 1}


# --- Evaluation -----------------------------------------------------------------------------------


def trained_looking(arch: str, norm: str) -> tuple[nn.Module, int]:
    size = 16 if arch.startswith("resnet") else 32
    settings = NetworkSettings.model_validate(
        {
            "arch": arch,
            "classes": 5,
            "channels": 3,
            "image_size": size,
            "norm": norm,
            "first_norm": "batch" if arch == "alexnet" else norm,
            "widths": (16, 24, 32),
            "shortcut": "improved",
            "droppath": arch != "cnn",
        }
    )
    torch.manual_seed(5)
    network = build(settings)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.2, 3.0)
    return network, size


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("arch", ["cnn", "resnet18", "resnet50", "alexnet", "vgg11"])
def test_folded_networks_give_the_same_logits(arch: str, norm: str) -> None:
    if arch == "resnet50" and norm == "instance":
        pytest.skip("nothing to fold, and the largest of all")
    network, size = trained_looking(arch, norm)
    set_keep_rate(network, 0.5)
    before = copy.deepcopy(network.state_dict())
    images = torch.randn(3, 3, size, size)
    fast = folded(network)
    with torch.no_grad():
        expected = copy.deepcopy(network).eval()(images)
        scale = float(expected.abs().max())
        torch.testing.assert_close(fast(images), expected, rtol=1e-4, atol=1e-4 * scale)
    assert network.training, "its mode is restored"
    assert_same(before, network.state_dict())
    assert not any(isinstance(m, nn.BatchNorm2d) for n, m in fast.named_modules() if "main" in n)


def test_a_batch_norm_without_running_statistics_is_not_folded() -> None:
    network, size = trained_looking("cnn", "batch")
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            bare = nn.BatchNorm2d(module.num_features, track_running_stats=False)
            network.set_submodule(name, bare)
    images = torch.randn(5, 3, size, size)
    torch.testing.assert_close(folded(network)(images), network.eval()(images))


class Standardised(nn.Conv2d):
    """A convolution that does not use its weights as they are."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / self.weight.std()
        return F.conv2d(x, weight, self.bias)


class Skipping(nn.Sequential):
    """Layers that are not called one after another."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self[1](self[0](x) + x)
        return out


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(Standardised(3, 3, 1), nn.BatchNorm2d(3)),
        Skipping(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)),
        nn.Sequential(weight_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)),
    ],
    ids=["other weights", "another order", "computed weights"],
)
def test_a_network_of_ones_own_is_tested_as_it_is(network: nn.Module) -> None:
    network[1].running_mean.uniform_(-1, 1)
    network[1].running_var.uniform_(0.2, 3.0)
    images = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(folded(network)(images), network.eval()(images))


def test_a_last_batch_of_one_image_that_batch_norm_refuses_is_told() -> None:
    settings = tiny("wo_dp_kd", "vgg11", "frepo", batch_size=IMAGES - 1)
    told = rf"{IMAGES} images in batches of {IMAGES - 1} leave one for the last, which batch norm cannot"
    with pytest.raises(TrainingError, match=told):
        run(settings)


def test_accuracy_counts_the_largest_logits_in_percent() -> None:
    class Fixed(nn.Module):
        """Logits are the first CLASSES pixels."""

        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :CLASSES]

    images = torch.randn(257, 3, SIDE, SIDE)  # more than a batch, and no multiple of one
    labels = torch.randint(CLASSES, (257,), generator=torch.Generator().manual_seed(0))
    right = sum(
        int(np.argmax(image.flatten()[:CLASSES].numpy())) == int(label)
        for image, label in zip(images, labels, strict=True)
    )
    network = Fixed().train()
    assert accuracy(network, images, labels) == pytest.approx(100.0 * right / 257)
    assert network.training


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 149])
def test_logits_that_are_not_finite_are_no_answers(value: float, place: int) -> None:
    """The largest of logits that are NaN would be the first: class 0."""
    images = torch.zeros(150, CLASSES, 1, 1)
    network, labels = nn.Flatten(), torch.zeros(150).long()
    assert accuracy(network, images, labels) == 100.0
    images[place, 1] = value
    with pytest.raises(TrainingError, match=r"^it: found logits of test images that are not finite$"):
        accuracy(network, images, labels, of="it")


def test_accuracy_leaves_no_trace() -> None:
    network, size = trained_looking("cnn", "batch")
    network.train()
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    accuracy(network, torch.randn(7, 3, size, size, generator=torch.Generator()), torch.zeros(7).long())
    assert_same(before, network.state_dict())
    assert torch.equal(state, torch.get_rng_state())
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


# --- What other recipes ask for -------------------------------------------------------------------


def test_averaged_weights_are_those_of_the_recursion_and_are_what_is_kept() -> None:
    settings = tiny(epochs=4, ema=0.9)
    training = trainer.Training(settings, TRAIN, TEST, None, CPU)
    name, weight = next(iter(training.network.named_parameters()))
    expected = None
    for epoch in range(settings.epochs):
        step = training.optimizer.step

        def watched(step: Callable[[], object] = step) -> None:
            nonlocal expected
            step()
            now = weight.detach().clone()
            expected = now if expected is None else 0.9 * expected + 0.1 * now

        training.optimizer.step = watched  # type: ignore[method-assign]
        training.train_epoch(epoch)
        training.optimizer.step = step  # type: ignore[method-assign]
    assert expected is not None
    torch.testing.assert_close(training.weights()[name], expected)
    assert not torch.equal(training.weights()[name], weight)
    outcome = run(settings)
    torch.testing.assert_close(outcome.last[name], expected)
    network = build(settings.network)
    network.load_state_dict(outcome.last)
    last = outcome.history.evaluations[-1]["accuracy"]
    assert last == accuracy(network, TEST.images, TEST.labels)
    plain = run(tiny(epochs=4))
    assert differ(plain.last, outcome.last)
    assert_same(plain.last, {k: v.cpu() for k, v in training.network.state_dict().items()})


def test_an_averaged_training_resumes_to_the_last_bit(tmp_path: Path) -> None:
    settings = tiny(epochs=6, ema=0.8)
    whole = run(settings)
    training = trainer.Training(settings, TRAIN, TEST, None, CPU)
    for epoch in range(3):
        training.train_epoch(epoch)
        if training.is_evaluated(epoch + 1):
            training.evaluate(epoch + 1)
    save_state(tmp_path, 3, training.state())
    resumed = run(settings, state_folder=tmp_path)
    assert_same(whole.last, resumed.last)
    assert_same(whole.best, resumed.best)


@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_label_smoothing_is_a_share_of_an_even_guess(labels: str) -> None:
    """Of 3 classes and a smoothing of 0.3, the target is 0.7 of the label and 0.1 of each class."""
    settings = tiny(source="mtt" if labels == "hard" else "frepo", label_smoothing=0.3)
    training = trainer.Training(settings, TRAIN if labels == "hard" else SOFT, TEST, None, CPU)
    training.network.eval()
    targets = F.one_hot(training.targets, CLASSES) if labels == "hard" else training.targets
    smooth = 0.7 * targets + 0.1
    chances = F.log_softmax(training.network(training.images), dim=1)
    expected = -(smooth * chances).sum(1).mean()
    torch.testing.assert_close(training._loss(training.images, training.targets), expected)


def test_sgd_moves_as_momentum_says() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))
    optimizer = make_optimizer(Sgd(name="sgd", lr=0.1, momentum=0.9, weight_decay=0.5), [weight])
    velocity, expected = 0.0, 1.0
    for _ in range(3):
        weight.grad = torch.tensor([2.0])
        optimizer.step()
        velocity = 0.9 * velocity + (2.0 + 0.5 * expected)
        expected -= 0.1 * velocity
        assert weight.item() == pytest.approx(expected, rel=1e-6)


def test_adam_takes_weight_decay_as_a_penalty() -> None:
    """The first step of Adam is the learning rate against the sign of gradient plus penalty."""
    weight = nn.Parameter(torch.tensor([2.0, -2.0]))
    settings = Adam(name="adam", lr=0.01, betas=(0.9, 0.999), weight_decay=1.0)
    weight.grad = torch.tensor([-1.0, -1.0])
    make_optimizer(settings, [weight]).step()
    torch.testing.assert_close(weight.detach(), torch.tensor([1.99, -1.99]))


def test_mtt_evaluation_is_what_mtt_evaluates_with() -> None:
    settings = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc10/alexnet/mtt_evaluation/seed0"))
    assert settings.optimizer == Sgd(name="sgd", lr=0.01, momentum=0.9, weight_decay=5e-4)
    assert (settings.epochs, settings.batch_size, settings.augmentation.folds) == (1000, 256, 1)
    assert [settings.schedule.rate(epoch) for epoch in (0, 499, 500, 999)] == [1, 1, 0.1, 0.1]
