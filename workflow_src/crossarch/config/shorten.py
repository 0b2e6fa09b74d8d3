"""The same recipe in less time: every number of epochs as a fraction of what it was."""

import math

from crossarch.config.schema import (
    CosineSchedule,
    KeepRate,
    PeriodicSchedule,
    Recipe,
    Schedule,
    StepSchedule,
)

_EXACT = 1e-9  # 0.1 x 50 is 5 epochs, whatever its binary neighbour


def shortened(recipe: Recipe, length: float) -> Recipe:
    """`recipe` with all its epochs times `length`, in (0, 1].

    Trainings and periods are rounded up and warm-ups down, so that what fitted into another still does.
    A warm-up that would start anew in every epoch, at a learning rate of 0, is left out.
    """
    if length == 1.0:
        return recipe
    epochs = _up(recipe.epochs, length)
    changes = {
        "epochs": epochs,
        "schedule": _schedule(recipe.schedule, length, epochs),
        "keep_rate": recipe.keep_rate and _keep_rate(recipe.keep_rate, length),
    }
    return recipe.model_copy(update=changes)


def _schedule(schedule: Schedule, length: float, epochs: int) -> Schedule:
    match schedule:
        case StepSchedule():
            milestones = tuple(_up(milestone, length) for milestone in schedule.milestones)
            return schedule.model_copy(update={"milestones": milestones})
        case CosineSchedule():
            warmup = _down(schedule.warmup, length) if epochs > 1 else 0
            period = _up(schedule.period, length)
            return schedule.model_copy(update={"warmup": warmup, "period": period})
        case PeriodicSchedule():
            periods = ("cosine_period", "period", "stabilise")
            changes = {name: _up(getattr(schedule, name), length) for name in periods}
            shortest = min(epochs, changes["period"], changes["stabilise"])
            warmup = _down(schedule.warmup, length) if shortest > 1 else 0
            return schedule.model_copy(update={**changes, "warmup": warmup})


def _keep_rate(keep_rate: KeepRate, length: float) -> KeepRate:
    changes = {name: _up(getattr(keep_rate, name), length) for name in ("period", "stabilise")}
    return keep_rate.model_copy(update={**changes, "warmup": _down(keep_rate.warmup, length)})


def _up(epochs: int, length: float) -> int:
    return math.ceil(epochs * length - _EXACT)


def _down(epochs: int, length: float) -> int:
    return math.floor(epochs * length + _EXACT)
