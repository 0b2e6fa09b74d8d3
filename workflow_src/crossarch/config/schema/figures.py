"""figures.yaml: the figures of the paper."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crossarch.config.model import Model
from crossarch.config.schema.terms import (
    Arch,
    Chosen,
    Distinct,
    Float,
    Ipc,
    Name,
    Positive,
    RecipeName,
    Title,
    TitleKeys,
)

Colour = Literal["black", "orange", "sky", "green", "yellow", "blue", "vermillion", "purple"]


class Line(Model):
    """A line of a panel: a network trained with `recipe` at each IPC, or with `recipes` by x."""

    label: Title
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

    title: Title
    scale: Literal["linear", "log"] = "linear"
    whole: Positive | None = None


class Panel(Model):
    """Lines over one x axis; `references` are drawn across it as levels."""

    title: Title
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
    recipes: Annotated[dict[str, RecipeName], TitleKeys] = Field(min_length=1)


class Gains(Model):
    """What the recipe `after` gains over `before` on each network and set of these tables.

    `own` is what the network that a set was distilled with has instead of `after`.
    """

    name: Literal["gains", "transfer"]
    tables: Chosen[Name]
    before: RecipeName
    after: RecipeName
    own: RecipeName | None = None


class Diagram(Model):
    """A drawing that does not depend on any run."""

    name: Literal["diagram"]


Drawing = Annotated[
    Accuracies | ScheduleCurve | CurvatureDrawing | Gains | Diagram, Field(discriminator="name")
]


class Figure(Model):
    """A figure of the paper; `columns` of print are 3.4 (one) or 7 inches (two) wide."""

    title: Title
    caption: str
    columns: Literal[1, 2]
    drawing: Drawing
