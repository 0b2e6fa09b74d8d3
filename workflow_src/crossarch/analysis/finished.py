"""A finished run as an analysis takes it up: its settings as it was made with them, and its weights."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from crossarch.config import RunId, RunSettings
from crossarch.config.complain import in_a_result, validated
from crossarch.config.schema import Distillation
from crossarch.data import ImageSet
from crossarch.data.store import load_fitting, load_metadata
from crossarch.errors import ConfigError, DataError
from crossarch.files import read_mapping, sha256_of
from crossarch.layout import Layout
from crossarch.training.run import check_weights, load_network

Checkpoint = Literal["best", "last"]


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: where it lies, its resolved settings, the contents of its `metrics.json`."""

    folder: Path
    settings: RunSettings
    metrics: dict[str, Any]

    @property
    def run(self) -> RunId:
        """Which run it is."""
        return self.settings.run

    @cached_property
    def digest(self) -> str:
        """The hash of its settings, as its metrics and weights have it."""
        return str(self.metrics.get("digest"))

    def weights(self, checkpoint: Checkpoint) -> Path:
        """The file of its weights; DataError where there is none, as in results kept without them."""
        file = self.folder / f"{checkpoint}.safetensors"
        if not file.exists():
            raise DataError(f"{file}: no such file; train the run: crossarch train {self.run.path}")
        return file

    def check_weights(self, checkpoint: Checkpoint) -> str:
        """The SHA-256 of its weights; DataError where there are none, or not those of its metrics."""
        file = self.weights(checkpoint)
        found = sha256_of(file)
        check_weights(file, found, self.metrics)
        return found

    def network(self, checkpoint: Checkpoint) -> nn.Module:
        """Its network with stored weights, on the CPU.

        Raises DataError where the file is missing or damaged, or is not of the run of the metrics.
        """
        path = self.weights(checkpoint)
        network = load_network(self.settings.network, path)
        found = load_metadata(path).get("digest")
        if found != self.digest:
            raise DataError(
                f"{path}: digest: found {found!r}, but {self.folder}/metrics.json has {self.digest!r}: "
                "the two are not of one training"
            )
        return network

    def load_set(self, path: Path) -> ImageSet:
        """An image set that fits its network, float32; DataError if it does not."""
        network = self.settings.network
        return load_fitting(path, network.classes, network.image_shape, torch.float32)

    def check_input(self, name: str, path: Path) -> str:
        """The SHA-256 of `path`; DataError unless these bytes were the run's input `name`."""
        found, made_from = sha256_of(path), self.metrics.get("inputs", {}).get(name)
        if found != made_from:
            raise DataError(
                f"{path}: found SHA-256 {found}, but {self.run.path} was made from {made_from}; make "
                "the file again, or the run"
            )
        return found


def read_finished(layout: Layout, run: RunId) -> FinishedRun:
    """The finished run under `layout`; DataError if it has not ended or its metrics are not whole."""
    file = layout.run_metrics(run)
    if not file.exists():
        raise DataError(f"{file}: no such file; train the run first: crossarch train {run.path}")
    metrics = dict(read_mapping(file))
    settings = {"run": metrics.get("run"), **dict(metrics.get("settings") or {})}
    with in_a_result():
        return FinishedRun(layout.run(run), validated(RunSettings, settings, str(file)), metrics)


@dataclass(frozen=True)
class Taught:
    """A student that has ended, its teacher, and how it was taught."""

    student: FinishedRun
    teacher: FinishedRun
    distillation: Distillation

    def teacher_network(self) -> nn.Module:
        """The teacher with the weights that it taught with, on the CPU; DataError as `network`."""
        return self.teacher.network(self.distillation.checkpoint)

    def check_teacher(self) -> str:
        """The SHA-256 of those weights; DataError unless the student was made from them."""
        checkpoint = self.distillation.checkpoint
        self.teacher.check_weights(checkpoint)
        return self.student.check_input("teacher", self.teacher.weights(checkpoint))


def read_taught(layout: Layout, student: FinishedRun, analysis: str) -> Taught:
    """A student and its teacher.

    Raises ConfigError, in the name of the analysis, for a run without a teacher; DataError as
    `read_finished`.
    """
    distillation, teacher = student.settings.distillation, student.settings.teacher
    if distillation is None or teacher is None:
        raise ConfigError(
            f"{student.run.path}: found a run without a teacher, allowed for {analysis}: students, "
            "whose recipes have distillation (wo_dp, full ...)"
        )
    return Taught(student, read_finished(layout, teacher), distillation)
