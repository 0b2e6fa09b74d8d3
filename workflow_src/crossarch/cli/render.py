"""Verbs of the stage render."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossarch.cli.collect import collected_runs, whole_records
from crossarch.cli.options import (
    AsJson,
    Every,
    at_most_one,
    opened,
    tell_files,
    unknown_name,
)
from crossarch.config import (
    Configuration,
    needs_runs,
    parse_set,
    renderable_figures,
)
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout
from crossarch.progress import working

if TYPE_CHECKING:
    import pandas as pd

REPORT = "report"


def render(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(help="A table, a figure, `report`, or a distilled set: SOURCE/DATASET/ipcN."),
    ],
    every: Every = False,
    runs: Annotated[
        Path | None, typer.Option(help="Tidy CSV of runs; default: what was collected for it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a table (CSV, Markdown, LaTeX), a figure (CSV, PDF, SVG, PNG, caption) or the HTML report.

    Of what has been collected for it, or of `--every` finished run that was made with today's settings;
    the report of those is written with its figures and the scorecard, otherwise it shows what there is.
    Of a set that was distilled here it is the curve: accuracy against steps (CSV, PDF, SVG, PNG).

    Examples: `crossarch render table2 --every --preset config/presets/cpu.yaml`,
    `crossarch render figure1 --every`, `crossarch render own-frepo/digits/ipc1`
    """
    configuration, layout = opened(context)
    with working(f"Rendering {name}"):
        layout, runs = _of_runs(configuration, layout, every, runs)
        files = _shown_in_report(configuration, layout, runs) if every and name == REPORT else []
        files += _render(configuration, layout, name, runs)
    tell_files(files, as_json)


def _render(configuration: Configuration, layout: Layout, name: str, runs: Path | None) -> list[Path]:
    """Write what `render` is about; gives the files."""
    from crossarch.report import render_table
    from crossarch.report.figures import draw_distillation, render_figure
    from crossarch.report.page import render_page

    if name in configuration.tables:
        metrics = _metrics(configuration, layout, name, runs)
        return render_table(configuration, name, metrics, layout.tables)
    if name in configuration.figures:
        metrics = _metrics(configuration, layout, name, runs)
        return render_figure(configuration, name, metrics, layout.figures, layout)
    if name == REPORT:
        return [render_page(configuration, _metrics(configuration, layout, "runs", runs), layout)]
    if distilled := parse_set(name):
        return draw_distillation(configuration, layout, distilled)
    raise ConfigError(unknown_name(configuration, name, REPORT))


def _shown_in_report(configuration: Configuration, layout: Layout, runs: Path | None) -> list[Path]:
    """Write what the HTML report shows besides its cells, of the same runs; gives the files."""
    from crossarch.report import render_scorecard

    drawn = (
        file
        for name in renderable_figures(configuration)
        for file in _render(configuration, layout, name, runs)
    )
    metrics = _metrics(configuration, layout, "runs", runs)
    return [*drawn, *render_scorecard(configuration, metrics, layout)]


def _metrics(
    configuration: Configuration, layout: Layout, collection: str, runs: Path | None
) -> "pd.DataFrame":
    """The table of runs that is named, or what was collected; none for what shows none."""
    from crossarch.collect import collect_runs, read_runs

    table, figure = configuration.tables.get(collection), configuration.figures.get(collection)
    if (table and table.layout == "settings") or (figure and not needs_runs(figure)):
        return collect_runs([])
    path = runs or layout.metrics(collection)
    if runs is None and not path.exists():
        raise DataError(
            f"{path}: no such file; first: crossarch collect {collection}; or `--every`: of the runs "
            "that have ended"
        )
    return read_runs(path)


def _of_runs(
    configuration: Configuration, layout: Layout, every: bool, runs: Path | None
) -> tuple[Layout, Path | None]:
    """Where what is rendered lies, and the table of its runs if it is not what was collected."""
    from crossarch.collect import write_runs

    at_most_one({"--every": every, "--runs": runs})
    if not every:
        return layout, runs
    files, _ = whole_records(layout.finished_runs())
    collected, _ = collected_runs(configuration, files)
    path = layout.partial.metrics("runs")
    write_runs(collected, path)
    return layout.partial, path


def scorecard(
    context: typer.Context,
    every: Every = False,
    runs: Annotated[
        Path | None, typer.Option(help="Tidy CSV of runs; default: that of all that were collected.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put every number of the paper beside ours, and tell which of its claims hold.

    Examples: `crossarch scorecard --preset config/presets/cpu.yaml`, `crossarch scorecard --every`
    """
    from crossarch.report import render_scorecard

    configuration, layout = opened(context)
    layout, runs = _of_runs(configuration, layout, every, runs)
    metrics = _metrics(configuration, layout, "runs", runs)
    tell_files(render_scorecard(configuration, metrics, layout), as_json)


def reproduction(
    context: typer.Context,
    readme: Annotated[Path, typer.Option(help="Page that tells how far the reproduction is.")] = Path(
        "README.md"
    ),
    runs: Annotated[
        Path | None, typer.Option(help="Tidy CSV of runs; default: that of all that are kept.")
    ] = None,
) -> None:
    """Write the page about the measured results that are kept, and the paragraph of the README.

    Example: `crossarch reproduction --preset config/presets/reproduction.yaml`
    """
    from crossarch.collect import read_runs
    from crossarch.report.reproduction import render_reproduction

    configuration, layout = opened(context)
    metrics = read_runs(runs or layout.metrics("runs"))
    for path in render_reproduction(configuration, metrics, layout, readme):
        typer.echo(path)
