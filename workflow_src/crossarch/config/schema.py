"""What the configuration may say: the single truth for every YAML file under `config/`.

Each model stands for one file or for one part of it; an unknown key is an error. The resolved form of a
recipe, in which nothing is left to look up, is `crossarch.config.resolve.RunSettings`.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
RecipeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Ipc = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Arch = Literal["cnn", "resnet18", "resnet50", "alexnet", "vgg11"]
Norm = Literal["batch", "instance"]
Whitening = Literal["none", "standardise", "zca-kornia", "zca-frepo"]
Protocol = Literal["paper", "released", "released_as_is"]
WHITENINGS: tuple[str, ...] = get_args(Whitening)
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
ARCHS: tuple[str, ...] = get_args(Arch)


class Model(BaseModel):
    """Base of all: unknown keys are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- datasets.yaml and sources.yaml -------------------------------------------------------------


class File(Model):
    """A file upstream and what its bytes must be."""

    url: str = Field(pattern=r"^https?://")
    size: int | None = Field(default=None, ge=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    git_blob: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


class Origin(Model):
    """Where a real data set comes from, and which reader understands it."""

    reader: Literal["torchvision-cifar10", "torchvision-cifar100", "class-folders-zip"]
    file: File


class Dataset(Model):
    """A real data set. `stands_in_for` inherits everything but the title and the origin."""

    title: str
    stands_in_for: Name | None = None
    classes: int = Field(ge=2)
    channels: Positive
    image_size: int = Field(ge=8, multiple_of=8)
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]
    label_temperature: float = Field(gt=0)
    batch_size: dict[Ipc, Positive]
    origin: Origin | None = None

    @model_validator(mode="after")
    def _one_statistic_a_channel(self) -> "Dataset":
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"mean and std need one number for each of {self.channels} channels")
        return self


class DistilledSet(Model):
    """The files of one distilled set; `whitening` overrides that of the source."""

    images: File
    labels: File
    teacher: File | None = None
    whitening: Whitening | None = None


class Source(Model):
    """A family of distilled sets and the network that they were distilled with."""

    title: str
    arch: Arch
    widths: tuple[Positive, ...]
    widths_by_dataset: dict[Name, tuple[Positive, ...]] = {}
    norm: Norm
    labels: Literal["soft", "hard"]
    whitening: Whitening
    sets: dict[Name, dict[Ipc, DistilledSet]]


# --- recipes.yaml -------------------------------------------------------------------------------


class Lion(Model):
    """Lion (Chen et al. 2023), decoupled weight decay: p <- p (1 - lr wd) - lr sign(update)."""

    name: Literal["lion"]
    lr: float = Field(gt=0)
    betas: tuple[Fraction, Fraction]
    weight_decay: float = Field(ge=0)


class AdamW(Model):
    """AdamW (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    lr: float = Field(gt=0)
    betas: tuple[Fraction, Fraction]
    weight_decay: float = Field(ge=0)


Optimizer = Annotated[Lion | AdamW, Field(discriminator="name")]


class StepSchedule(Model):
    """The learning rate is multiplied by `factor` at each milestone (an epoch)."""

    name: Literal["step"]
    milestones: tuple[Positive, ...]
    factor: float = Field(gt=0)


class CosineSchedule(Model):
    """Linear warm-up over `warmup` epochs, then one cosine down to 0 at epoch `period`."""

    name: Literal["cosine"]
    warmup: int = Field(ge=0)
    period: Positive

    @model_validator(mode="after")
    def _warm_before_the_end(self) -> "CosineSchedule":
        if self.warmup >= self.period:
            raise ValueError(f"warmup ({self.warmup}) must be smaller than period ({self.period})")
        return self


class PeriodicSchedule(Model):
    """Equation 3: a cosine with warm-up, restarted every `period` epochs until `stabilise`."""

    name: Literal["periodic"]
    warmup: int = Field(ge=0)
    cosine_period: Positive
    period: Positive
    stabilise: int = Field(ge=0)
    decay: float = Field(gt=0)

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

    warmup: int = Field(ge=0)
    period: Positive
    decay: Fraction
    min: float = Field(gt=0, le=1)
    final: float = Field(gt=0, le=1)
    stabilise: int = Field(ge=0)


class Distillation(Model):
    """Equation 2: the teacher is the source's own network, trained with `recipe` on the same set."""

    recipe: RecipeName
    checkpoint: Literal["best", "last"]
    weight: Fraction
    temperature: float = Field(gt=0)


class Augmentation(Model):
    """k-fold augmentation (Section 3.3) and the strengths of its operations."""

    folds: int = Field(ge=0, le=6)
    brightness: float = Field(ge=0)
    saturation: float = Field(ge=0)
    contrast: float = Field(ge=0)
    crop_pad: Fraction
    cutout: Fraction
    flip: Fraction
    scale: float = Field(ge=1)
    rotate: float = Field(ge=0, le=180)


class NetworkOptions(Model):
    """What a recipe may change about the network."""

    shortcut: Literal["improved", "original"]
    first_norm: Norm | None


class Recipe(Model):
    """A complete recipe, after `base`, the protocol and all `by_...` have been merged."""

    title: str
    epochs: Positive
    optimizer: Optimizer
    schedule: Schedule
    keep_rate: KeepRate | None
    distillation: Distillation | None
    augmentation: Augmentation
    network: NetworkOptions


class ProtocolChanges(Model):
    """What a protocol changes; `recipes` holds parts of recipes, laid over those of the same name."""

    base: Protocol | None = None
    test_whitening: Whitening | None = None
    recipes: dict[RecipeName, dict[str, Any]] = {}


# --- tables.yaml and config.yaml ----------------------------------------------------------------


class Table(Model):
    """The cells of one table of the paper."""

    title: str
    caption: str
    layout: Literal["main"]
    dataset: Name
    sources: tuple[Name, ...]
    ipc: tuple[Ipc, ...]
    archs: tuple[Arch, ...]
    recipes: tuple[RecipeName, ...]
    paper: str | None = None


class Evaluation(Model):
    """When the test accuracy is measured: every so many epochs, and after the last."""

    every: Positive


class Selection(Model):
    """config.yaml: what to run, and on what."""

    datasets: tuple[Name, ...] = Field(min_length=1)
    sources: tuple[Name, ...] = Field(min_length=1)
    ipc: tuple[Ipc, ...] = Field(min_length=1)
    archs: tuple[Arch, ...] = Field(min_length=1)
    recipes: tuple[RecipeName, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    protocol: Protocol
    tables: tuple[Name, ...] = Field(min_length=1)
    evaluation: Evaluation
    accuracy: Literal["best", "last"]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Positive
    slots_per_gpu: Positive
    results: str = Field(min_length=1)
