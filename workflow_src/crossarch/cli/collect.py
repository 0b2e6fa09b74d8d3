"""Verbs of the stage collect, and of what is kept of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossarch.cli.options import (
    REPRODUCTION,
    AsJson,
    Every,
    opened,
    tell_files,
    tell_outdated,
)
from crossarch.config import Configuration, parse_run
from crossarch.config.analyses import runs_to_collect
from crossarch.errors import DataError
from crossarch.files import mapping_at, read_mapping, sha256_of, write_text

if TYPE_CHECKING:
    import pandas as pd


def collect(
    context: typer.Context,
    collection: Annotated[
        str,
        typer.Argument(
            help="A table, figure or analysis; tables: all chosen ones; runs: these and the figures."
        ),
    ] = "runs",
    every: Every = False,
    output: Annotated[Path | None, typer.Option(help="CSV to write; default: in the results.")] = None,
    as_json: AsJson = False,
) -> None:
    """Gather the metrics of finished runs into one tidy CSV.

    A run that would be made otherwise today (settings, set or teacher) is refused; with `--every` it is
    left out, and named.

    Examples: `crossarch --preset config/presets/cpu.yaml collect table2`, `crossarch collect --every`
    """
    from crossarch.collect import collect_runs, write_runs

    configuration, layout = opened(context)
    left_out: dict[Path, str] = {}
    if every:
        files, damaged = whole_records(layout.finished_runs())
        collected, old = collected_runs(configuration, files)
        layout, left_out = layout.partial, damaged | old
    else:
        files = [layout.run_metrics(run) for run in runs_to_collect(configuration, collection)]
        _refuse_gaps(files)
        _refuse_outdated(configuration, files)
        collected = collect_runs(files)
    path = output or layout.metrics(collection)
    write_runs(collected, path)
    tell_files([path], as_json, left_out={str(file): reason for file, reason in left_out.items()})


def _refuse_gaps(files: Sequence[Path]) -> None:
    missing = [file for file in files if not file.exists()]
    if missing:
        raise DataError(
            f"{missing[0]}: no such file: {len(missing)} of {len(files)} runs have not ended; "
            "`--every` takes those that have"
        )


def _refuse_outdated(configuration: Configuration, files: Sequence[Path]) -> None:
    """Snakemake knows what it trained itself with; of a run trained by hand it knows nothing."""
    from crossarch.collect.current import outdated_runs

    for file, reason in (old := outdated_runs(configuration, files)).items():
        raise DataError(
            f"{file}: {reason}; {len(old)} of {len(files)} runs would be made otherwise today; again: "
            f"snakemake --forcerun {file}; `--every` leaves them out"
        )


def whole_records(files: Iterable[Path]) -> tuple[list[Path], dict[Path, str]]:
    """Those metrics that can be read; the damaged ones and what is wrong with them, also told."""
    whole, damaged = list[Path](), dict[Path, str]()
    for file in files:
        try:
            read_mapping(file)
        except DataError as error:
            damaged[file] = str(error).removeprefix(f"{file}: ")
            typer.echo(f"left out: {error}", err=True)
        else:
            whole.append(file)
    return whole, damaged


def collected_runs(
    configuration: Configuration, files: Sequence[Path]
) -> tuple["pd.DataFrame", dict[Path, str]]:
    """The table of those runs whose settings are today's; the others and why not, also told.

    Raises DataError where a run's `metrics.json` is broken.
    """
    from crossarch.collect import collect_runs

    old = tell_outdated(configuration, files)
    return collect_runs(file for file in files if file not in old), old


def publish(
    context: typer.Context,
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs; default: all finished ones."),
    ] = None,
    destination: Annotated[
        Path, typer.Option(help="Folder whose metrics are kept in git.")
    ] = REPRODUCTION,
    as_json: AsJson = False,
) -> None:
    """Copy the metrics of finished runs, and what analyses measured of them, to where they are kept.

    There is a warning about runs that would be made otherwise today.

    Example: `crossarch publish cifar10/frepo/ipc1/cnn/baseline/seed0`
    """
    from crossarch.collect import collect_runs
    from crossarch.collect.current import outdated_runs
    from crossarch.printing.synthetic import SYNTHETIC, any_synthetic

    configuration, layout = opened(context)
    files = [layout.run_metrics(parse_run(run)) for run in runs] if runs else layout.finished_runs()
    collected = collect_runs(files)  # refuses what is broken before anything is copied
    if any_synthetic(collected["device"]):
        raise DataError(f"publish: found runs on the device {SYNTHETIC!r}, allowed: measured runs")
    records = {
        record: file
        for file in files
        for record in layout.analysis_records(run=parse_run(file.as_posix()).path)
    }
    for record, file in records.items():
        inputs = mapping_at(mapping_at(read_mapping(record), "provenance"), "inputs")
        if inputs.get("metrics") != sha256_of(file):
            raise DataError(f"{record}: is of other metrics than {file}; rerun it by snakemake {record}")
    for file, reason in outdated_runs(configuration, files).items():
        typer.echo(f"warning: {file}: {reason}", err=True)
    copies = {file: destination / file.relative_to(layout.results) for file in (*files, *records)}
    for file, copy in copies.items():
        write_text(copy, file.read_text(encoding="utf-8"))
    tell_files(copies.values(), as_json)
