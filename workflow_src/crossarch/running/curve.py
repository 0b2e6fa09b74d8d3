"""Which losses of long work are kept: as many as a curve needs."""

LOSS_POINTS = 200  # of a loss curve, at most, and its end


def is_loss_point(done: int, total: int) -> bool:
    """Whether the loss after `done` (from 1) of `total` epochs or steps is kept; the last always is."""
    return done % -(-total // LOSS_POINTS) == 0 or done == total
