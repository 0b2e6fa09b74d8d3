"""Curvature where runs ended: eigenvalues of the Hessian and the loss around the weights (Figure 8)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from crossarch.analysis.record import CurvatureRecord, read_record
from crossarch.analysis.stale import other_training
from crossarch.collect.runs import KEY, KEY_COLUMNS
from crossarch.collect.tidy import checked, read_tidy
from crossarch.config import Configuration, RunId, figure_points, figure_runs, run_recipe
from crossarch.config.schema import CurvatureDrawing, Figure
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout
from crossarch.printing.style import COLOURS, GREY, canvas, save, watermark
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.printing.words import listed, plural

EIGENVALUE, LANDSCAPE = "eigenvalue", "landscape"
LINES = ("blue", "vermillion", "green", "purple", "sky", "orange", "black", "yellow")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
NOTHING = "no run analysed yet"
_AMOUNT, _COUNT = pa.Check.ge(0), pa.Check.ge(1)
CURVATURE = pa.DataFrameSchema(
    {
        **KEY_COLUMNS,
        "part": pa.Column(str, pa.Check.isin([EIGENVALUE, LANDSCAPE])),
        "rank": pa.Column("Int64", _COUNT, nullable=True),
        "alpha1": pa.Column(float, nullable=True),
        "alpha2": pa.Column(float, nullable=True),
        "value": pa.Column(float),
        "residual": pa.Column(float, _AMOUNT, nullable=True),
        "images": pa.Column(int, _COUNT),
        "loss": pa.Column(float, _AMOUNT),
        "tolerance": pa.Column(float, _AMOUNT),
        "products": pa.Column(int, _COUNT),
        "seconds": pa.Column(float, _AMOUNT),
        "epochs": pa.Column(int, _COUNT),
        "recipe_epochs": pa.Column(int, _COUNT),
        "accuracy_last": pa.Column(float, pa.Check.in_range(0, 100)),
        "device": pa.Column(str),
    },
    strict=True,
    coerce=True,
)
_LANDSCAPE = pa.DataFrameSchema(
    {name: pa.Column(float) for name in ("alpha1", "alpha2", "loss")}, strict=True, coerce=True
)
_HEIGHT = 3.7  # inches, of a data set
_LEVELS = 12
_VIEW = {"elev": 28, "azim": -58}


def curvature_table(
    configuration: Configuration, name: str, runs: pd.DataFrame, layout: Layout
) -> pd.DataFrame:
    """A row for each eigenvalue and each point of the landscape of the runs of figure `name`.

    `runs` is the table of `collect_runs`; records lie under `layout`. A run that has not ended or was
    not analysed has no row. Raises ConfigError as `figure_points` does, and if no data set that the
    figure is about is selected; DataError for a record that is broken or of another training.
    """
    if not figure_points(configuration, name):
        chosen = ", ".join(configuration.selection.datasets)
        raise ConfigError(
            f"{configuration.directory}/config.yaml: datasets: found {chosen}, but {name} is not of them"
        )
    parts = [
        part
        for run in figure_runs(configuration, name)
        for part in _of_run(configuration, run, runs, layout)
    ]
    if not parts:
        return pd.DataFrame(columns=list(CURVATURE.columns))
    return checked(pd.concat(parts, ignore_index=True)[list(CURVATURE.columns)], CURVATURE, name)


def read_curvature(csv: Path) -> pd.DataFrame:
    """Read the CSV of such a figure back; DataError with one line if it is not one."""
    return read_tidy(csv, CURVATURE)


def _of_run(
    configuration: Configuration, run: RunId, runs: pd.DataFrame, layout: Layout
) -> Iterator[pd.DataFrame]:
    file = layout.analysis_record("curvature", run)
    same = (runs[KEY] == pd.Series({name: getattr(run, name) for name in KEY})).all(axis=1)
    if not (file.exists() and same.any()):
        return
    record, metrics = read_record(CurvatureRecord, file), runs[same].iloc[0]
    if reason := other_training("curvature", run, record.digest, metrics["digest"]):
        raise DataError(f"{file}: {reason}")
    recipe = run_recipe(configuration, run)
    facts = {
        **{column: getattr(run, column) for column in KEY},
        "images": record.images,
        "loss": record.loss,
        "tolerance": record.settings.tolerance,
        "products": record.products,
        "seconds": record.seconds.eigenvalues + record.seconds.landscape,
        "epochs": metrics["epochs"],
        "recipe_epochs": recipe.epochs,
        "accuracy_last": metrics["accuracy_last"],
        "device": metrics["device"],
    }
    yield pd.DataFrame(
        {
            "part": EIGENVALUE,
            "rank": pd.Series(range(1, len(record.eigenvalues) + 1), dtype="Int64"),
            "alpha1": np.nan,
            "alpha2": np.nan,
            "value": record.eigenvalues,
            "residual": record.residuals,
        }
    ).assign(**facts)
    grid = read_tidy(layout.landscape(run), _LANDSCAPE)
    yield pd.DataFrame(
        {
            "part": LANDSCAPE,
            "rank": pd.Series([pd.NA] * len(grid), dtype="Int64"),
            "alpha1": grid["alpha1"],
            "alpha2": grid["alpha2"],
            "value": grid["loss"],
            "residual": np.nan,
        }
    ).assign(**facts)


# --- drawing -----------------------------------------------------------------------------------------


def draw_curvature(configuration: Configuration, figure: Figure, csv: Path) -> list[Path]:
    """Draw the figure from its CSV: for each data set the eigenvalues, and each run's landscape.

    All landscapes of the figure have the same axes and the same levels. Gives the files.
    """
    drawing = figure.drawing
    assert isinstance(drawing, CurvatureDrawing)
    table = read_curvature(csv)
    losses = table.loc[table["part"] == LANDSCAPE, "value"]
    datasets = list(table["dataset"].unique()) or [drawing.dataset]
    with canvas(figure.columns, _HEIGHT * len(datasets)) as page:
        rows = np.atleast_1d(np.asarray(page.subfigures(len(datasets), 1)))
        for row, dataset in zip(rows, datasets, strict=True):
            of_dataset = table[table["dataset"] == dataset]
            _draw_row(row, drawing, of_dataset, _levels(losses))
            if len(datasets) > 1:
                row.suptitle(configuration.dataset(dataset).title)
        if any_synthetic(table["device"]):
            watermark(page, NOTICE)
        return save(page, csv.with_suffix(""))


def _levels(losses: "pd.Series[float]") -> NDArray[Any]:
    """Levels of all contours: evenly spaced in the logarithm, from the least to the largest loss."""
    if losses.empty:
        return np.empty(0)
    least = max(float(losses.min()), float(losses.max()) * 1e-6)
    return np.geomspace(least, float(losses.max()), _LEVELS)


def _draw_row(page: Any, drawing: CurvatureDrawing, table: pd.DataFrame, levels: NDArray[Any]) -> None:
    labels = list(drawing.recipes)
    grid = page.add_gridspec(2, 1 + len(labels), width_ratios=[1.15, *[1.0] * len(labels)])
    _draw_eigenvalues(page.add_subplot(grid[:, 0]), drawing, table)
    contours, filled = [], None
    for place, (label, recipe) in enumerate(drawing.recipes.items()):
        points = table[(table["recipe"] == recipe) & (table["part"] == LANDSCAPE)]
        surface = page.add_subplot(grid[0, 1 + place], projection="3d")
        contour = page.add_subplot(grid[1, 1 + place])
        contours.append(contour)
        surface.set_title(f"({'bcdefghij'[place]}) {label}", loc="left")
        if points.empty:
            surface.set_axis_off()
            _say_nothing(contour)
            continue
        filled = _draw_landscape(surface, contour, points, levels)
    if filled is not None:
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
        axes.plot(ranks, magnitudes, color=colour, marker=marker, label=label)
        below = of_run["value"] < 0
        axes.plot(
            *(ranks[below], magnitudes[below]),
            color=colour,
            marker=marker,
            markerfacecolor="white",
            linestyle="",
        )
    if values.empty:
        _say_nothing(axes)
        return
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


def _say_nothing(axes: Axes) -> None:
    look = {"ha": "center", "va": "center", "color": GREY, "fontstyle": "italic"}
    axes.text(0.5, 0.5, NOTHING, look, transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


# --- caption -----------------------------------------------------------------------------------------


def curvature_sentences(
    configuration: Configuration, drawing: CurvatureDrawing, table: pd.DataFrame
) -> Iterator[str]:
    """What was measured, and how, as sentences for the caption; all of it is read off the table."""
    negative = int((table.loc[table["part"] == EIGENVALUE, "value"] < 0).sum())
    named = {recipe: label for label, recipe in drawing.recipes.items()}
    if table.empty:
        yield "No run analysed yet."
        return
    runs = table.drop_duplicates(KEY)
    if any_synthetic(runs["device"]):
        yield f"{NOTICE}. These numbers were made up to try out the figure."
    few = int(runs["ipc"].iloc[0])
    yield f"Measured with {plural(few, 'image')} per class (the paper: {drawing.ipc[0]})."
    yield (
        "The loss is that of all distilled images, not augmented, with the run's own targets, the "
        "network in evaluation mode: no DropPath, batch norms with their running statistics. Weights "
        "are those after the last epoch."
    )
    if negative:
        yield f"Hollow markers: negative eigenvalues, {negative} in all."
    yield f"Protocol: {listed(runs['protocol'].unique())}. Seed: {listed(runs['seed'].unique())}."
    for dataset, group in runs.groupby("dataset", sort=False):
        title = configuration.measured_title(str(dataset))
        yield f"Teachers were chosen and accuracies measured on {title}."
        for _, run in group.iterrows():
            values = table[(table[KEY] == run[KEY]).all(axis=1) & (table["part"] == EIGENVALUE)]
            yield _of_one(named[str(run["recipe"])], run, values)
        missing = [label for recipe, label in named.items() if recipe not in set(group["recipe"])]
        if missing:
            yield f"Not analysed and left out: {listed(missing)}."


def _of_one(label: str, run: "pd.Series[Any]", values: pd.DataFrame) -> str:
    """What is known of one run's curvature."""
    first, last = values["value"].iloc[0], values["value"].iloc[-1]
    worst = (values["residual"] / values["value"].abs()).max()
    epochs = f"{run['epochs']} epochs" + (
        "" if run["epochs"] == run["recipe_epochs"] else f" instead of {run['recipe_epochs']}"
    )
    return (
        f"{label}: {epochs}, test accuracy {run['accuracy_last']:.1f}%, training cross-entropy "
        f"{run['loss']:.4g} on {run['images']} images, {len(values)} eigenvalues from {first:.3g} to "
        f"{last:.3g}, each with a residual of at most {worst:.1e} of it ({run['products']} "
        f"Hessian-vector products, {run['seconds']:.0f} s with the landscape)."
    )
