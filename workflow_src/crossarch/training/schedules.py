"""Keep rate and learning rate by epoch: Algorithm 1 and Equation 3, pure functions of the epoch."""

import math

from crossarch.config.schema import (
    CosineSchedule,
    KeepRate,
    PeriodicSchedule,
    Schedule,
    StepSchedule,
)


def keep_rate(schedule: KeepRate | None, epoch: int) -> float:
    """DropPath's keep rate in epoch `epoch` (from 0), in (0, 1]: Algorithm 1; 1 without DropPath."""
    if schedule is None or epoch < schedule.warmup:
        return 1.0
    if epoch >= schedule.stabilise:
        return schedule.final
    steps = -((schedule.warmup - epoch) // schedule.period)  # ceil((i - W) / T) in integers
    return max(schedule.min, 1.0 - schedule.decay * steps)


def learning_rate(schedule: Schedule, lr_max: float, epoch: int) -> float:
    """Learning rate in epoch `epoch` (from 0), the same for all batches of the epoch."""
    match schedule:
        case StepSchedule():
            passed = sum(epoch >= milestone for milestone in schedule.milestones)
            return lr_max * schedule.factor**passed
        case CosineSchedule():
            return lr_max * _warm_cosine(epoch, schedule.warmup, schedule.period)
        case PeriodicSchedule():
            restart = schedule.period if epoch < schedule.stabilise else schedule.stabilise
            decays = min(epoch, schedule.stabilise) // schedule.period
            shape = _warm_cosine(epoch % restart, schedule.warmup, schedule.cosine_period)
            return lr_max * schedule.decay**decays * shape


def _warm_cosine(position: int, warmup: int, period: int) -> float:
    """Equation 3 without its factors: up in a line until `warmup`, then half a cosine to `period`."""
    if position <= warmup and warmup > 0:
        return position / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (position - warmup) / (period - warmup)))
