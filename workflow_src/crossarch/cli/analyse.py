"""Verbs of the stage analyse: measure one run, summarise several."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import Device, SlotsPerGpu, Threads, json_object, opened, tell_files
from crossarch.errors import ConfigError

Name = Annotated[str, typer.Argument(help="As in config/analyses.yaml.")]


def analyse(
    context: typer.Context,
    analysis: Name,
    files: Annotated[
        list[str],
        typer.Argument(metavar="NAME=FILE...", help="metrics=..., and what analyses.yaml lists."),
    ],
    output: Annotated[Path, typer.Option(help="Record to write, JSON.")],
    settings: Annotated[str, typer.Option(help="What else decides it, as JSON.")] = "{}",
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = None,
    threads: Threads = 1,
) -> None:
    """Measure what lies behind the accuracy of one finished run, as its rule does.

    By hand: `snakemake --cores 1 results/analysis/curvature/cifar10/frepo/ipc1/resnet18/full/seed0.json`.
    """
    from crossarch.analysis.measure import measure

    configuration, _ = opened(context)
    entry = configuration.analysis(analysis)
    given = defaultdict[str, list[Path]](list)
    for each in files:
        name, _, path = each.partition("=")
        given[name].append(Path(path))
    if set(given) != {"metrics", *entry.inputs}:
        raise ConfigError(
            f"analyse {analysis}: found files for {', '.join(given)}, expected for "
            f"{', '.join(('metrics', *entry.inputs))}"
        )
    measure(
        analysis,
        given,
        json_object(settings, "--settings"),
        output,
        device=device,
        slots_per_gpu=slots_per_gpu or configuration.selection.slots_per_gpu,
        threads=threads,
    )


def summarise(
    context: typer.Context,
    analysis: Name,
    runs: Annotated[Path, typer.Option(help="Tidy CSV of runs.")],
    output: Annotated[Path, typer.Option(help="CSV to write; page and figure are written beside it.")],
    records: Annotated[
        Path | None, typer.Option(help="Folder of records; those of the runs count.")
    ] = None,
) -> None:
    """Write the table, the figure and the page of an analysis of several runs.

    Example: `crossarch --preset config/presets/reproduction.yaml summarise selection
    --runs results/reproduction/metrics/runs.csv --output selection.csv`
    """
    from crossarch.analysis.summary import write_summary
    from crossarch.collect import read_runs

    configuration, _ = opened(context)
    found = sorted(records.rglob("seed*.json")) if records else []
    tell_files(write_summary(configuration, analysis, read_runs(runs), found, output), as_json=False)
