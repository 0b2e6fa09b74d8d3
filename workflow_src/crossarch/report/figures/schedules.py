"""Keep rate and learning rate over the epochs: Figures 5 and 6."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import read_tidy
from crossarch.config.schema import Figure, Recipe, ScheduleCurve
from crossarch.files import write_text
from crossarch.printing.style import COLOURS, canvas, save

TITLES = {"keep_rate": "Keep rate p", "lr": "Learning rate"}
_HEIGHT = 2.1  # inches
_SIGNIFICANT = "%.10g"


def write_schedule(recipe: Recipe, curve: ScheduleCurve, csv: Path) -> None:
    """Write one row for each epoch (from 0) of `recipe`: `epoch` and `keep_rate` or `lr`."""
    value = {
        "keep_rate": recipe.keep_rate_in,
        "lr": recipe.learning_rate_in,
    }[curve.quantity]
    epochs = range(recipe.epochs)
    frame = pd.DataFrame({"epoch": epochs, curve.quantity: map(value, epochs)})
    write_text(csv, frame.to_csv(index=False, lineterminator="\n", float_format=_SIGNIFICANT))


def draw_schedule(figure: Figure, csv: Path) -> list[Path]:
    """Draw the curve from its CSV; gives the files."""
    assert isinstance(figure.drawing, ScheduleCurve)
    quantity = figure.drawing.quantity
    curve = read_tidy(csv, _curve_schema(quantity))
    with canvas(figure.columns, _HEIGHT) as page:
        axes = page.subplots()
        axes.plot(curve["epoch"], curve[quantity], color=COLOURS["blue"], drawstyle="steps-post")
        axes.set_xlabel("Epoch")
        axes.set_ylabel(TITLES[quantity])
        axes.set_xlim(0, len(curve))
        axes.set_ylim(0, None if quantity == "lr" else 1.05)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3), useMathText=True)
        return save(page, csv.with_suffix(""))


def _curve_schema(quantity: str) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            "epoch": pa.Column(int, pa.Check.ge(0), unique=True),
            quantity: pa.Column(float, pa.Check.ge(0)),
        },
        strict=True,
        coerce=True,
    )
