"""The verb of the stage analyse."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from crossarch.cli.collect import whole_records
from crossarch.cli.options import (
    AsJson,
    Device,
    SlotsPerGpu,
    Threads,
    at_most_one,
    opened,
    tell_files,
    tell_outdated,
)
from crossarch.config import Configuration, RunId, parse_run
from crossarch.config.complain import unknown
from crossarch.config.schema import ANALYSES, MEASURED, SUMMARISED, Summarised
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.progress import tracked

if TYPE_CHECKING:
    from crossarch.analysis.where import OnTask


def analyse(
    context: typer.Context,
    analysis: Annotated[
        str,
        typer.Argument(help=f"{', '.join(ANALYSES[:-1])} or {ANALYSES[-1]}."),
    ],
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Measure these finished runs alone (not selection, protocols)."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Measure nothing: only gather the records that there are.")
    ] = False,
    chosen: Annotated[
        bool,
        typer.Option("--chosen", help="Of the runs of the chosen tables, all of which must be there."),
    ] = False,
    page: Annotated[
        Path | None, typer.Option(help="Page whose marked text about the analysis is made anew.")
    ] = None,
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = 1,
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Look behind the accuracies of finished runs.

    **curvature**: eigenvalues of the Hessian of the training loss where a run ended, and the loss around
    it (Figure 8; `crossarch render figure8` draws it). **selection**: what choosing the best test is
    worth. **whitening**: what testing in another pixel space costs. **protocols**: what following the
    authors' code instead of the text changes. **agreement**: how often a student answers as its teacher.
    **softness**: how much a teacher's targets say beyond the labels. **statistics**: what the running
    statistics of batch norms cost. **teachers**: whether a training goes the way of the
    teacher that the authors published; trains again up to that teacher's epoch.

    With RUNS, which `curvature` needs, their records are made anew. Without, what is measured run by run
    is measured of every finished run that has no record of it as it is, and a table, a figure and a
    page about all of them are written. Runs that were made with other settings than today's are left
    out, and named; with `--summary` also those that were trained again after their record.

    Examples: `crossarch analyse selection --results results/reproduction` -
    `crossarch analyse curvature cifar10/frepo/ipc1/resnet18/full/seed0` -
    `crossarch analyse whitening --preset config/presets/cpu.yaml`
    """
    if analysis not in ANALYSES:
        raise ConfigError(unknown("command line", "analysis", analysis, ANALYSES))
    at_most_one({"RUNS": runs, "--page": page})
    configuration, layout = opened(context)
    named = [parse_run(run) for run in runs or ()]
    if named and (analysis not in MEASURED or summary or chosen):
        raise ConfigError(
            f"analyse: found RUNS for {analysis}, allowed: RUNS for {', '.join(MEASURED)}, without "
            "--summary and --chosen"
        )
    if not named and analysis not in SUMMARISED:
        raise ConfigError(f"analyse: found no RUN for {analysis}, allowed: one or more finished runs")
    if named:
        files = _measure(configuration, layout, analysis, named, device, slots_per_gpu, threads)
        tell_files(files, as_json)
        return
    about = _about(configuration, layout, analysis, chosen)
    if analysis in MEASURED and not summary:
        from crossarch.analysis.chosen import unmeasured

        missing = unmeasured(layout, analysis, about)
        _measure(configuration, layout, analysis, missing, device, slots_per_gpu, threads)
    if analysis in MEASURED and not chosen:
        about = _recorded(layout, analysis, about)
    # By hand Snakemake would take an empty page for its own.
    may_be_empty = bool(chosen or page)
    files, told = _summarise(
        configuration, layout, cast(Summarised, analysis), about, page, may_be_empty
    )
    tell_files(files, as_json, found=told)


def _about(configuration: Configuration, layout: Layout, analysis: str, chosen: bool) -> list[RunId]:
    """The runs of a summary: those of the chosen tables, or all that ended with today's settings."""
    from crossarch.analysis.chosen import chosen_runs, concerned

    if chosen:
        return chosen_runs(configuration, analysis)
    files, _ = whole_records(layout.finished_runs())
    old = tell_outdated(configuration, files)
    ended = [parse_run(file.as_posix()) for file in files if file not in old]
    return concerned(configuration, analysis, ended)


def _recorded(layout: Layout, analysis: str, runs: Sequence[RunId]) -> list[RunId]:
    """Those of `runs` with a record of their training; those with another's are told on stderr."""
    from crossarch.analysis.stale import stale_records

    stale = stale_records(layout, analysis, runs)
    for file, reason in stale.items():
        typer.echo(f"left out: {file}: {reason}", err=True)
    records = {run: layout.analysis_record(analysis, run) for run in runs}
    return [run for run, file in records.items() if file.exists() and file not in stale]


def _measure(
    configuration: Configuration,
    layout: Layout,
    analysis: str,
    runs: Sequence[RunId],
    device: str,
    slots_per_gpu: int | None,
    threads: int,
) -> list[Path]:
    """Make the record of each run; gives the files."""
    from crossarch.analysis.job import Job
    from crossarch.analysis.measure import measure
    from crossarch.analysis.where import Where

    slots = slots_per_gpu or configuration.selection.slots_per_gpu
    where = Where(device, slots, threads)
    for run in runs if len(runs) == 1 else tracked(runs, f"Analysing: {analysis}"):
        with _showing(run, alone=len(runs) == 1) as progress:
            measure(analysis, Job(configuration, layout, run, where, progress))
    return [layout.analysis_record(analysis, run) for run in runs]


def _summarise(
    configuration: Configuration,
    layout: Layout,
    analysis: Summarised,
    runs: Sequence[RunId],
    page: Path | None,
    may_be_empty: bool,
) -> tuple[list[Path], str]:
    """Write the table, the figure and the page; gives the files and what was found, in words."""
    from crossarch.analysis.summary import write_findings
    from crossarch.report.marked import check_marked, renew

    if page:
        check_marked(page, analysis)
    files, told = write_findings(configuration, layout, analysis, runs, may_be_empty)
    if page:
        renew(page, analysis, told)
        files.append(page)
    return files, told


@contextmanager
def _showing(run: RunId, alone: bool) -> Iterator["OnTask"]:
    """Yield what shows on stderr, where it is a terminal, how far the analysis of one run is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not (alone and console.is_terminal):
        yield lambda doing, done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[str, int] = {}

        def show(doing: str, done: int, total: int | None) -> None:
            if doing not in tasks:
                tasks[doing] = bar.add_task(f"{run.path}: {doing}", total=total)
            bar.update(tasks[doing], completed=done)  # type: ignore[arg-type]

        yield show
