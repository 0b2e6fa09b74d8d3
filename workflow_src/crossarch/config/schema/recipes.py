"""recipes.yaml: recipes, and what protocols change about them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from crossarch.config.files import LocalFile
from crossarch.config.model import Int, Model
from crossarch.config.schema.schedules import KeepRate, Schedule, scaled_up
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


class _WithBetas(Model):
    """What optimisers with two moving averages have in common."""

    name: str
    lr: Float = Field(gt=0)
    betas: tuple[Beta, Beta]
    weight_decay: Float = Field(ge=0)


class Lion(_WithBetas):
    """Lion (Chen et al. 2023), decoupled weight decay: p <- p (1 - lr wd) - lr sign(update)."""

    name: Literal["lion"]


class AdamW(_WithBetas):
    """AdamW (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]


class Adam(_WithBetas):
    """Adam (Kingma and Ba 2015), weight decay as an L2 penalty."""

    name: Literal["adam"]


class Sgd(Model):
    """Stochastic gradient descent with momentum, weight decay as an L2 penalty."""

    name: Literal["sgd"]
    lr: Float = Field(gt=0)
    momentum: Beta
    weight_decay: Float = Field(ge=0)


Optimizer = Annotated[Lion | AdamW | Adam | Sgd, Field(discriminator="name")]


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
    """A complete recipe, after `base`, the protocol and all `by_...` have been merged.

    `batch_size`: images a step, None for that of the data set; `label_smoothing`: of the cross-entropy;
    `ema`: decay a step of an exponential moving average of the weights, which is what is evaluated and
    kept, None for the weights themselves.
    """

    title: Title
    epochs: Positive
    evaluate_every: Positive  # epochs; the last epoch is always evaluated
    optimizer: Optimizer
    schedule: Schedule
    keep_rate: KeepRate | None
    distillation: Distillation | None
    augmentation: Augmentation
    network: NetworkOptions
    batch_size: Positive | None = None
    label_smoothing: Fraction = 0.0
    ema: Beta | None = None

    def keep_rate_in(self, epoch: int) -> float:
        """DropPath's keep rate in epoch `epoch` (from 0), in (0, 1]; 1 without DropPath."""
        return self.keep_rate.rate(epoch) if self.keep_rate else 1.0

    def learning_rate_in(self, epoch: int) -> float:
        """The learning rate in epoch `epoch` (from 0), the same for all batches of the epoch."""
        return self.optimizer.lr * self.schedule.rate(epoch)

    def scaled(self, scale: float) -> "Recipe":
        """The same recipe in less time: every number of epochs times `scale`, in (0, 1]."""
        if scale == 1.0:
            return self
        epochs = scaled_up(self.epochs, scale)
        changes = {
            "epochs": epochs,
            "schedule": self.schedule.scaled(scale, epochs),
            "keep_rate": self.keep_rate and self.keep_rate.scaled(scale),
        }
        return self.model_copy(update=changes)


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
