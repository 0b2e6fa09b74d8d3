"""Words and numbers that several files of `config/` have in common."""

import re
import unicodedata
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from crossarch.config.files import expanded
from crossarch.config.model import Int, number

T = TypeVar("T", bound=Hashable)
V = TypeVar("V")


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise ValueError(f"each value once ({twice[0]!r} stands there twice)")
    return values


# What a title is made of besides ASCII: what figures have outlines of, and LaTeX commands for.
GREEK = "αβγδεζηθικλμνξοπρςστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
SIGNS = "–—‘’“”…§©°±×÷·→←↔↑↓⇒≤≥≠≈≡∞∂∇∈∪∩∑∏µ²³"
LETTERS = "ßæœøłıÆŒØŁ"
MARKS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327"  # of à to ç


def _in_a_title(character: str) -> bool:
    if " " <= character <= "~" or character in GREEK + SIGNS + LETTERS:
        return True
    parts = unicodedata.normalize("NFD", character)
    return len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in MARKS


def _titled(text: str) -> str:
    """`text`, which can be in every table and figure; else ValueError."""
    if not text.strip():
        raise ValueError("at least one character that is no blank")
    for character in text:
        if not _in_a_title(character):
            allowed = f"Latin and Greek letters, digits, signs of ASCII and {SIGNS}"
            raise ValueError(f"one line of {allowed} (not {character!a})")
    return text


def _titled_keys(mapping: Mapping[str, V]) -> Mapping[str, V]:
    for key in mapping:
        try:
            _titled(key)
        except ValueError as error:
            raise ValueError(f"found {key!r}, allowed: {error}") from None
    return mapping


# What is printed in tables and figures, in Markdown, LaTeX and HTML alike.
Title = Annotated[str, AfterValidator(_titled)]
TitleKeys = AfterValidator(_titled_keys)
# A path; `~` is the user's home.
Place = Annotated[str, Field(min_length=1), AfterValidator(lambda path: str(expanded(path)))]
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
WHITENINGS = ("none", "standardise", "standardise-mtt", "zca-kornia", "zca-frepo", "zca-kip")
_NUMBER = r"_[0-9]+(?:\.[0-9]+)?"
CUSTOM_WHITENING = rf"constants(?:{_NUMBER}{_NUMBER})+"


def _whitening_name(value: Any) -> Any:
    """`constants_<means>_<deviations>` of custom constants; a name as it is, if it is one."""
    if isinstance(value, Mapping):
        mean, std = value.get("mean"), value.get("std")
        numbers = (
            [*mean, *std] if isinstance(mean, list | tuple) and isinstance(std, list | tuple) else []
        )
        if set(value) != {"mean", "std"} or not numbers or len(mean) != len(std):  # type: ignore[arg-type]
            raise ValueError("{mean: [...], std: [...]}, one number for each channel")
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers) or (
            min(numbers) < 0 or round(min(std), 6) <= 0  # type: ignore[arg-type]
        ):
            raise ValueError("means from 0 and standard deviations above 0, of pixels in [0, 1]")
        written = (f"{float(number):.6f}".rstrip("0").rstrip(".") for number in numbers)
        return "_".join(["constants", *written])
    if value not in WHITENINGS and not (
        isinstance(value, str) and re.fullmatch(CUSTOM_WHITENING, value)
    ):
        raise ValueError(f"{', '.join(WHITENINGS)}, or {{mean: [...], std: [...]}}")
    return value


_NUMBERS = {"type": "array", "items": {"type": "number"}}
Whitening = Annotated[
    str,
    BeforeValidator(_whitening_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(WHITENINGS)},
                {
                    "type": "object",
                    "properties": {"mean": _NUMBERS, "std": _NUMBERS},
                    "required": ["mean", "std"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
Protocol = Literal["paper", "released", "released_as_is", "demo"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
# What targets and collections are called, so that no table, figure or analysis can be.
RESERVED = (
    *("fetch", "real_set", "images", "whitener", "test_set", "distilled", "drawn", "audit_set", "audit"),
    *("distil", "distillation_curve", "distillations", "train", "collect", "runs", "tables"),
    *("analyse_run", "analyse", "analysis"),
    *("render_table", "render_settings", "render_figure", "scorecard", "report_page", "report"),
    *("collect_published", "render_published_table", "published_scorecard", "published_page"),
    *("render_published_figure", "analyse_published", "reproduction_readme", "reproduction", "all"),
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
