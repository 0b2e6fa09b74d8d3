"""config.yaml: what to run, and on what."""

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from crossarch.config.model import Int, Model
from crossarch.config.schema.terms import (
    Arch,
    Chosen,
    Distinct,
    Float,
    Ipc,
    Name,
    Place,
    Positive,
    Protocol,
    RecipeName,
    Seed,
    Title,
)

EvaluationPrecision = Literal["auto", "float32", "bfloat16"]


class Evaluation(Model):
    """How the test accuracy is measured along a training.

    `every` so many epochs, whatever the recipe's `evaluate_every` says; null leaves it to the recipe. In
    `bfloat16`, which is about twice as fast on CPUs that compute in it, or in `float32`; `auto` is
    bfloat16 on such CPUs. The accuracies that tables print are always measured in float32.
    """

    every: Positive | None = None
    precision: EvaluationPrecision = "auto"


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


class OwnNetwork(Model):
    """A network of the user's own: the file that registers it, and what it is called in print.

    Written as the path of the file alone, it is called by its name. Instead of a file it may be a
    network of a library, `timm:<name>` or `torchvision:<name>`, whose branches `droppath` names by
    patterns where it has no DropPath modules.
    """

    file: str = Field(min_length=1)
    title: Title | None = None
    droppath: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_its_file_alone(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class Selection(Model):
    """config.yaml: what to run, and on what. None: all that the tables name.

    `own_networks` become columns of every table of layout `main` or `spread`. `own_recipes` become rows
    of every table of layout `main` or `settings`: recipes as in recipes.yaml, or null for one of there.
    `own_sources`, as in sources.yaml, become rows of every table of layout `main`.
    """

    datasets: Chosen[Name]
    sources: Chosen[Name] | None = None
    ipc: Chosen[Ipc] | None = None
    archs: Chosen[Arch] | None = None
    recipes: Chosen[RecipeName] | None = None
    own_networks: dict[Arch, OwnNetwork] = Field(default={})
    own_recipes: dict[RecipeName, dict[str, Any] | None] = Field(default={})
    own_sources: dict[Name, dict[str, Any]] = Field(default={})
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
    data_roots: Distinct[Place] = ()
    results: Place

    @field_validator("results")
    @classmethod
    def _plain(cls, results: str) -> str:
        """The rules write it into commands of a shell and into patterns of Snakemake as it is."""
        if not re.fullmatch(r"[\w./][\w./~+=@%,:-]*", results):
            raise ValueError(
                "a path of letters, digits and ._/~+=@%,:- (no blanks, it goes through a shell), which "
                "begins with a letter, a digit or one of ._/~"
            )
        return results
