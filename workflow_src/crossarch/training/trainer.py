"""The training loop: one network, one distilled set, everything on the device, no worker processes.

An epoch is a permutation of the images; each batch is augmented whole, seen by the teacher if there is
one, and makes one optimiser step. Evaluation draws no random numbers, so that how often it happens
changes nothing but what is known about the run, and which of its weights are its best.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from crossarch.config import RunSettings
from crossarch.data import ImageSet
from crossarch.errors import TrainingError
from crossarch.models import build, set_keep_rate
from crossarch.models.folding import folded
from crossarch.running.curve import is_loss_point
from crossarch.running.evaluation import TestBatches, precision_for
from crossarch.running.last_batch import telling_of_one_image
from crossarch.running.memory import memory_format
from crossarch.running.progress import OnProgress
from crossarch.running.state import Keeper, load_state
from crossarch.running.stop import StopRequest
from crossarch.training.arithmetic import autocast, set_arithmetic
from crossarch.training.augmentation import augment
from crossarch.training.losses import distillation_loss, make_targets
from crossarch.training.optimizers import averaged, make_optimizer

CHECK_EVERY = 50  # epochs between looks at the loss, each of which waits for the device


@dataclass
class History:
    """What a training has shown so far. Epochs count finished ones, from 1."""

    losses: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    seconds_training: float = 0.0
    seconds_evaluation: float = 0.0

    @property
    def best(self) -> dict[str, Any]:
        """The first evaluation with the highest accuracy: of those in float32, once there are some."""
        exact = [one for one in self.evaluations if one["precision"] == "float32"]
        return max(exact or self.evaluations, key=lambda evaluation: evaluation["accuracy"])


@dataclass(frozen=True)
class Outcome:
    """A finished training: weights after the last epoch and at the best evaluation, and its history."""

    last: dict[str, Tensor]
    best: dict[str, Tensor]
    history: History


def train(
    settings: RunSettings,
    training_set: ImageSet,
    test_set: ImageSet,
    teacher: nn.Module | None = None,
    *,
    device: torch.device,
    state_folder: Path | None = None,
    stop: StopRequest = lambda: None,
    progress: OnProgress = lambda epoch, loss, accuracy: None,
) -> Outcome:
    """Train the network of `settings` from scratch, or go on from a state in `state_folder`.

    `training_set` holds float32 images in their own space and labels of the settings' kind; `test_set`
    float32 images in the settings' whitening and class indices. Raises TrainingError when the loss, or
    a logit of a test, is not finite, naming the epoch, and Interrupted when `stop` asks for an end,
    after saving the state.
    """
    if (teacher is None) != (settings.distillation is None):
        raise TrainingError(f"{settings.run.path}: a teacher is needed exactly if the recipe distils")
    run = Training(settings, training_set, test_set, teacher, device)
    run.resume(load_state(state_folder) if state_folder else None)
    keeper = Keeper(settings.run.path, "epoch", settings.epochs, state_folder, stop)
    for epoch in range(run.epoch, settings.epochs):
        run.train_epoch(epoch)
        done = epoch + 1
        evaluated = None
        if done % CHECK_EVERY == 0 or run.is_evaluated(done):
            run.check_losses()
        if run.is_evaluated(done):
            evaluated = run.evaluate(done)
        progress(done, run.last_loss, evaluated)
        keeper.after(done, run.state)
    return Outcome(run.weights(), run.best_weights, run.history)


class Training:
    """The moving parts of one training; `train` puts them together."""

    def __init__(
        self,
        settings: RunSettings,
        training_set: ImageSet,
        test_set: ImageSet,
        teacher: nn.Module | None,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.run.seed)
        set_arithmetic(settings.arithmetic)
        self.settings = settings
        self.device = device
        self.on_cuda = device.type == "cuda"
        self.format = memory_format(settings.network)
        self.network = build(settings.network).to(device).to(memory_format=self.format)
        if settings.arithmetic.compile:
            self.network.compile(dynamic=False, mode="reduce-overhead" if self.on_cuda else None)
        self.teacher = folded(teacher).to(device) if teacher else None
        self.optimizer = make_optimizer(settings.optimizer, self.network.parameters())
        self.average = None if settings.ema is None else averaged(self.network, settings.ema)
        self.images = training_set.images.to(device)
        self.targets = make_targets(training_set.labels, settings.labels).to(device)
        tested = test_set.images.to(device), test_set.labels.to(device)
        self.exact_test = TestBatches(*tested)
        precision = precision_for(settings.evaluation_precision, self.network, device)
        self.test = self.exact_test if precision == "float32" else TestBatches(*tested, precision)
        self.draws = Generator().manual_seed(settings.run.seed)
        self.values = Generator(device).manual_seed(settings.run.seed)
        self.epoch_losses = torch.zeros(settings.epochs, device=device)
        self.history = History()
        self.best_weights: dict[str, Tensor] = {}
        self.epoch = 0
        self._checked = 0

    @property
    def last_loss(self) -> float | None:
        """The loss at the last recorded point of the curve; None before the first."""
        return self.history.losses[-1]["loss"] if self.history.losses else None

    def train_epoch(self, epoch: int) -> None:
        """Train for one epoch; `epoch` counts from 0, as the schedules do."""
        started = time.perf_counter()
        settings = self.settings
        self.network.train()
        keep_rate = settings.keep_rate.rate(epoch) if settings.keep_rate else 1.0
        set_keep_rate(self.network, keep_rate)
        rate = settings.optimizer.lr * settings.schedule.rate(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total = torch.zeros((), device=self.images.device)
        for images, targets in self._batches():
            loss = self._loss(images, targets)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            if self.average is not None:
                self.average.update_parameters(self.network)
            total += loss.detach() * len(images)
        self.epoch_losses[epoch] = total / len(self.images)
        self.epoch = epoch + 1
        self.history.seconds_training += time.perf_counter() - started

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.images), generator=self.draws).to(self.images.device)
        for chosen in order.split(self.settings.batch_size):
            images = augment(self.images[chosen], self.settings.augmentation, self.draws, self.values)
            yield images.contiguous(memory_format=self.format), self.targets[chosen]

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        settings = self.settings
        told = telling_of_one_image(
            settings.run.path, len(self.images), settings.batch_size, len(images)
        )
        with autocast(settings.arithmetic, self.device), told:
            logits = self.network(images).float()
        distillation = settings.distillation
        if self.teacher is None or distillation is None:
            return F.cross_entropy(logits, targets, label_smoothing=settings.label_smoothing)
        with torch.no_grad(), autocast(settings.arithmetic, self.device):
            teacher_logits = self.teacher(images).float()
        return distillation_loss(
            logits,
            teacher_logits,
            targets,
            distillation.weight,
            distillation.temperature,
            settings.label_smoothing,
        )

    def is_evaluated(self, done: int) -> bool:
        """Whether there is an evaluation after `done` finished epochs."""
        return done % self.settings.evaluate_every == 0 or done == self.settings.epochs

    def evaluate(self, done: int) -> float:
        """Test accuracy in percent after `done` finished epochs; the best weights so far are kept.

        After the last epoch it is measured in float32, and that of the best weights again, if it was
        not: the two accuracies of a run are in float32. Raises TrainingError where logits are not
        finite.
        """
        started = time.perf_counter()
        of = f"{self.settings.run.path}: epoch {done}"
        batches = self.exact_test if done == self.settings.epochs else self.test
        result = batches.accuracy(self.kept_network, of)
        earlier = self.history.best if self.history.evaluations else None
        if earlier and batches.precision != earlier["precision"]:
            best = build(self.settings.network).to(self.device)
            best.load_state_dict(self.best_weights)
            earlier["accuracy"] = batches.accuracy(best, f"{of} (the best so far)")
            earlier["precision"] = batches.precision
        self.history.evaluations.append(
            {"epoch": done, "accuracy": result, "precision": batches.precision}
        )
        if not earlier or result > earlier["accuracy"]:
            self.best_weights = self.weights()
        self.history.seconds_evaluation += time.perf_counter() - started
        return result

    def check_losses(self) -> None:
        """Move finished epochs' losses into the history; stop the run if one is not finite."""
        losses = self.epoch_losses[self._checked : self.epoch].tolist()
        for epoch, loss in enumerate(losses, start=self._checked + 1):
            if not math.isfinite(loss):
                raise TrainingError(
                    f"{self.settings.run.path}: the loss is {loss} in epoch {epoch}; a smaller "
                    "optimizer.lr may help"
                )
            if is_loss_point(epoch, self.settings.epochs):
                self.history.losses.append({"epoch": epoch, "loss": round(loss, 6)})
        self._checked = self.epoch

    @property
    def kept_network(self) -> nn.Module:
        """The network that is evaluated and kept: with averaged weights, if the recipe averages them."""
        return self.network if self.average is None else self.average.module

    def weights(self) -> dict[str, Tensor]:
        """A copy of all parameters and buffers of the network that is kept, on the CPU."""
        kept = self.kept_network.state_dict()
        return {name: tensor.detach().to("cpu", copy=True) for name, tensor in kept.items()}

    def state(self) -> dict[str, Any]:
        """All that `resume` needs to go on as if nothing had happened.

        Raises TrainingError when a loss so far is not finite.
        """
        self.check_losses()
        return {
            "epoch": self.epoch,
            "device": self.device.type,
            "network": self.network.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_weights": self.best_weights,
            "history": asdict(self.history),
            "draws": self.draws.get_state(),
            "values": self.values.get_state(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state(self.device) if self.on_cuda else None,
        }

    def resume(self, state: dict[str, Any] | None) -> None:
        """Take over a saved state; None leaves the run at its beginning.

        Saved on another kind of device it has no state of this one's generators: they begin anew from
        seed and epoch.
        """
        if state is None:
            return
        self.epoch = self._checked = state["epoch"]
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_weights = state["best_weights"]
        self.history = History(**state["history"])
        self.draws.set_state(state["draws"])
        torch.set_rng_state(state["random"])
        if state["device"] != self.device.type:
            seed = self.settings.run.seed + self.epoch
            self.values.manual_seed(seed)
            if self.on_cuda:
                torch.cuda.manual_seed(seed)
            return
        self.values.set_state(state["values"])
        if self.on_cuda:
            torch.cuda.set_rng_state(state["random_cuda"], self.device)
