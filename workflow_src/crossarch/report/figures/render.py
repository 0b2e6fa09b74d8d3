"""A figure of the paper as files: the CSV, then PDF, SVG and PNG from that CSV, and the caption."""

from pathlib import Path

import pandas as pd

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration, schedule_recipe
from crossarch.config.schema import Accuracies, CurvatureDrawing, ScheduleCurve
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.style import FORMATS
from crossarch.report.figures.accuracy import draw_accuracies
from crossarch.report.figures.caption import caption, caption_file
from crossarch.report.figures.curvature import draw_curvature
from crossarch.report.figures.curvature_table import curvature_table
from crossarch.report.figures.diagram import draw_diagram, write_diagram
from crossarch.report.figures.points import points
from crossarch.report.figures.schedules import draw_schedule, write_schedule

__all__ = ["FORMATS", "draw_csv", "render_figure"]

SIGNIFICANT = "%.8g"  # digits of an eigenvalue or a loss


def render_figure(
    configuration: Configuration,
    name: str,
    runs: pd.DataFrame,
    directory: Path,
    layout: Layout | None = None,
) -> list[Path]:
    """Write `<name>.csv`, `.md`, `.pdf`, `.svg` and `.png` to `directory`; gives these files.

    `runs` is the table of `collect_runs`; a figure without runs (a schedule, a diagram) looks at none
    of it. Records of curvature lie under `layout`, by default under results/. Raises ConfigError if
    there is no such figure or it names what does not exist.
    """
    figure = configuration.figure(name)
    drawing, recipe = figure.drawing, schedule_recipe(configuration, figure)
    csv = directory / f"{name}.csv"
    if isinstance(drawing, Accuracies):
        write_tidy(points(configuration, name, runs), csv)
    elif isinstance(drawing, CurvatureDrawing):
        table = curvature_table(configuration, name, runs, layout or Layout())
        write_text(csv, table.to_csv(index=False, lineterminator="\n", float_format=SIGNIFICANT))
    elif isinstance(drawing, ScheduleCurve) and recipe:
        write_schedule(recipe, drawing, csv)
    else:
        write_diagram(csv)
    return [csv, *draw_csv(configuration, name, csv)]


def draw_csv(configuration: Configuration, name: str, csv: Path) -> list[Path]:
    """Draw figure `name` beside its CSV and from it alone, with its caption; gives the files.

    The configuration has only the words and the looks: titles, labels, colours.
    """
    figure = configuration.figure(name)
    if isinstance(figure.drawing, Accuracies):
        files = draw_accuracies(configuration, figure, csv)
    elif isinstance(figure.drawing, CurvatureDrawing):
        files = draw_curvature(configuration, figure, csv)
    elif isinstance(figure.drawing, ScheduleCurve):
        files = draw_schedule(figure, csv)
    else:
        files = draw_diagram(figure, csv)
    words = csv.with_suffix(".md")
    write_text(words, caption_file(name, figure, caption(configuration, name, csv)))
    return [words, *files]
