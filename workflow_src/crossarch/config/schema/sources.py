"""sources.yaml: distilled sets and where they come from."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from crossarch.config.files import File, LocalFile, UpstreamFile
from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import (
    Arch,
    Chosen,
    Float,
    Fraction,
    Ipc,
    Name,
    Norm,
    Positive,
    Seed,
    Title,
    Whitening,
    Widths,
)

PixelLayout = Literal["channels_first", "channels_last"]
LabelForm = Literal["logits", "probabilities"]
Temperature = Annotated[Float, Field(gt=0)] | Literal["paper"]
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def _as_several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class DistilledSet(Model):
    """The files of one distilled set: `images` (also in parts) and `labels`, or one `file` with both.

    What a file is follows from its contents. Of several repetitions of an experiment `repetition` (from
    0) is read, of several sets in a tree the one at `key`. `layout` and `label_form` decide what shapes
    and values leave open. `class_order` says how the set numbers its classes: `sorted` by name, or as
    `listed` in the real set's own list; a folder's are told by their names. `whitening` and
    `label_temperature` override those of the source.
    """

    images: Annotated[tuple[File, ...], BeforeValidator(_as_several)] = ()
    labels: File | None = None
    file: File | None = None
    repetition: Annotated[Int, Field(ge=0)] | None = None
    key: str | None = None
    layout: PixelLayout | None = None
    label_form: LabelForm | None = None
    label_temperature: Temperature | None = None
    teacher: UpstreamFile | None = None
    whitening: Whitening | None = None
    class_order: Literal["sorted", "listed"] = "sorted"

    @model_validator(mode="after")
    def _whole(self) -> "DistilledSet":
        pair = bool(self.images) and self.labels is not None
        half = bool(self.images) or self.labels is not None
        if pair == (self.file is not None) or half != pair:
            raise ValueError("either `images` and `labels`, or one `file` that holds both")
        if pair and (self.key is not None or self.repetition is not None):
            raise ValueError("`key` and `repetition` beside `file` alone")
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
    def needs_real_classes(self) -> bool:
        """Whether the numbers of its classes are known from the real set alone, as of folders."""
        folder = isinstance(self.file, LocalFile) and self.file.location.is_dir()
        return folder or self.class_order == "listed" or _name_of(self.files[0]).endswith(ARCHIVES)

    @property
    def reading(self) -> str:
        """How its files are understood, as one value: it triggers the job that reads them."""
        keys = {"repetition", "key", "layout", "label_form"}
        chosen = self.model_dump(include=keys, exclude_none=True)
        return ", ".join(
            [f"classes {self.class_order}", *(f"{name} {value}" for name, value in chosen.items())]
        )


def _name_of(file: File) -> str:
    name = file.path if isinstance(file, LocalFile) else file.relative_path.name
    return name.partition("?")[0]  # a query may follow the suffix


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
    or how sets are `distilled` from them by this pipeline. Targets of soft labels y are
    softmax(y / t) with `label_temperature` t; `paper` is that of the paper for FRePo's labels, which the
    data set has.
    """

    title: Title
    arch: Arch
    widths: Widths
    widths_by_dataset: dict[Name, Widths] = Field(default={})
    norm: Norm
    labels: Literal["soft", "hard"]
    label_temperature: Temperature = 1.0
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
