"""Keep rate and learning rate over the epochs: Figures 5 and 6."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from matplotlib.figure import Figure as Page

from crossarch.config import schedule_recipe
from crossarch.config.schema import ScheduleCurve
from crossarch.printing.style import COLOURS
from crossarch.report.cells import POSITIVE, columns
from crossarch.report.figures.kinds import FigureKind, register

TITLES = {"keep_rate": "Keep rate p", "lr": "Learning rate"}
_HEIGHT = 2.1  # inches


@register("schedule")
class ScheduleFigure(FigureKind[ScheduleCurve]):
    """One row for each epoch (from 0) of a recipe: `epoch` and `keep_rate` or `lr`."""

    digits = "%.10g"

    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        recipe = schedule_recipe(self.configuration, self.figure)
        assert recipe is not None
        quantity = self.drawing.quantity
        value = {"keep_rate": recipe.keep_rate_in, "lr": recipe.learning_rate_in}[quantity]
        epochs = range(recipe.epochs)
        return pd.DataFrame({"epoch": epochs, quantity: map(value, epochs)})

    @property
    def schema(self) -> pa.DataFrameSchema:
        quantity = columns(self.drawing.quantity, float, POSITIVE)
        epoch = {"epoch": pa.Column(int, POSITIVE, unique=True)}
        return pa.DataFrameSchema({**epoch, **quantity}, strict=True, coerce=True)

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        quantity = self.drawing.quantity
        page.set_figheight(_HEIGHT)
        axes = page.subplots()
        axes.plot(table["epoch"], table[quantity], color=COLOURS["blue"], drawstyle="steps-post")
        axes.set(xlabel="Epoch", ylabel=TITLES[quantity], xlim=(0, len(table)))
        axes.set_ylim(0, None if quantity == "lr" else 1.05)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3), useMathText=True)

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        return {"protocol": self.configuration.selection.protocol}
