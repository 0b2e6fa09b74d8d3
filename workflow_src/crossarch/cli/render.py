"""The verb of the stage render."""

from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import AsJson, opened, tell_files, unknown_name
from crossarch.config import needs_runs, parse_set
from crossarch.errors import ConfigError
from crossarch.progress import working

PAGES = ("scorecard", "report", "reproduction")


def render(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="A table, a figure, `scorecard`, `report` (the HTML page), `reproduction` (the page "
            "about the published runs), or a set that was distilled here: SOURCE/DATASET/ipcN."
        ),
    ],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="What it is made of besides runs: records of the curvature or of the distillation; for "
            "`report` figures with their captions, the scorecard's CSVs and audit.csv."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(),
    runs: Annotated[Path | None, typer.Option(help="Tidy CSV of runs, as collected.")] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Folder of runs, for the learning curves of `report`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a table (CSV, Markdown, LaTeX), a figure (CSV, PDF, SVG, PNG, caption) or a page.

    It reads the files that it is given, and no others. Of all runs that have finished:

    `crossarch collect --every --output runs.csv`, then
    `crossarch render table2 --runs runs.csv --output tables`
    """
    from crossarch.collect import collect_runs, read_runs
    from crossarch.report.figures import draw_distillation, render_figure
    from crossarch.report.page import render_page
    from crossarch.report.printed_tables import render_table
    from crossarch.report.reproduction import render_reproduction
    from crossarch.report.scorecard_page import render_scorecard

    configuration, _ = opened(context)
    table, figure = configuration.tables.get(name), configuration.figures.get(name)
    target, given = parse_set(name), files or []
    if not (table or figure or target or name in PAGES):
        raise ConfigError(unknown_name(configuration, name, *PAGES))
    of_runs = table.layout != "settings" if table else needs_runs(figure) if figure else not target
    if of_runs and runs is None:
        raise ConfigError(f"render {name}: found no --runs, expected the CSV of its runs")
    if target and len(given) != 1:
        raise ConfigError(f"render {name}: found {len(given)} files, expected the distillation's record")
    collected = read_runs(runs) if runs else collect_runs([])
    with working(f"Rendering {name}"):
        if table:
            made = render_table(configuration, name, collected, output)
        elif figure:
            made = render_figure(configuration, name, collected, output, given)
        elif target:
            made = draw_distillation(configuration, target, given[0], output)
        elif name == "scorecard":
            made = render_scorecard(configuration, collected, output)
        elif name == "report":
            made = [render_page(configuration, collected, output / "index.html", given, metrics)]
        else:
            made = [render_reproduction(configuration, collected, output / "README.md")]
    tell_files(made, as_json)
