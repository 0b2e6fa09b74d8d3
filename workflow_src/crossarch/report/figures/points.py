"""The points of a figure, worked out from the runs: one tidy row a point, measured or not."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import DECIMALS, checked, read_tidy
from crossarch.config import Configuration, FigurePoint, figure_points, run_recipe, trained_as
from crossarch.errors import ConfigError
from crossarch.report.seeds import CELL_KEY, NUMBERS, TOLD, over_seeds

POINTS = pa.DataFrameSchema(
    {
        "panel": pa.Column(str),
        "line": pa.Column(str),
        "x": pa.Column(float, nullable=True),
        "dataset": pa.Column(str),
        "source": pa.Column(str),
        "ipc": pa.Column(int, pa.Check.ge(1)),
        "arch": pa.Column(str),
        "recipe": pa.Column(str),
        "protocol": pa.Column(str),
        "accuracy": pa.Column(str, pa.Check.isin(["best", "last"])),
        **NUMBERS,
        **TOLD,
    },
    unique=["dataset", "panel", "line", "x"],
    strict=True,
    coerce=True,
)


def points(configuration: Configuration, name: str, runs: pd.DataFrame) -> pd.DataFrame:
    """All points of the figure `name`, one row each, in drawing order.

    `runs` is the table of `collect_runs`; of it count the runs with the selection's protocol and
    seeds. Accuracies are in percent: `mean` and sample standard deviation `std` (none below two
    seeds) over `n` seeds; `n` is 0 and both are missing where nothing was measured. `x` is missing
    for a reference, a level across the panel. Raises ConfigError as `selected_points`.
    """
    selection = configuration.selection
    planned = pd.DataFrame([_row(configuration, each) for each in selected_points(configuration, name)])
    chosen = runs[runs["seed"].isin(selection.seeds)]
    measured = over_seeds(chosen, f"accuracy_{selection.accuracy}")
    found = planned.merge(measured, on=CELL_KEY, how="left")
    frame = found.assign(n=found["n"].fillna(0), accuracy=selection.accuracy)
    return checked(frame[list(POINTS.columns)].round(DECIMALS), POINTS, "points")


def selected_points(configuration: Configuration, name: str) -> list[FigurePoint]:
    """The points of the figure `name`, at least one.

    Raises ConfigError as `figure_points` does, and if no data set that the figure can be measured on is
    selected.
    """
    selected = figure_points(configuration, name)
    if not selected:
        chosen = ", ".join(configuration.selection.datasets)
        raise ConfigError(
            f"{configuration.directory}/config.yaml: datasets: found {chosen}, but {name} is not of them"
        )
    return selected


def read_points(path: Path) -> pd.DataFrame:
    """Read the CSV of a figure back; DataError with one line if it is not one."""
    return read_tidy(path, POINTS)


def _row(configuration: Configuration, point: FigurePoint) -> dict[str, object]:
    run = trained_as(configuration, point.run)
    recipe = run_recipe(configuration, run)
    return {
        "panel": point.panel,
        "line": point.line,
        "x": point.x,
        **{name: getattr(run, name) for name in CELL_KEY},
        "recipe_epochs": recipe.epochs,
    }
