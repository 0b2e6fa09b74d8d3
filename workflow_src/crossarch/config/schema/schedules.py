"""Schedules by epoch: of the learning rate (Equation 3 and others), and of the keep rate (Algorithm 1).

A schedule of the learning rate is one class here, and a member of `Schedule`: it knows its own `rate`,
itself in fewer epochs (`scaled`), the `longest` training that it allows, and what makes it useless.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import Float, Fraction, Positive

_EXACT = 1e-9  # 0.1 x 50 is 5 epochs, whatever its binary neighbour


def scaled_up(epochs: int, scale: float) -> int:
    """`epochs` times `scale`, rounded up."""
    return math.ceil(epochs * scale - _EXACT)


def scaled_down(epochs: int, scale: float) -> int:
    """`epochs` times `scale`, rounded down."""
    return math.floor(epochs * scale + _EXACT)


class LearningRate(Model):
    """A schedule: by how much the learning rate of the optimiser is multiplied in each epoch."""

    def rate(self, epoch: int) -> float:
        """The factor in epoch `epoch` (from 0), the same for all batches of the epoch."""
        raise NotImplementedError

    def scaled(self, scale: float, epochs: int) -> Self:
        """The same schedule `scale` times as long, for a training of `epochs`, already scaled.

        Periods are rounded up and warm-ups down, so that what fitted into another still does. A warm-up
        that would start anew in every epoch, at a rate of 0, is left out.
        """
        return self

    @property
    def longest(self) -> int | None:
        """The most epochs that a training may have; None for any number."""
        return None

    def no_rate(self, epochs: int) -> str | None:
        """Which keys make the rate 0 in each of `epochs`, as an error says it; None if none do."""
        return None


class ConstantSchedule(LearningRate):
    """The learning rate stays what it is."""

    name: Literal["constant"]

    def rate(self, epoch: int) -> float:
        """1 in every epoch."""
        return 1.0


class StepSchedule(LearningRate):
    """The learning rate is multiplied by `factor` at each milestone (an epoch)."""

    name: Literal["step"]
    milestones: tuple[Positive, ...]
    factor: Float = Field(gt=0)

    def rate(self, epoch: int) -> float:
        """`factor` to the power of the milestones that are reached."""
        return self.factor ** sum(epoch >= milestone for milestone in self.milestones)

    def scaled(self, scale: float, epochs: int) -> Self:
        """As `LearningRate.scaled`."""
        milestones = tuple(scaled_up(milestone, scale) for milestone in self.milestones)
        return self.model_copy(update={"milestones": milestones})


class CosineSchedule(LearningRate):
    """Linear warm-up over `warmup` epochs, then one cosine down to 0 at epoch `period`."""

    name: Literal["cosine"]
    warmup: Int = Field(ge=0)
    period: Positive

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> Self:
        if self.warmup >= self.period:
            raise ValueError(f"warmup ({self.warmup}) must be smaller than period ({self.period})")
        return self

    def rate(self, epoch: int) -> float:
        """Between 0 and 1."""
        return _warm_cosine(epoch, self.warmup, self.period)

    def scaled(self, scale: float, epochs: int) -> Self:
        """As `LearningRate.scaled`."""
        warmup = scaled_down(self.warmup, scale) if epochs > 1 else 0
        return self.model_copy(update={"warmup": warmup, "period": scaled_up(self.period, scale)})

    @property
    def longest(self) -> int | None:
        """The end of the cosine, behind which it would rise again."""
        return self.period

    def no_rate(self, epochs: int) -> str | None:
        """A warm-up is at 0 in its first epoch."""
        return _one_epoch_of_warmup(self.warmup, epochs)


class PeriodicSchedule(LearningRate):
    """Equation 3: a cosine with warm-up, restarted every `period` epochs until `stabilise`."""

    name: Literal["periodic"]
    warmup: Int = Field(ge=0)
    cosine_period: Positive
    period: Positive
    stabilise: Positive
    decay: Float = Field(gt=0)

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> Self:
        if self.warmup >= self.cosine_period:
            raise ValueError(
                f"warmup ({self.warmup}) must be smaller than cosine_period ({self.cosine_period})"
            )
        return self

    def rate(self, epoch: int) -> float:
        """Equation 3 without the largest rate."""
        decays = min(epoch, self.stabilise) // self.period
        shape = _warm_cosine(epoch % self._restart(epoch), self.warmup, self.cosine_period)
        return self.decay**decays * shape

    def scaled(self, scale: float, epochs: int) -> Self:
        """As `LearningRate.scaled`."""
        periods = ("cosine_period", "period", "stabilise")
        changes = {name: scaled_up(getattr(self, name), scale) for name in periods}
        shortest = min(epochs, changes["period"], changes["stabilise"])
        warmup = scaled_down(self.warmup, scale) if shortest > 1 else 0
        return self.model_copy(update={**changes, "warmup": warmup})

    @property
    def longest(self) -> int | None:
        """Where a cosine would rise again.

        It restarts every `period` epochs until `stabilise`, then every `stabilise` epochs: the stretch
        between two restarts must not be longer than the cosine.
        """
        if min(self.period, self.stabilise) > self.cosine_period:
            return self.cosine_period
        if self.stabilise > self.cosine_period:
            return self.stabilise + self.cosine_period
        return None

    def no_rate(self, epochs: int) -> str | None:
        """A warm-up is at 0 in its first epoch, and may start anew in every one."""
        if not self.warmup or epochs == 1:
            return _one_epoch_of_warmup(self.warmup, epochs)
        if any(epoch % self._restart(epoch) for epoch in range(epochs)):
            return None
        found = f"period {self.period} and stabilise {self.stabilise}"
        return f"schedule: found {found}, which with {_with_no_rate(self.warmup)} of both, or warmup 0"

    def _restart(self, epoch: int) -> int:
        return self.period if epoch < self.stabilise else self.stabilise


Schedule = Annotated[
    ConstantSchedule | StepSchedule | CosineSchedule | PeriodicSchedule, Field(discriminator="name")
]


class KeepRate(Model):
    """Algorithm 1: three phases of DropPath's keep rate."""

    warmup: Int = Field(ge=0)
    period: Positive
    decay: Fraction
    min: Float = Field(gt=0, le=1)
    final: Float = Field(gt=0, le=1)
    stabilise: Int = Field(ge=0)

    def rate(self, epoch: int) -> float:
        """The keep rate in epoch `epoch` (from 0), in (0, 1]."""
        if epoch < self.warmup:
            return 1.0
        if epoch >= self.stabilise:
            return self.final
        steps = -((self.warmup - epoch) // self.period)  # ceil((i - W) / T) in integers
        return max(self.min, 1.0 - self.decay * steps)

    def scaled(self, scale: float) -> Self:
        """The same phases `scale` times as long, rounded as a schedule of the learning rate."""
        changes = {name: scaled_up(getattr(self, name), scale) for name in ("period", "stabilise")}
        return self.model_copy(update={**changes, "warmup": scaled_down(self.warmup, scale)})


def _warm_cosine(position: int, warmup: int, period: int) -> float:
    """Equation 3 without its factors: up in a line until `warmup`, then half a cosine to `period`."""
    if position <= warmup and warmup > 0:
        return position / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (position - warmup) / (period - warmup)))


def _one_epoch_of_warmup(warmup: int, epochs: int) -> str | None:
    if not warmup or epochs > 1:
        return None
    return f"epochs: found 1, which with schedule.{_with_no_rate(warmup)}, or schedule.warmup 0"


def _with_no_rate(warmup: int) -> str:
    return f"warmup {warmup} is a learning rate of 0 in every epoch, allowed: at least 2"
