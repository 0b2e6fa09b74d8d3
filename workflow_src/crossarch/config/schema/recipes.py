"""recipes.yaml: recipes, and what protocols change about them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from crossarch.config.files import LocalFile
from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import (
    Arch,
    Beta,
    Float,
    Fraction,
    Norm,
    Positive,
    Protocol,
    RecipeName,
    Title,
    Whitening,
)


class Lion(Model):
    """Lion (Chen et al. 2023), decoupled weight decay: p <- p (1 - lr wd) - lr sign(update)."""

    name: Literal["lion"]
    lr: Float = Field(gt=0)
    betas: tuple[Beta, Beta]
    weight_decay: Float = Field(ge=0)


class AdamW(Model):
    """AdamW (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    lr: Float = Field(gt=0)
    betas: tuple[Beta, Beta]
    weight_decay: Float = Field(ge=0)


Optimizer = Annotated[Lion | AdamW, Field(discriminator="name")]


class StepSchedule(Model):
    """The learning rate is multiplied by `factor` at each milestone (an epoch)."""

    name: Literal["step"]
    milestones: tuple[Positive, ...]
    factor: Float = Field(gt=0)


class CosineSchedule(Model):
    """Linear warm-up over `warmup` epochs, then one cosine down to 0 at epoch `period`."""

    name: Literal["cosine"]
    warmup: Int = Field(ge=0)
    period: Positive

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> "CosineSchedule":
        if self.warmup >= self.period:
            raise ValueError(f"warmup ({self.warmup}) must be smaller than period ({self.period})")
        return self


class PeriodicSchedule(Model):
    """Equation 3: a cosine with warm-up, restarted every `period` epochs until `stabilise`."""

    name: Literal["periodic"]
    warmup: Int = Field(ge=0)
    cosine_period: Positive
    period: Positive
    stabilise: Positive
    decay: Float = Field(gt=0)

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> "PeriodicSchedule":
        if self.warmup >= self.cosine_period:
            raise ValueError(
                f"warmup ({self.warmup}) must be smaller than cosine_period ({self.cosine_period})"
            )
        return self


Schedule = Annotated[StepSchedule | CosineSchedule | PeriodicSchedule, Field(discriminator="name")]


class KeepRate(Model):
    """Algorithm 1: three phases of DropPath's keep rate."""

    warmup: Int = Field(ge=0)
    period: Positive
    decay: Fraction
    min: Float = Field(gt=0, le=1)
    final: Float = Field(gt=0, le=1)
    stabilise: Int = Field(ge=0)


class TeacherFile(Model):
    """The weights of a custom teacher: a `state_dict`, also under `state_dict`, `model` or `net`."""

    file: LocalFile


class Distillation(Model):
    """Equation 2: the teacher was trained with `recipe` on the same set.

    It is the source's own network, or `arch`. `teacher` says whose weights these are: `trained` by this
    pipeline, `published` with the set (`teacher` in sources.yaml), `published_or_trained`: the published
    ones where the set has some; or the `file` of a custom teacher. Resolved settings name their teacher,
    so that `arch` and `teacher` are not written there.
    """

    arch: Arch | None = Field(default=None, exclude=True)
    teacher: Literal["trained", "published", "published_or_trained"] | TeacherFile = Field(
        default="trained", exclude=True
    )
    recipe: RecipeName
    checkpoint: Literal["best", "last"]
    weight: Fraction
    temperature: Float = Field(gt=0, le=1000)  # far above, float32 tells no two logits apart


class Augmentation(Model):
    """k-fold augmentation (Section 3.3) and the strengths of its operations."""

    folds: Int = Field(ge=0, le=6)
    brightness: Float = Field(ge=0)
    saturation: Float = Field(ge=0)
    contrast: Float = Field(ge=0)
    crop_pad: Fraction
    cutout: Fraction
    flip: Fraction
    scale: Float = Field(ge=1)
    rotate: Float = Field(ge=0, le=180)


class NetworkOptions(Model):
    """What a recipe may change about the network."""

    shortcut: Literal["improved", "original"]
    first_norm: Norm | None


class Recipe(Model):
    """A complete recipe, after `base`, the protocol and all `by_...` have been merged."""

    title: Title
    epochs: Positive
    evaluate_every: Positive  # epochs; the last epoch is always evaluated
    optimizer: Optimizer
    schedule: Schedule
    keep_rate: KeepRate | None
    distillation: Distillation | None
    augmentation: Augmentation
    network: NetworkOptions


class ProtocolChanges(Model):
    """What a protocol changes; `recipes` holds parts of recipes, laid over those of the same name.

    `length` makes every training, schedule and keep rate that much shorter. Without `drop_path` the keep
    rates of all recipes stay 1, whatever these say. `test_whitening` names data
    sets and the space of their test images for networks trained on published sets, whatever space those
    live in. A training set that is whitened here (raw, drawn or distilled) keeps its own.
    """

    base: Protocol | None = None
    length: Float = Field(default=1.0, gt=0, le=1)
    drop_path: bool = True
    test_whitening: dict[str, Whitening] = Field(default={})
    recipes: dict[RecipeName, dict[str, Any]] = Field(default={})
