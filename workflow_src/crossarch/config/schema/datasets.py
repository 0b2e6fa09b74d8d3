"""datasets.yaml: real data sets."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossarch.config.files import UpstreamFile
from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import Float, Ipc, Place, Positive, Title, Whitening

Layout = Literal[
    "cifar-10-batches-py",
    "cifar-100-python",
    "tiny-imagenet-200",
    "class-folders",
    "sklearn-digits",
]
EMBEDDED: tuple[str, ...] = ("sklearn-digits",)
"""Layouts of data that come with an installed package."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Content(Model):
    """What the images of each split are, in whatever order: `crossarch.data.content.content_digest`."""

    train: Sha256
    test: Sha256


class Origin(Model):
    """How a real data set is laid out where it is published, and where its archive can be had.

    The `archives` are one set: the first that can be had is taken. A layout of EMBEDDED has none, its
    images are taken out of an installed package. `path` is a folder, an archive or an `.npz` on the
    user's disk. `pad` puts a border of zeros around smaller images.
    """

    layout: Layout
    archives: tuple[UpstreamFile, ...] = ()
    path: Place | None = None
    pad: bool = False

    @model_validator(mode="after")
    def _no_archive_of_a_package(self) -> "Origin":
        if self.embedded and (self.archives or self.path):
            raise ValueError(
                f"archives, path: are not allowed where the layout {self.layout!r} needs none"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether the images come with an installed package."""
        return self.layout in EMBEDDED


class Standardisation(Model):
    """Mean and standard deviation of each channel, of pixels in [0, 1]."""

    mean: tuple[Float, ...]
    std: tuple[Annotated[Float, Field(gt=0)], ...]


class Dataset(Model):
    """A real data set.

    `mean` and `std` are those of FRePo's code (`standardise`, `zca-frepo`), `mtt` those of MTT's.
    """

    title: Title
    classes: Int = Field(ge=2)
    channels: Positive
    image_size: Int = Field(ge=8, multiple_of=8)
    mean: tuple[Float, ...]
    std: tuple[Annotated[Float, Field(gt=0)], ...]
    mtt: Standardisation | None = None
    label_temperature: Float = Field(gt=0)
    batch_size: dict[Ipc, Positive] = Field(min_length=1)
    content: Content | None = None
    origin: Origin | None = None

    @property
    def pixels(self) -> int:
        """How many numbers an image is."""
        return self.channels * self.image_size**2

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of an image."""
        return self.channels, self.image_size, self.image_size

    def standardisation(self, whitening: Whitening) -> Standardisation | None:
        """The constants that a whitening scales pixels in [0, 1] by; None where they are not known.

        0 and 1 for those that do not standardise; unknown are those of `standardise-mtt` without `mtt`,
        and custom ones for another number of channels.
        """
        if whitening.startswith("constants_"):
            numbers = tuple(map(float, whitening.split("_")[1:]))
            mean, std = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
            return Standardisation(mean=mean, std=std) if len(mean) == self.channels else None
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
