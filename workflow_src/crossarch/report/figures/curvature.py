"""Eigenvalues of the Hessian where runs ended, and the loss around the weights: Figure 8."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Page
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from pydantic import BaseModel

from crossarch.collect.runs import KEY, KEY_COLUMNS
from crossarch.collect.tidy import checked
from crossarch.config import Configuration, RunId, figure_runs, run_recipe
from crossarch.config.schema import CurvatureDrawing
from crossarch.config.validation import as_data_error, validated
from crossarch.errors import DataError
from crossarch.files import read_mapping
from crossarch.printing.style import COLOURS, plain, say_nothing
from crossarch.report.cells import COUNT, PERCENT, POSITIVE, columns
from crossarch.report.figures.kinds import FigureKind, register

EIGENVALUE, LANDSCAPE = "eigenvalue", "landscape"
CURVATURE = pa.DataFrameSchema(
    {
        **KEY_COLUMNS,
        **columns("part", str, pa.Check.isin([EIGENVALUE, LANDSCAPE])),
        **columns("rank", "Int64", COUNT, nullable=True),
        **columns("alpha1 alpha2", float, nullable=True),
        **columns("value", float),
        **columns("residual", float, POSITIVE, nullable=True),
        **columns("images", int, COUNT),
        **columns("loss tolerance", float, POSITIVE),
        **columns("products", int, COUNT),
        **columns("seconds", float, POSITIVE),
        **columns("epochs recipe_epochs", int, COUNT),
        **columns("accuracy_last", float, PERCENT),
        **columns("device", str),
    },
    strict=True,
    coerce=True,
)
LINES = ("blue", "vermillion", "green", "purple", "sky", "orange", "black", "yellow")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_HEIGHT = 3.7  # inches, of a data set
_LEVELS = 12
_VIEW = {"elev": 28, "azim": -58}


class _Settings(BaseModel):
    tolerance: float


class _Record(BaseModel):
    """What the figure takes from the record of a run's curvature."""

    run: RunId
    digest: str
    settings: _Settings
    images: int
    loss: float
    products: int
    eigenvalues: list[float]
    residuals: list[float]
    offsets: list[float]
    landscape: list[list[float]]
    seconds: float


@register("curvature")
class CurvatureFigure(FigureKind[CurvatureDrawing]):
    """For each data set the eigenvalues of all runs, and each run's landscape twice."""

    digits, schema = "%.8g", CURVATURE

    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        """A row for each eigenvalue and each point of the landscape of each run that has both.

        `files` are the records, JSON. A run that has not finished or has no record has no row. Raises
        DataError for a record that is broken or of another training than the run's metrics.
        """
        self.points()
        records = {record.run: (file, record) for file, record in map(_read, files)}
        parts = [
            part
            for run in figure_runs(self.configuration, self.name)
            if run in records
            for part in _of_run(self.configuration, *records[run], runs)
        ]
        if not parts:
            return pd.DataFrame(columns=list(CURVATURE.columns))
        return checked(
            pd.concat(parts, ignore_index=True)[list(CURVATURE.columns)], CURVATURE, self.name
        )

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        """All landscapes have the same axes and the same levels."""
        losses = table.loc[table["part"] == LANDSCAPE, "value"]
        datasets = list(table["dataset"].unique())
        page.set_figheight(_HEIGHT * max(1, len(datasets)))
        if not datasets:
            say_nothing(page.subplots(), "no run analysed yet")
            return
        rows = np.atleast_1d(np.asarray(page.subfigures(len(datasets), 1)))
        for row, dataset in zip(rows, datasets, strict=True):
            _draw_row(row, self.drawing, table[table["dataset"] == dataset], _levels(losses))
            if len(datasets) > 1:
                row.suptitle(plain(self.configuration.dataset(dataset).title))

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        labels = {recipe: label for label, recipe in self.drawing.recipes.items()}
        datasets = [
            {
                "title": self.configuration.dataset(str(dataset)).title,
                "runs": [
                    {**values.iloc[0].to_dict(), "label": labels[str(recipe)], **_range(values)}
                    for recipe, values in group.groupby("recipe", sort=False)
                ],
                "missing": [labels[name] for name in labels if name not in set(group["recipe"])],
            }
            for dataset, group in table[table["part"] == EIGENVALUE].groupby("dataset", sort=False)
        ]
        runs = table.drop_duplicates(KEY)
        return {
            "datasets": datasets,
            **{name: list(runs[name].unique()) for name in ("protocol", "seed", "ipc")},
            "negative": int((table.loc[table["part"] == EIGENVALUE, "value"] < 0).sum()),
        }


def _read(file: Path) -> tuple[Path, _Record]:
    with as_data_error():
        return file, validated(_Record, read_mapping(file), str(file))


def _of_run(
    configuration: Configuration, file: Path, record: _Record, runs: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    key = {name: getattr(record.run, name) for name in KEY}
    same = (runs[KEY] == pd.Series(key)).all(axis=1)
    if not same.any():
        return
    metrics = runs[same].iloc[0]
    if record.digest != metrics["digest"]:
        raise DataError(
            f"{file}: digest: found {record.digest}, but the run has {metrics['digest']}; rerun it by "
            f"snakemake --forcerun {file}"
        )
    known = {
        **key,
        "images": record.images,
        "loss": record.loss,
        "tolerance": record.settings.tolerance,
        "products": record.products,
        "seconds": record.seconds,
        "recipe_epochs": run_recipe(configuration, record.run).epochs,
        **{name: metrics[name] for name in ("epochs", "accuracy_last", "device")},
    }
    values = {"value": record.eigenvalues, "residual": record.residuals}
    ranks = pd.Series(range(1, len(record.eigenvalues) + 1), dtype="Int64")
    yield pd.DataFrame({"part": EIGENVALUE, "rank": ranks, **values}).assign(**known)
    alpha1, alpha2 = np.meshgrid(record.offsets, record.offsets, indexing="ij")
    grid = {"alpha1": alpha1.ravel(), "alpha2": alpha2.ravel(), "value": np.ravel(record.landscape)}
    yield pd.DataFrame({"part": LANDSCAPE, **grid}).assign(**known)


def _range(values: pd.DataFrame) -> dict[str, float]:
    """Of a run's eigenvalues their number, the first, the last and the largest relative residual."""
    worst = (values["residual"] / values["value"].abs()).max()
    ends = values["value"].iloc[0], values["value"].iloc[-1]
    return {"count": len(values), "first": ends[0], "last": ends[1], "worst": worst}


def _levels(losses: "pd.Series[float]") -> NDArray[Any]:
    """Levels of all contours: evenly spaced in the logarithm, from the least to the largest loss."""
    least = max(float(losses.min()), float(losses.max()) * 1e-6)
    return np.geomspace(least, float(losses.max()), _LEVELS)


def _draw_row(page: Any, drawing: CurvatureDrawing, table: pd.DataFrame, levels: NDArray[Any]) -> None:
    shown = {label: name for label, name in drawing.recipes.items() if name in set(table["recipe"])}
    grid = page.add_gridspec(2, 1 + len(shown), width_ratios=[1.15, *[1.0] * len(shown)])
    _draw_eigenvalues(page.add_subplot(grid[:, 0]), drawing, table)
    contours, filled = [], None
    for place, (label, recipe) in enumerate(shown.items()):
        points = table[(table["recipe"] == recipe) & (table["part"] == LANDSCAPE)]
        surface = page.add_subplot(grid[0, 1 + place], projection="3d")
        contour = page.add_subplot(grid[1, 1 + place])
        contours.append(contour)
        surface.set_title(plain(f"({'bcdefghij'[place]}) {label}"), loc="left")
        filled = _draw_landscape(surface, contour, points, levels)
    bar = page.colorbar(filled, ax=contours, label="Training cross-entropy", pad=0.02)
    bar.set_ticks(levels[::3], labels=[f"{level:.2g}" for level in levels[::3]])
    bar.minorticks_off()


def _draw_eigenvalues(axes: Axes, drawing: CurvatureDrawing, table: pd.DataFrame) -> None:
    axes.set_title("(a) Eigenvalues of the Hessian", loc="left")
    axes.set_xlabel("Rank")
    axes.set_ylabel("Magnitude of the eigenvalue")
    values = table[table["part"] == EIGENVALUE]
    for place, (label, recipe) in enumerate(drawing.recipes.items()):
        of_run = values[values["recipe"] == recipe]
        if of_run.empty:
            continue
        colour, marker = COLOURS[LINES[place % len(LINES)]], MARKERS[place % len(MARKERS)]
        ranks, magnitudes = of_run["rank"].astype(int), of_run["value"].abs()
        axes.plot(ranks, magnitudes, color=colour, marker=marker, label=plain(label))
        below = of_run["value"] < 0
        hollow = {"marker": marker, "markerfacecolor": "white", "linestyle": "", "color": colour}
        axes.plot(ranks[below], magnitudes[below], **hollow)  # type: ignore[arg-type]
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def _draw_landscape(surface: Any, contour: Axes, points: pd.DataFrame, levels: NDArray[Any]) -> Any:
    """One run's landscape twice; gives the filled contours."""
    heights = points.pivot(index="alpha1", columns="alpha2", values="value")
    first, second = np.meshgrid(heights.index, heights.columns, indexing="ij")
    losses, norm = heights.to_numpy(), LogNorm(levels[0], levels[-1])
    shown = np.clip(losses, levels[0], levels[-1])
    surface.plot_surface(
        *(first, second, np.log10(shown)),
        cmap="viridis",
        linewidth=0,
        antialiased=True,
        vmin=np.log10(levels[0]),
        vmax=np.log10(levels[-1]),
        rstride=1,
        cstride=1,
    )
    surface.set_zlim(np.log10(levels[0]), np.log10(levels[-1]))
    surface.view_init(**_VIEW)
    surface.tick_params(pad=-3, labelsize=6)
    for name, label in (("x", "α₁"), ("y", "α₂"), ("z", "log₁₀ loss")):
        getattr(surface, f"set_{name}label")(label, labelpad=-8, fontsize=6.5)
    filled = contour.contourf(first, second, shown, levels=levels, norm=norm, cmap="viridis")
    contour.contour(first, second, shown, levels=levels, norm=norm, colors="white", linewidths=0.3)
    contour.set_aspect("equal")
    contour.set_xlabel("α₁")
    contour.set_ylabel("α₂")
    contour.grid(visible=False)
    return filled
