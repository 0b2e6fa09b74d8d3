"""What a network costs and what a schedule does, before anything is trained."""

import csv
import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from crossarch.cli.options import (
    ArchName,
    AsJson,
    Dataset,
    IpcNumber,
    RecipeName,
    SourceName,
    opened,
    run_of,
)
from crossarch.config import NoDropPath, network_settings, run_recipe, split_recipe
from crossarch.config.schema import PROTOCOLS
from crossarch.errors import ConfigError, warn


def describe(
    context: typer.Context,
    arch: ArchName,
    source: SourceName,
    dataset: Dataset = "cifar10",
) -> None:
    """Print what a network costs, as recipe `full` builds it, as one JSON object.

    Stderr tells if a network of your own has no DropPath, which `full` has, and why `macs` is null where
    its work cannot be counted.

    Example: `crossarch describe --arch resnet18 --source frepo`
    """
    from crossarch import models

    configuration, _ = opened(context)
    run = run_of(dataset, source, 1, arch, "full")
    configuration.source(source)
    recipe = run_recipe(configuration, run)
    settings = network_settings(configuration, run.arch, source, dataset, recipe)
    try:
        found = models.describe(settings)
    except NoDropPath as error:
        warn(f"{error}; described without it")
        found = models.describe(settings.model_copy(update={"droppath": False}))
    described = asdict(found)
    if uncounted := described.pop("uncounted"):
        warn(uncounted)
    typer.echo(json.dumps(described))


def schedule(
    context: typer.Context,
    recipe: RecipeName,
    protocol: Annotated[
        str | None,
        typer.Option(help=", ".join(PROTOCOLS)),
    ] = None,
    arch: ArchName = "resnet18",
    source: SourceName = "frepo",
    ipc: IpcNumber = 1,
    as_json: AsJson = False,
) -> None:
    """Print keep rate and learning rate of each epoch as CSV, or as a JSON list of objects.

    Example: `crossarch schedule --recipe full --protocol released --arch resnet50`
    """

    configuration, _ = opened(context)
    if protocol is not None and protocol not in PROTOCOLS:
        raise ConfigError(f"--protocol: found {protocol!r}, allowed: {', '.join(PROTOCOLS)}")
    name, of_recipe = split_recipe(recipe)
    if protocol is not None and "@" in recipe and protocol != of_recipe:
        raise ConfigError(
            f"command line: found --recipe {recipe} and --protocol {protocol}, allowed: one protocol"
        )
    run = run_of("cifar10", source, ipc, arch, f"{name}@{protocol or of_recipe}")
    configuration.source(source)
    configuration.network_file(run.arch)
    settings = run_recipe(configuration, run)
    rows = [
        {
            "epoch": epoch,
            "keep_rate": settings.keep_rate_in(epoch),
            "lr": settings.learning_rate_in(epoch),
        }
        for epoch in range(settings.epochs)
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(f"{value:.10g}" for value in row.values())
