"""Verbs of the stage analyse: measure one run, summarise several."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import Device, SlotsPerGpu, Threads, json_object, opened, tell_files
from crossarch.errors import ConfigError

analyse = typer.Typer(
    no_args_is_help=True,
    help="""Look behind the accuracies of finished runs; config/analyses.yaml lists the analyses.

    Rules call it; by hand name what you want to Snakemake: `snakemake --cores 2 whitening`.
    """,
)
Name = Annotated[str, typer.Argument(help="As in config/analyses.yaml.")]


@analyse.command("measure")
def measure_run(
    context: typer.Context,
    analysis: Name,
    files: Annotated[
        list[str], typer.Argument(metavar="NAME=FILE...", help="metrics=..., and its `inputs`.")
    ],
    output: Annotated[Path, typer.Option(help="Record to write, JSON.")],
    settings: Annotated[str, typer.Option(help="Its `settings`, as JSON.")] = "{}",
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = 1,
    threads: Threads = 1,
) -> None:
    """Measure what lies behind the accuracy of one finished run.

    Example: `snakemake --cores 1 results/analysis/curvature/cifar10/frepo/ipc1/alexnet/full/seed0.json`
    """
    from crossarch.analysis.measure import measure

    configuration, _ = opened(context)
    inputs, options = configuration.analysis(analysis).inputs, json_object(settings, "--settings")
    if not inputs:
        raise ConfigError(f"analyse {analysis}: has nothing to measure; snakemake {analysis}")
    given = defaultdict[str, list[Path]](list)
    for each in files:
        name, _, path = each.partition("=")
        given[name].append(Path(path))
    needed = ("metrics", *inputs)
    if set(given) != set(needed):
        raise ConfigError(
            f"analyse {analysis}: found files named {', '.join(given)}, expected {', '.join(needed)}"
        )
    how = {"device": device, "slots_per_gpu": slots_per_gpu, "threads": threads}
    measure(analysis, given, options, output, **how)  # type: ignore[arg-type]


@analyse.command("summarise")
def summarise_runs(
    context: typer.Context,
    analysis: Name,
    runs: Annotated[Path, typer.Option(help="Tidy CSV of runs.")],
    records: Annotated[Path, typer.Option(help="Folder of records; those of the runs count.")],
    output: Annotated[Path, typer.Option(help="CSV to write; page and figure are written beside it.")],
) -> None:
    """Write the table, the figure and the page of an analysis of several runs.

    Example: `snakemake --cores 2 selection --configfile config/presets/cpu.yaml`
    """
    from crossarch.analysis.summary import write_summary
    from crossarch.collect import read_runs

    configuration, _ = opened(context)
    found = sorted(records.rglob("seed*.json"))
    tell_files(write_summary(configuration, analysis, read_runs(runs), found, output), as_json=False)
