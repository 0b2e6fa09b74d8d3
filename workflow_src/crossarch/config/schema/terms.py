"""Words and numbers that several files of `config/` have in common."""

from collections.abc import Hashable
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from crossarch.config.files import expanded
from crossarch.config.model import Int, number

T = TypeVar("T", bound=Hashable)


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise ValueError(f"each value once ({twice[0]!r} stands there twice)")
    return values


# A path; `~` is the user's home.
Place = Annotated[str, Field(min_length=1), AfterValidator(expanded)]
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
# What targets and collections are called, so that no table or figure can be.
RESERVED = (
    *("fetch", "images", "whitener", "test_set", "distilled", "drawn", "audit_set", "audit"),
    *("distil", "distillation_curve", "distillations", "train", "collect", "runs", "tables"),
    *("analyse_curvature", "analyse_tests", "analyse_teachers", "analyse_runs", "analysis", *SUMMARISED),
    *("render_table", "render_settings", "render_figure", "scorecard", "report_page", "report"),
    *("reproduction", "all"),
)
ARCH_TITLES = {
    "cnn": "3-layer CNN",
    "resnet18": "ResNet18",
    "alexnet": "AlexNet",
    "vgg11": "VGG11",
    "resnet50": "ResNet50",
}
ARCHS = tuple(ARCH_TITLES)
BASELINE = "baseline"  # the recipe that gaps are measured from, on the source's own network
