"""The caption that lies beside a figure: the paper's words, then what was measured and on what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.collect.runs import KEY
from crossarch.config import Configuration, figure_panels
from crossarch.config.schema import Accuracies, CurvatureDrawing, Figure, ScheduleCurve
from crossarch.printing.numbers import LIST_SEPARATOR
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.printing.words import listed, plural
from crossarch.report.figures.curvature_table import EIGENVALUE, read_curvature
from crossarch.report.figures.points import read_points
from crossarch.report.measured import accuracies_told, seeds_told, trained_on_told

MADE_UP = f"{NOTICE}. These numbers were made up to try out the figure."


def caption(configuration: Configuration, name: str, csv: Path) -> str:
    """The caption of figure `name` as one paragraph of plain text.

    `csv` is what the figure is drawn from; everything said about runs is read off it.
    """
    figure = configuration.figure(name)
    sentences = [figure.caption]
    if isinstance(figure.drawing, Accuracies):
        points = read_points(csv)
        sentences = list(_of_accuracies(configuration, figure, figure.drawing, points))
        for dataset, group in points.groupby("dataset", sort=False):
            sentences += _of_dataset(configuration, str(dataset), group)
    elif isinstance(figure.drawing, CurvatureDrawing):
        sentences += _of_curvature(configuration, figure.drawing, read_curvature(csv))
    elif isinstance(figure.drawing, ScheduleCurve):
        curve, protocol = figure.drawing, configuration.selection.protocol
        sentences.append(f"Recipe: {curve.recipe}, protocol: {protocol}.")
    return " ".join(sentences)


def caption_file(name: str, figure: Figure, text: str) -> str:
    """The caption as Markdown, with the figure above it."""
    number = name.removeprefix("figure")
    return f"# Figure {number}: {figure.title}\n\n![{figure.title}]({name}.png)\n\n{text}\n"


def _of_accuracies(
    configuration: Configuration, figure: Figure, drawing: Accuracies, points: pd.DataFrame
) -> Iterator[str]:
    """What the figure shows: its own words for its own data set; they tell of no others' sets."""
    besides = points["dataset"].map(configuration.is_besides)
    if not besides.all():
        yield figure.caption
    for dataset, group in points[besides].groupby("dataset", sort=False):
        title = configuration.dataset(str(dataset)).title
        yield (
            f"Test accuracies on {title} over the number of images per class (IPC), of models trained "
            f"on {trained_on_told(configuration, group)}."
        )
        yield from _dashes(configuration, drawing, str(dataset))
        yield "DropPath and distillation do not apply to the network that a set was distilled with."


def _dashes(configuration: Configuration, drawing: Accuracies, dataset: str) -> Iterator[str]:
    """`Dashed: Baseline.`: for each kind of line the recipes that are drawn so."""
    recipes: dict[str, dict[str, None]] = {}
    for panel in figure_panels(configuration, drawing, dataset):
        for line in panel.lines:
            if line.recipe:
                title = configuration.recipe_book.title(line.recipe)
                recipes.setdefault(line.dash, {})[title] = None
    yield from (f"{dash.capitalize()}: {listed(titles)}." for dash, titles in recipes.items())


def _of_dataset(configuration: Configuration, dataset: str, points: pd.DataFrame) -> Iterator[str]:
    where = configuration.dataset(dataset).title
    measured = points[points["n"] > 0]
    if measured.empty:
        yield f"No run measured yet on {where}."
        return
    synthetic = any_synthetic(measured["device"])
    if synthetic:
        yield MADE_UP
    yield f"Made up for {where}." if synthetic else f"Measured on {where}."
    yield f"Protocol: {listed(points['protocol'].unique())}."
    several = measured["n"].max() > 1
    spread = " (mean, error bars of one sample standard deviation)" if several else ""
    yield f"{len(measured)} of {len(points)} points shown, {seeds_told(measured)} each{spread}."
    if len(measured) < len(points):
        yield f"Not run and left out: {'; '.join(_left_out(points))}."
    yield accuracies_told(measured)
    yield f"Epochs: {'; '.join(_epochs(configuration, measured))}."


def _left_out(points: pd.DataFrame) -> Iterator[str]:
    """For each panel, the x at which the same lines are missing."""
    for panel, group in points.groupby("panel", sort=False):
        if not group["n"].any():
            yield f"all of {panel}"
            continue
        missing: dict[str, list[str]] = {}
        for x in group["x"].unique():
            rows = group[group["x"].isna() if pd.isna(x) else group["x"] == x]
            lines = rows.loc[rows["n"] == 0, "line"]
            if lines.empty:
                continue
            named = "every line" if len(lines) == len(rows) else listed(f"“{line}”" for line in lines)
            missing.setdefault(named, []).append("any x" if pd.isna(x) else f"{x:g}")
        yield from (f"{panel} at {listed(where)}: {named}" for named, where in missing.items())


def _epochs(configuration: Configuration, measured: pd.DataFrame) -> Iterator[str]:
    """`1000 (Baseline)`, and what the recipe asks for where a run had another number."""
    each = measured.assign(epochs=measured["epochs"].str.split(LIST_SEPARATOR)).explode("epochs")
    for (epochs, asked), rows in each.groupby(["epochs", "recipe_epochs"], sort=False):
        titles = listed(map(configuration.recipe_book.title, rows["recipe"].unique()))
        yield f"{epochs}{_instead(epochs, asked)} ({titles})"


def _instead(epochs: object, asked: object) -> str:
    """What to say behind a number of epochs where the recipe asks for another."""
    return "" if str(epochs) == str(asked) else f" instead of {asked}"


def _of_curvature(
    configuration: Configuration, drawing: CurvatureDrawing, table: pd.DataFrame
) -> Iterator[str]:
    negative = int((table.loc[table["part"] == EIGENVALUE, "value"] < 0).sum())
    named = {recipe: label for label, recipe in drawing.recipes.items()}
    if table.empty:
        yield "No run analysed yet."
        return
    runs = table.drop_duplicates(KEY)
    if any_synthetic(runs["device"]):
        yield MADE_UP
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
        title = configuration.dataset(str(dataset)).title
        yield f"Teachers were chosen and accuracies measured on {title}."
        for _, run in group.iterrows():
            values = table[(table[KEY] == run[KEY]).all(axis=1) & (table["part"] == EIGENVALUE)]
            yield _of_one_run(named[str(run["recipe"])], run, values)
        missing = [label for recipe, label in named.items() if recipe not in set(group["recipe"])]
        if missing:
            yield f"Not analysed and left out: {listed(missing)}."


def _of_one_run(label: str, run: "pd.Series[Any]", values: pd.DataFrame) -> str:
    """What is known of one run's curvature."""
    first, last = values["value"].iloc[0], values["value"].iloc[-1]
    worst = (values["residual"] / values["value"].abs()).max()
    instead = _instead(run["epochs"], run["recipe_epochs"])
    return (
        f"{label}: {run['epochs']} epochs{instead}, test accuracy {run['accuracy_last']:.1f}%, training "
        f"cross-entropy {run['loss']:.4g} on {run['images']} images, {len(values)} eigenvalues from "
        f"{first:.3g} to {last:.3g}, each with a residual of at most {worst:.1e} of it "
        f"({run['products']} Hessian-vector products, {run['seconds']:.0f} s with the landscape)."
    )
