"""datasets.yaml: real data sets."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossarch.config.files import UpstreamFile
from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import Float, Ipc, Positive, Title, Whitening

EMBEDDED: tuple[str, ...] = ("sklearn-digits",)
"""Readers of data that come with an installed package."""


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
