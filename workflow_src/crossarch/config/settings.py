"""What a training needs, resolved: what a rule hands to its job, and `metrics.json` keeps."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from crossarch.config.custom import OWN_PLACE, NetworkFile
from crossarch.config.model import Model, Resolved
from crossarch.config.runs import RunId
from crossarch.config.schema import (
    Arch,
    Arithmetic,
    Augmentation,
    Distillation,
    EvaluationPrecision,
    KeepRate,
    Norm,
    Optimizer,
    Schedule,
    Whitening,
)


class NetworkSettings(Model):
    """All that `crossarch.models.build` needs to know; `own` is the file of a network of the user's."""

    arch: Arch
    classes: int
    channels: int
    image_size: int
    norm: Norm
    first_norm: Norm
    widths: tuple[int, ...]
    shortcut: Literal["improved", "original"]
    droppath: bool
    own: NetworkFile | None = Field(default=None, exclude_if=lambda file: file is None)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return self.channels, self.image_size, self.image_size


class LabelSettings(Model):
    """How stored labels become targets: softmax(y / temperature) of soft ones, class indices else."""

    kind: Literal["soft", "hard"]
    temperature: float


class TeacherWeights(Model):
    """A teacher that this pipeline did not train: its address; or its file's name and SHA-256."""

    name: str
    sha256: str | None = Field(default=None, exclude_if=lambda digest: digest is None)


class RunSettings(Resolved):
    """The resolved settings of one training.

    `epochs` and `evaluate_every` count epochs, `batch_size` images of the training set. `whitening` is
    the space of the test set; the training set comes in its own. Where `distillation` is not None,
    `teacher_network` is given, and either `teacher`, a run of this pipeline, or `teacher_weights`.
    """

    WITHOUT_EFFECT: ClassVar[Mapping[str, Any]] = {
        "evaluate_every": True,
        "evaluation_precision": True,
    }
    PLACES: ClassVar[Mapping[str, Any]] = {"network": OWN_PLACE, "teacher_network": OWN_PLACE}

    run: RunId
    network: NetworkSettings
    epochs: int
    batch_size: int
    optimizer: Optimizer
    schedule: Schedule
    keep_rate: KeepRate | None
    distillation: Distillation | None
    teacher: RunId | None
    teacher_network: NetworkSettings | None
    teacher_weights: TeacherWeights | None = Field(
        default=None, exclude_if=lambda weights: weights is None
    )
    augmentation: Augmentation
    labels: LabelSettings
    whitening: Whitening
    evaluate_every: int
    label_smoothing: float = Field(default=0.0, exclude_if=lambda value: value == 0.0)
    ema: float | None = Field(default=None, exclude_if=lambda value: value is None)
    # Left out where they are the default, so that they are written only in those runs that differ.
    evaluation_precision: EvaluationPrecision = Field(
        default="auto", exclude_if=lambda value: value == "auto"
    )
    arithmetic: Arithmetic = Field(default=Arithmetic(), exclude_if=lambda value: value == Arithmetic())
