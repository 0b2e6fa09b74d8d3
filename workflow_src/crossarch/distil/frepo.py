"""FRePo (Zhou, Nezhadarya and Ba 2022): the loop that learns a set of images and labels.

A step draws a network from the pool, regresses the targets of a batch of real images on its features of
the distilled set (kernel ridge regression in closed form), and moves images and labels against the
gradient of the error; then the network itself is trained a step on the set. The networks see only their
own past, never the real images, and the gradient does not reach through their training.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from crossarch.config import DistilSettings
from crossarch.data import ImageSet, Whitener
from crossarch.data.drawn import draw
from crossarch.distil.pool import Pool, fresh_network
from crossarch.distil.ridge import centred_targets, ridge_loss
from crossarch.errors import DataError, TrainingError
from crossarch.models.folding import folded
from crossarch.running.curve import is_loss_point
from crossarch.running.evaluation import accuracy
from crossarch.running.last_batch import telling_of_one_image
from crossarch.running.memory import memory_format
from crossarch.running.progress import OnProgress
from crossarch.running.state import Keeper, load_state
from crossarch.running.stop import StopRequest
from crossarch.training.losses import make_targets

CHECK_EVERY = 20  # steps between looks at the loss, each of which waits for the device


@dataclass
class DistilHistory:
    """What a distillation has shown so far. Steps count finished ones, from 1; at 0 the set is real.

    A loss is the mean over the steps since the one before it.
    """

    losses: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    seconds_distilling: float = 0.0
    seconds_evaluation: float = 0.0


@dataclass(frozen=True)
class Distilled:
    """A finished distillation: the set, on the CPU, and its history."""

    image_set: ImageSet
    history: DistilHistory


def distil(
    settings: DistilSettings,
    real: ImageSet,
    test_set: ImageSet,
    whitener: Whitener,
    *,
    device: torch.device,
    state_folder: Path | None = None,
    stop: StopRequest = lambda: None,
    progress: OnProgress = lambda step, loss, accuracy: None,
) -> Distilled:
    """Distil the training set `real` (uint8, class indices), or go on from a state in `state_folder`.

    `test_set` holds float32 images in the space of `whitener` and class indices; it is only looked at.
    The result has float32 images in that space and soft labels (N, classes), class by class. Raises
    TrainingError when the loss is not finite, naming the step, and Interrupted when `stop` asks for an
    end, after saving the state.
    """
    work = _Distillation(settings, real, test_set, whitener, device)
    work.resume(load_state(state_folder) if state_folder else None)
    steps, name = settings.method.steps, settings.target.path
    if work.step == 0:
        progress(0, None, work.evaluate())
    keeper = Keeper(name, "step", steps, state_folder, stop)
    while work.step < steps:
        work.advance()
        evaluated = None
        if work.is_evaluated or work.step % CHECK_EVERY == 0:
            work.check_losses()
        if work.is_evaluated:
            evaluated = work.evaluate()
        progress(work.step, work.last_loss, evaluated)
        keeper.after(work.step, work.state)
    return Distilled(work.image_set(), work.history)


def set_accuracy(
    settings: DistilSettings,
    images: Tensor,
    labels: Tensor,
    test_images: Tensor,
    test_labels: Tensor,
) -> float:
    """Test accuracy (percent) of a fresh network trained on a set as `settings.method.test` says.

    Targets are those of trainings, softmax(label / temperature). The network and the order of the
    images are the same each time, so that two sets are compared on equal terms.
    """
    recipe = settings.method.test
    network = fresh_network(settings.network, settings.method.seed, images.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.lr)
    targets = make_targets(labels, settings.labels)
    draws = Generator().manual_seed(settings.method.seed)
    network.train()
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(images), generator=draws).split(settings.batch_size):
            chosen = chosen.to(images.device)
            told = (settings.target.path, len(images), settings.batch_size, len(chosen))
            with telling_of_one_image(*told):
                loss = F.cross_entropy(network(images[chosen]), targets[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    of = f"{settings.target.path}: a network trained on the set"
    return accuracy(network, test_images, test_labels, of)


class _Distillation:
    """The moving parts of one distillation."""

    def __init__(
        self,
        settings: DistilSettings,
        real: ImageSet,
        test_set: ImageSet,
        whitener: Whitener,
        device: torch.device,
    ) -> None:
        method, (ipc,) = settings.method, settings.method.ipc
        try:
            first = draw(real, ipc, method.seed)
        except ValueError as error:
            raise DataError(f"{settings.target.path}: {error}, needed: {ipc}") from None
        self.settings, self.method, self.device = settings, method, device
        self.format = memory_format(settings.network)
        self.whitener = whitener.to(device)
        self.real_images, self.real_labels = real.images.to(device), real.labels.to(device)
        self.test_images, self.test_labels = test_set.images.to(device), test_set.labels.to(device)
        self.draws = Generator().manual_seed(method.seed)
        # Learned as parameters: Adam keeps them where they are.
        self.images = nn.Parameter(self.whitener(self.real_images[first.to(device)]))
        classes = settings.network.classes
        begin = centred_targets(self.real_labels[first.to(device)], classes)
        self.labels = nn.Parameter(begin / math.sqrt(classes / 10.0))
        self.optimizer = torch.optim.Adam(
            [
                {"params": [self.images], "lr": method.images_lr},
                {"params": [self.labels], "lr": method.labels_lr},
            ]
        )
        self.schedule = CosineAnnealingLR(self.optimizer, T_max=method.steps)
        self.pool = Pool(
            settings.network,
            self._learned(),
            size=method.pool,
            online_steps=method.online_steps,
            lr=method.online_lr,
            draws=self.draws,
            device=device,
        )
        self.history = DistilHistory()
        self.step = 0
        self._unchecked: list[Tensor] = []
        self._sum, self._count = 0.0, 0

    @property
    def last_loss(self) -> float | None:
        """The loss at the last recorded point of the curve; None before the first."""
        return self.history.losses[-1]["loss"] if self.history.losses else None

    @property
    def is_evaluated(self) -> bool:
        """Whether the set is tested after the step that was just made."""
        return self.step % self.method.test.every == 0 or self.step == self.method.steps

    def advance(self) -> None:
        """One step: images and labels, then the network that they were judged by."""
        started = time.perf_counter()
        place = self.pool.draw()
        loss = self._loss(self.pool.members[place].network)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.pool.train(place, self._learned(), self.labels.detach())
        self._unchecked.append(loss.detach())
        self.step += 1
        self.history.seconds_distilling += time.perf_counter() - started

    def _loss(self, network: nn.Module) -> Tensor:
        """The error of the regression on the features in front of the classifier (Equation 6)."""
        features = folded(network).get_submodule("features")
        images, targets = self._real_batch()
        with torch.no_grad():
            queries = features(images).flatten(1)
        support = features(self.images.contiguous(memory_format=self.format)).flatten(1)
        return ridge_loss(support, self.labels, queries, targets, self.method.ridge)

    def _real_batch(self) -> tuple[Tensor, Tensor]:
        """Random real images, mirrored or not, whitened, and their targets."""
        count = min(self.method.real_batch, len(self.real_images))
        chosen = torch.randperm(len(self.real_images), generator=self.draws)[:count]
        mirrored = torch.rand(count, 1, 1, 1, generator=self.draws) < self.method.flip
        chosen, mirrored = chosen.to(self.device), mirrored.to(self.device)
        images = self.real_images[chosen]
        images = self.whitener(torch.where(mirrored, images.flip(3), images))
        targets = centred_targets(self.real_labels[chosen], self.settings.network.classes)
        return images.contiguous(memory_format=self.format), targets

    def _learned(self) -> Tensor:
        return self.images.detach().contiguous(memory_format=self.format)

    def evaluate(self) -> float:
        """Test the set as it is now; no random number of the distillation is drawn."""
        started = time.perf_counter()
        tests = (self.test_images, self.test_labels)
        result = set_accuracy(self.settings, self._learned(), self.labels.detach(), *tests)
        self.history.evaluations.append({"step": self.step, "accuracy": round(result, 4)})
        self.history.seconds_evaluation += time.perf_counter() - started
        return result

    def check_losses(self) -> None:
        """Move the losses of finished steps into the history; stop if one is not finite."""
        first = self.step - len(self._unchecked) + 1
        losses = torch.stack(self._unchecked).tolist() if self._unchecked else []
        for step, loss in enumerate(losses, start=first):
            if not math.isfinite(loss):
                raise TrainingError(
                    f"{self.settings.target.path}: the loss is {loss} in step {step}; a smaller "
                    "images_lr or online_lr, or a larger ridge, may help"
                )
            self._sum, self._count = self._sum + loss, self._count + 1
            if is_loss_point(step, self.method.steps):
                mean = self._sum / self._count
                self.history.losses.append({"step": step, "loss": round(mean, 6)})
                self._sum, self._count = 0.0, 0
        self._unchecked = []

    def image_set(self) -> ImageSet:
        """A copy of images and labels, on the CPU."""
        images, labels = (x.detach().to("cpu", copy=True) for x in (self.images, self.labels))
        return ImageSet(images, labels)

    def state(self) -> dict[str, Any]:
        """All that `resume` needs to go on as if nothing had happened.

        Raises TrainingError when a loss so far is not finite.
        """
        self.check_losses()
        return {
            "step": self.step,
            "images": self.images.detach(),
            "labels": self.labels.detach(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "pool": self.pool.state(),
            "history": asdict(self.history),
            "sum": self._sum,
            "count": self._count,
            "draws": self.draws.get_state(),
        }

    def resume(self, state: Mapping[str, Any] | None) -> None:
        """Take over a saved state; None leaves the distillation at its beginning."""
        if state is None:
            return
        self.step = state["step"]
        with torch.no_grad():
            self.images.copy_(state["images"])
            self.labels.copy_(state["labels"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.pool.resume(state["pool"])
        self.history = DistilHistory(**state["history"])
        self._sum, self._count = state["sum"], state["count"]
        self.draws.set_state(state["draws"])
