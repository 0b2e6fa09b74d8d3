"""Distillations of the digits in miniature: settings, sets and the work itself."""

from functools import cache
from pathlib import Path
from typing import Any

import torch

from crossarch.config import DistilSettings, SetId, load_configuration, resolve_distil
from crossarch.config.schema import CheckpointTest
from crossarch.data import ImageSet, Whitener, fit_whitener
from crossarch.data.real import read_digits
from crossarch.distil.frepo import Distilled, distil

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
CPU = torch.device("cpu")


def settings(ipc: int = 1, widths: tuple[int, ...] = (8, 8, 8), **method: Any) -> DistilSettings:
    """The configured settings of the digits with a small network and few steps."""
    target = SetId(source="own-frepo", dataset="digits", ipc=ipc)
    resolved = resolve_distil(CONFIGURATION, target)
    short = {"steps": 12, "real_batch": 32, "pool": 3, "online_steps": 3}
    short |= {"test": CheckpointTest(every=5, epochs=2, lr=1e-3), **method}
    network = resolved.network.model_copy(update={"widths": widths})
    update = {"network": network, "method": resolved.method.model_copy(update=short)}
    return resolved.model_copy(update=update)


@cache
def digits() -> tuple[ImageSet, ImageSet, Whitener]:
    """Training images (uint8), whitened test set, and the whitening."""
    real = read_digits()
    of_digits = CONFIGURATION.dataset("digits")
    whitener = fit_whitener("standardise", of_digits, real.train.images)
    return real.train, ImageSet(whitener(real.test.images), real.test.labels), whitener


def distilled(chosen: DistilSettings, **options: Any) -> Distilled:
    """Distil the digits on the CPU."""
    real, test, whitener = digits()
    return distil(chosen, real, test, whitener, device=CPU, **options)
