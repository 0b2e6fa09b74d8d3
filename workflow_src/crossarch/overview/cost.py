"""How long what is left will take, and what it costs: from the speed of runs that were measured."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from crossarch.config import Configuration, RunId, RunSettings, resolve
from crossarch.errors import ConfigError, CrossarchError
from crossarch.files import read_mapping
from crossarch.models import gflop_an_epoch, gflop_an_evaluation
from crossarch.printing.synthetic import SYNTHETIC

TEST_IMAGES = 10_000  # where no run on the data set tells; that of CIFAR


@dataclass(frozen=True)
class Measured:
    """One measured run: how many GFLOP a second it did on which device."""

    arch: str
    dataset: str
    device: str
    training: float
    evaluation: float
    test_images: int


@dataclass(frozen=True)
class Cost:
    """What the runs that are left take on one device, one after the other."""

    device: str
    measured: int  # runs that this rests on
    hours: float
    of_other_networks: int  # runs whose own network was not measured there
    uncounted: int  # runs with a network whose work cannot be counted; `hours` is without them

    def to_json(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "device": self.device,
            "measured_runs": self.measured,
            "hours": round(self.hours, 2),
            "runs_of_networks_not_measured": self.of_other_networks,
            "runs_not_counted": self.uncounted,
        }


def read_measured(files: Iterable[Path]) -> list[Measured]:
    """The speeds in `metrics.json` files.

    A file that tells none (damaged, synthetic, of a network whose work cannot be counted) is left out.
    """
    found = []
    for file in files:
        try:
            content = read_mapping(file)
            if content["device"] == SYNTHETIC:
                continue
            settings = RunSettings.model_validate({"run": content["run"], **content["settings"]})
            images = content.get("images") or {}
            trained = images.get("training", settings.run.ipc * settings.network.classes)
            tested = images.get("test", TEST_IMAGES)
            an_epoch = gflop_an_epoch(settings, trained)
            a_test = gflop_an_evaluation(settings, tested)
            if an_epoch is None or a_test is None:
                continue
            seconds = content["seconds"]
            found.append(
                Measured(
                    arch=settings.network.arch,
                    dataset=settings.run.dataset,
                    device=content["device"],
                    training=settings.epochs * an_epoch / seconds["training"],
                    evaluation=len(content["evaluations"]) * a_test / seconds["evaluation"],
                    test_images=tested,
                )
            )
        except (CrossarchError, OSError, ValueError, KeyError, TypeError, ZeroDivisionError):
            continue
    return found


def costs(
    configuration: Configuration, runs: Sequence[RunId], measured: Sequence[Measured]
) -> list[Cost]:
    """What `runs` take on each device that something was measured on.

    Work is counted from the networks (`crossarch.models.describe`) and divided by the median speed of
    the same network on that device; of all networks where it has not been measured there. Runs with a
    network of the user's own whose work cannot be counted are left out of the hours, and their number is
    told. Raises ConfigError, naming the run, where such a network cannot be built as its recipe asks.
    """
    all_settings = [resolve(configuration, run) for run in runs]
    test_images = {one.dataset: one.test_images for one in measured}
    return [
        _cost(device, all_settings, [one for one in measured if one.device == device], test_images)
        for device in sorted({one.device for one in measured})
    ]


def _cost(
    device: str,
    runs: Sequence[RunSettings],
    measured: Sequence[Measured],
    test_images: Mapping[str, int],
) -> Cost:
    known = {one.arch for one in measured}
    seconds, others, uncounted = 0.0, 0, 0
    for settings in runs:
        arch = settings.network.arch
        alike = [one for one in measured if one.arch == arch or arch not in known]
        trained = settings.run.ipc * settings.network.classes
        tested = test_images.get(settings.run.dataset, TEST_IMAGES)
        tests = math.ceil(settings.epochs / settings.evaluate_every)
        try:
            an_epoch = gflop_an_epoch(settings, trained)
            a_test = gflop_an_evaluation(settings, tested)
        except ConfigError as error:
            raise ConfigError(f"{settings.run.path}: {error}") from None
        if an_epoch is None or a_test is None:
            uncounted += 1
            continue
        seconds += settings.epochs * an_epoch / median(one.training for one in alike)
        seconds += tests * a_test / median(one.evaluation for one in alike)
        others += arch not in known
    return Cost(device, len(measured), seconds / 3600, others, uncounted)
