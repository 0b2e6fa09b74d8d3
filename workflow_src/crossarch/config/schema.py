"""What the configuration may say: the single truth for every YAML file under `config/`.

Each model stands for one file or for one part of it; an unknown key is an error. The resolved form of a
recipe, in which nothing is left to look up, is `crossarch.config.resolve.RunSettings`.
"""

from collections.abc import Collection, Hashable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from crossarch.config.files import File, LocalFile, UpstreamFile
from crossarch.config.model import Int as Int
from crossarch.config.model import Model as Model
from crossarch.config.model import number

T = TypeVar("T", bound=Hashable)


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise ValueError(f"each value once ({twice[0]!r} stands there twice)")
    return values


# A path; `~` is the user's home.
Place = Annotated[str, Field(min_length=1), AfterValidator(lambda path: str(Path(path).expanduser()))]
Distinct = Annotated[tuple[T, ...], AfterValidator(_each_once)]
Chosen = Annotated[Distinct[T], Field(min_length=1)]
Float = Annotated[float, BeforeValidator(number)]
NAME, RECIPE_NAME = r"^[a-z0-9][a-z0-9._-]*$", r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
RecipeName = Annotated[str, StringConstraints(pattern=RECIPE_NAME)]
Ipc = Annotated[Int, Field(ge=1)]
Seed = Annotated[Int, Field(ge=0, lt=2**32)]
Fraction = Annotated[Float, Field(ge=0.0, le=1.0)]
Beta = Annotated[Float, Field(ge=0.0, lt=1.0)]  # of a moving average: one of 1 would never move
Positive = Annotated[Int, Field(ge=1)]
Widths = Annotated[tuple[Positive, ...], Field(min_length=1)]
# One of ours or of `own_networks`: which names there are is checked when the files are read.
Arch = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Norm = Literal["batch", "instance"]
Whitening = Literal["none", "standardise", "standardise-mtt", "zca-kornia", "zca-frepo"]
Protocol = Literal["paper", "released", "released_as_is", "demo"]
WHITENINGS: tuple[str, ...] = get_args(Whitening)
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
# Analyses of one run, which leave a record of it, and of several runs: a table, a figure, a paragraph.
MEASURED: tuple[str, ...] = (
    *("curvature", "whitening", "agreement", "softness", "statistics", "stand_in", "teachers"),
)
Summarised = Literal[
    "selection",
    "whitening",
    "protocols",
    "agreement",
    "softness",
    "statistics",
    "stand_in",
    "teachers",
]
SUMMARISED: tuple[str, ...] = get_args(Summarised)
ANALYSES = tuple(dict.fromkeys((*MEASURED, *SUMMARISED)))
ARCH_TITLES = {
    "cnn": "3-layer CNN",
    "resnet18": "ResNet18",
    "alexnet": "AlexNet",
    "vgg11": "VGG11",
    "resnet50": "ResNet50",
}
ARCHS = tuple(ARCH_TITLES)


EMBEDDED: tuple[str, ...] = ("sklearn-digits",)
"""Readers of data that come with an installed package."""


# --- datasets.yaml and sources.yaml -------------------------------------------------------------


class Origin(Model):
    """Where a real data set comes from, and which reader understands it.

    A reader of EMBEDDED takes the images out of an installed package; every other one reads `file`.
    """

    reader: Literal[
        "torchvision-cifar10",
        "torchvision-cifar100",
        "class-folders-zip",
        "tiny-imagenet-zip",
        "sklearn-digits",
    ]
    file: UpstreamFile | None = None

    @model_validator(mode="after")
    def _file_where_one_is_read(self) -> "Origin":
        if self.reader in EMBEDDED and self.file is not None:
            raise ValueError(f"file: is not allowed where the reader {self.reader!r} needs none")
        if self.reader not in EMBEDDED and self.file is None:
            raise ValueError(f"file: found nothing, but the reader {self.reader!r} needs it")
        return self

    @property
    def name(self) -> str:
        """The address of the file, or the reader's name where there is none."""
        return self.file.url if self.file else self.reader


class Standardisation(Model):
    """Mean and standard deviation of each channel, of pixels in [0, 1]."""

    mean: tuple[Float, ...]
    std: tuple[Annotated[Float, Field(gt=0)], ...]


class Dataset(Model):
    """A real data set. `stands_in_for` inherits everything but the title and the origin.

    `mean` and `std` are those of FRePo's code (`standardise`, `zca-frepo`), `mtt` those of MTT's.
    """

    title: str
    stands_in_for: Name | None = None
    classes: Int = Field(ge=2)
    channels: Positive
    image_size: Int = Field(ge=8, multiple_of=8)
    mean: tuple[Float, ...]
    std: tuple[Annotated[Float, Field(gt=0)], ...]
    mtt: Standardisation | None = None
    label_temperature: Float = Field(gt=0)
    batch_size: dict[Ipc, Positive] = Field(min_length=1)
    origin: Origin | None = None

    def standardisation(self, whitening: Whitening) -> Standardisation | None:
        """The constants that a whitening scales pixels in [0, 1] by; None where `mtt` is not known.

        0 and 1 for those that do not standardise.
        """
        if whitening == "standardise-mtt":
            return self.mtt
        if whitening in ("none", "zca-kornia"):
            return Standardisation(mean=(0.0,) * self.channels, std=(1.0,) * self.channels)
        return Standardisation(mean=self.mean, std=self.std)

    @model_validator(mode="after")
    def _one_statistic_a_channel(self) -> "Dataset":
        for of_code, where in ((self, ""), (self.mtt, "mtt's ")):
            if of_code and not len(of_code.mean) == len(of_code.std) == self.channels:
                raise ValueError(
                    f"{where}mean and std need one number for each of {self.channels} channels"
                )
        return self


SetFormat = Literal["pt", "npy", "npz", "safetensors", "flax", "folder"]
SUFFIXES: dict[str, SetFormat] = {
    ".pt": "pt",
    ".pth": "pt",
    ".npy": "npy",
    ".npz": "npz",
    ".safetensors": "safetensors",
    ".msgpack": "flax",
    "": "folder",
}


def _as_several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class DistilledSet(Model):
    """The files of one distilled set: `images` (also in parts) and `labels`, or one `file` with both.

    `format` is told by the name where it is not given (a name without a suffix is a folder of images).
    `class_order` says how the set numbers its classes: `sorted` by name, or as `listed` in the real
    set's own list. `whitening` overrides that of the source.
    """

    images: Annotated[tuple[File, ...], BeforeValidator(_as_several)] = ()
    labels: File | None = None
    file: File | None = None
    format: SetFormat | None = None
    teacher: UpstreamFile | None = None
    whitening: Whitening | None = None
    class_order: Literal["sorted", "listed"] = "sorted"

    @model_validator(mode="after")
    def _whole(self) -> "DistilledSet":
        pair = bool(self.images) and self.labels is not None
        half = bool(self.images) or self.labels is not None
        if pair == (self.file is not None) or half != pair:
            raise ValueError("either `images` and `labels`, or one `file` that holds both")
        formats = {self.format or _format_of(file) for file in self.files}
        if None in formats or len(formats) > 1:
            names = ", ".join(_name_of(file) for file in self.files)
            raise ValueError(f"a `format` of {', '.join(get_args(SetFormat))}; {names} tells none")
        if pair != (formats <= {"pt", "npy"}):
            raise ValueError("`images` and `labels` as .pt or .npy, or one `file` of another format")
        if formats == {"folder"} and any(isinstance(file, UpstreamFile) for file in self.files):
            raise ValueError("a `format`: a folder of images cannot be fetched, only read from a path")
        return self

    @property
    def files(self) -> tuple[File, ...]:
        """What the set is read from: its images (in parts) and labels last, or the one file."""
        return tuple(file for part, file in self.parts().items() if part != "teacher")

    def parts(self) -> dict[str, File]:
        """All files by what they are: `images` (`images 0`, `images 1` ...), `labels`, `teacher`."""
        several = len(self.images) > 1
        named: dict[str, File | None] = {
            **{f"images {i}" if several else "images": part for i, part in enumerate(self.images)},
            "labels": self.labels,
            "images and labels": self.file,
            "teacher": self.teacher,
        }
        return {name: file for name, file in named.items() if file is not None}

    @property
    def form(self) -> SetFormat:
        """The format of the files, given or told by their names."""
        form = self.format or _format_of(self.files[0])
        assert form is not None  # checked above
        return form


def _name_of(file: File) -> str:
    return file.path if isinstance(file, LocalFile) else file.relative_path.name


def _format_of(file: File) -> SetFormat | None:
    return SUFFIXES.get(PurePosixPath(_name_of(file)).suffix)


class CheckpointTest(Model):
    """How a set is tested while it is distilled: a fresh network, trained on it with Adam.

    It is trained for `epochs` without augmentation, every so many steps, and after the last.
    """

    every: Positive
    epochs: Positive
    lr: Float = Field(gt=0)


class Frepo(Model):
    """How this pipeline distils a data set: FRePo (Zhou, Nezhadarya and Ba 2022).

    `real_batch` real images a step, mirrored with probability `flip`; a `pool` of networks, each trained
    on the set for `online_steps` steps with Adam before it is made anew; `ridge` is a fraction of the
    mean eigenvalue of the kernel. Images and labels are learned with Adam (the paper: LAMB), whose
    learning rates fall to 0 along half a cosine. `whitening` overrides that of the source.
    """

    ipc: Chosen[Ipc]
    whitening: Whitening | None = None
    steps: Positive
    real_batch: Positive
    flip: Fraction
    pool: Positive
    online_steps: Positive
    online_lr: Float = Field(gt=0)
    images_lr: Float = Field(gt=0)
    labels_lr: Float = Field(ge=0)
    ridge: Float = Field(gt=0)
    seed: Seed
    test: CheckpointTest


class Source(Model):
    """A family of distilled sets and the network that they were distilled with.

    `whitened` pixels already live in the space of `whitening`; `raw` ones (0 to 255, or a folder of
    images) are moved there by this pipeline, with the whitening of the real training images. Instead of
    `sets` a source may name the IPC that are `drawn` from the real training images, anew for each seed,
    or how sets are `distilled` from them by this pipeline.
    """

    title: str
    arch: Arch
    widths: Widths
    widths_by_dataset: dict[Name, Widths] = Field(default={})
    norm: Norm
    labels: Literal["soft", "hard"]
    whitening: Whitening
    pixels: Literal["whitened", "raw"] = "whitened"
    sets: dict[Name, dict[Ipc, DistilledSet]] = Field(default={})
    drawn: dict[Name, tuple[Ipc, ...]] = Field(default={})
    distilled: dict[Name, Frepo] = Field(default={})

    @model_validator(mode="after")
    def _sets_of_one_kind(self) -> "Source":
        if [bool(self.sets), bool(self.drawn), bool(self.distilled)].count(True) != 1:
            raise ValueError(
                "either `sets`, or `drawn` for subsets of the real images, or `distilled` from them"
            )
        if self.distilled and (self.labels, self.pixels) != ("soft", "whitened"):
            raise ValueError("`labels: soft` and `pixels: whitened` for a source that is distilled here")
        if self.drawn and (self.labels, self.pixels) != ("hard", "raw"):
            raise ValueError("`labels: hard` and `pixels: raw` for a source that is drawn")
        return self

    def ipcs(self, dataset: str) -> tuple[int, ...]:
        """The IPC that there is a training set of, for a data set."""
        if dataset in self.distilled:
            return self.distilled[dataset].ipc
        return self.drawn.get(dataset) or tuple(self.sets.get(dataset, ()))

    @property
    def kind(self) -> Literal["sets", "drawn", "distilled"]:
        """The key that says where the training sets of this source come from."""
        return "sets" if self.sets else "drawn" if self.drawn else "distilled"

    @property
    def by_dataset(self) -> Collection[str]:
        """The data sets that there are training sets for."""
        return self.sets or self.drawn or self.distilled


# --- recipes.yaml -------------------------------------------------------------------------------


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


class Distillation(Model):
    """Equation 2: the teacher was trained with `recipe` on the same set.

    It is the source's own network, or `arch`. Resolved settings name their teacher, so that `arch` is
    not written there.
    """

    arch: Arch | None = Field(default=None, exclude=True)
    recipe: RecipeName
    checkpoint: Literal["best", "last"]
    weight: Fraction
    temperature: Float = Field(gt=0)


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

    title: str
    epochs: Positive
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


# --- tables.yaml --------------------------------------------------------------------------------


class Table(Model):
    """One table of the paper: its cells, and the layout that it is printed in.

    `main` prints gaps to the baseline of the sources' own network, `spread` means and deviations alone;
    both have a row for each recipe and a column for each network. `factors` has a column for each factor
    that the recipes differ in and one for the accuracy; `settings` has the factors alone, and no runs.

    A factor is a title and the keys of a recipe that it is about: the first recipe of the table has no
    factor, another one those in whose keys it differs from the first.
    """

    title: str
    caption: str
    layout: Literal["main", "spread", "factors", "settings"]
    dataset: Name | None = None
    sources: Distinct[Name] = ()
    ipc: Distinct[Ipc] = ()
    archs: Distinct[Arch] = ()
    recipes: Chosen[RecipeName]
    recipes_by_ipc: dict[Ipc, Chosen[RecipeName]] = Field(default={})
    factors: dict[str, Chosen[str]] = Field(default={})
    paper: str | None = None

    @model_validator(mode="after")
    def _what_the_layout_needs(self) -> "Table":
        cells = {"dataset", "sources", "ipc", "archs"}
        factors = {"factors"}
        needed = {"settings": factors, "factors": factors | cells}.get(self.layout, cells)
        for name in (*sorted(cells), *factors):
            given = bool(getattr(self, name))
            if given != (name in needed):
                found = "found nothing, but" if name in needed else "is not allowed where"
                verb = "needs it" if name in needed else "does not use it"
                raise ValueError(f"{name}: {found} the layout {self.layout!r} {verb}")
        if self.layout == "factors" and not len(self.sources) == len(self.ipc) == len(self.archs) == 1:
            raise ValueError("the layout 'factors' is for one source, one ipc and one network")
        return self


# --- figures.yaml -------------------------------------------------------------------------------

Colour = Literal["black", "orange", "sky", "green", "yellow", "blue", "vermillion", "purple"]


class Line(Model):
    """A line of a panel: a network trained with `recipe` at each IPC, or with `recipes` by x."""

    label: str
    arch: Arch
    recipe: RecipeName | None = None
    recipes: dict[Float, RecipeName] = Field(default={})
    dash: Literal["solid", "dashed", "dotted", "dashdot"] = "solid"
    colour: Colour | None = None  # null: the network's own

    @model_validator(mode="after")
    def _one_kind(self) -> "Line":
        if bool(self.recipe) == bool(self.recipes):
            raise ValueError("either recipe (one for every IPC) or recipes (one for each x)")
        return self


class Axis(Model):
    """An x axis. With `whole` (images per class of a whole training set) x is the fraction of it."""

    title: str
    scale: Literal["linear", "log"] = "linear"
    whole: Positive | None = None


class Panel(Model):
    """Lines over one x axis; `references` are drawn across it as levels."""

    title: str
    x: Axis
    source: Name
    ipc: Chosen[Ipc]
    lines: tuple[Line, ...] = Field(min_length=1)
    references: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _one_ipc_where_x_is_another(self) -> "Panel":
        other = self.references or any(line.recipes for line in self.lines)
        if other and len(self.ipc) != 1:
            raise ValueError("one ipc, where a line has recipes by x or there are references")
        if any(line.recipes for line in self.references):
            raise ValueError("a recipe, not recipes, for a reference")
        return self


class Accuracies(Model):
    """Test accuracies of runs, mean and standard deviation over the seeds.

    Networks of the user's own get a line in each panel for each recipe of `own_networks`.
    """

    name: Literal["accuracies"]
    dataset: Name
    panels: tuple[Panel, ...] = Field(min_length=1)
    own_networks: Distinct[RecipeName] = ()


class ScheduleCurve(Model):
    """What a recipe schedules, by epoch."""

    name: Literal["schedule"]
    quantity: Literal["keep_rate", "lr"]
    recipe: RecipeName
    arch: Arch
    source: Name
    ipc: Ipc


class CurvatureDrawing(Model):
    """The curvature of the training loss where runs ended, one run for each of `recipes` (by label).

    Of `ipc` the first counts that the configuration chooses and the source has; of the seeds the first.
    """

    name: Literal["curvature"]
    dataset: Name
    source: Name
    ipc: Chosen[Ipc]
    arch: Arch
    recipes: dict[str, RecipeName] = Field(min_length=1)


class Diagram(Model):
    """A drawing that does not depend on any run."""

    name: Literal["diagram"]


Drawing = Annotated[Accuracies | ScheduleCurve | CurvatureDrawing | Diagram, Field(discriminator="name")]


class Figure(Model):
    """A figure of the paper; `columns` of print are 3.4 (one) or 7 inches (two) wide."""

    title: str
    caption: str
    columns: Literal[1, 2]
    drawing: Drawing


# --- config.yaml --------------------------------------------------------------------------------


class Evaluation(Model):
    """When the test accuracy is measured: every so many epochs, and after the last."""

    every: Positive


class Arithmetic(Model):
    """How a training computes, where that is a choice between speed, precision and repeatability.

    `tf32` and `bfloat16` are for GPUs: matrix products with 10 or 7 bits of mantissa. `compile` hands
    the network to torch.compile (on CUDA with graphs). `deterministic` refuses kernels whose results
    differ from run to run.
    """

    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    compile: bool = False
    deterministic: bool = False


class CurvatureSettings(Model):
    """How the curvature at the end of a run is measured (Appendix B.5).

    `eigenvalues` of the Hessian, each to a relative `tolerance`; the landscape is computed at `points` x
    `points` places up to `extent` from the weights along each of two eigenvectors of length 1.
    """

    eigenvalues: Int = Field(default=20, ge=2)
    tolerance: Float = Field(default=1e-4, gt=0, lt=1)
    extent: Float = Field(default=0.2, gt=0)
    points: Int = Field(default=25, ge=3)

    @model_validator(mode="after")
    def _with_a_middle(self) -> "CurvatureSettings":
        if self.points % 2 == 0:
            raise ValueError(f"points ({self.points}) must be odd, so that the weights are one of them")
        return self


class StandInSettings(Model):
    """What a stand-in is compared with: the images that it is a lossy copy of.

    `originals`: an .npz of `images` (N, H, W, C) uint8 and `labels` (N,), the first N training images in
    the order of the original set. None: the test set of the data set itself, which has to be fetched.
    """

    originals: Place | None = None


class OwnNetwork(Model):
    """A network of the user's own: the file that registers it, and what it is called in print.

    Written as the path of the file alone, it is called by its name.
    """

    file: str = Field(min_length=1)
    title: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_its_file_alone(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class Selection(Model):
    """config.yaml: what to run, and on what. None: all that the tables name.

    `own_networks` become columns of every table of layout `main` or `spread`. `own_recipes` become rows
    of every table of layout `main` or `settings`: recipes as in recipes.yaml, or null for one of there.
    """

    datasets: Chosen[Name]
    sources: Chosen[Name] | None = None
    ipc: Chosen[Ipc] | None = None
    archs: Chosen[Arch] | None = None
    recipes: Chosen[RecipeName] | None = None
    own_networks: dict[Arch, OwnNetwork] = Field(default={})
    own_recipes: dict[RecipeName, dict[str, Any] | None] = Field(default={})
    seeds: Chosen[Seed]
    protocol: Protocol
    tables: Chosen[Name]
    figures: Distinct[Name] = ()
    evaluation: Evaluation
    accuracy: Literal["best", "last"]
    device: Literal["auto", "cpu", "cuda", "mps"]
    threads: Positive
    slots_per_gpu: Positive
    arithmetic: Arithmetic = Field(default=Arithmetic())
    curvature: CurvatureSettings = Field(default=CurvatureSettings())
    stand_in: StandInSettings = Field(default=StandInSettings())
    results: Place

    @field_validator("results")
    @classmethod
    def _one_word(cls, results: str) -> str:
        if len(results.split()) != 1:
            raise ValueError("a path without blanks, which the rules hand to a shell")
        return results
