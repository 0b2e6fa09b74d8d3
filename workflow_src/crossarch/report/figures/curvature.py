"""Eigenvalues of the Hessian where runs ended, and the loss around the weights: Figure 8."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from crossarch.config import Configuration
from crossarch.config.schema import CurvatureDrawing, Figure
from crossarch.printing.style import COLOURS, canvas, plain, save, say_nothing, watermark
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.report.figures.curvature_table import EIGENVALUE, LANDSCAPE, read_curvature

LINES = ("blue", "vermillion", "green", "purple", "sky", "orange", "black", "yellow")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_HEIGHT = 3.7  # inches, of a data set
_LEVELS = 12
_VIEW = {"elev": 28, "azim": -58}


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
                row.suptitle(plain(configuration.dataset(dataset).title))
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
        surface.set_title(plain(f"({'bcdefghij'[place]}) {label}"), loc="left")
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
        axes.plot(ranks, magnitudes, color=colour, marker=marker, label=plain(label))
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
    say_nothing(axes, "no run analysed yet")
    axes.set_xticks([])
    axes.set_yticks([])
