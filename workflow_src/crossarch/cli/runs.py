"""The verb that reads a finished run."""

import json
from typing import Annotated

import typer

from crossarch.cli.options import (
    AsJson,
    opened,
)

FinishedRun = Annotated[
    str,
    typer.Argument(help="Path of a finished run as under results/runs, or its folder."),
]


def show(
    context: typer.Context,
    run: FinishedRun,
    as_json: AsJson = False,
) -> None:
    """Show a finished run: accuracies, settings, cost, where it comes from.

    Also what its recipe changes of the one that it is based on, what the paper prints for the cell, and
    whether today's configuration would train it anew.

    Example: `crossarch --results results/reproduction show cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0`
    """
    from rich.console import Console

    from crossarch.overview import run_view, shown

    configuration, layout = opened(context)
    found = shown.read_shown(shown.find_metrics(layout, run))
    judged = shown.judge(configuration, found)
    if as_json:
        typer.echo(json.dumps(run_view.run_json(found, judged)))
    else:
        Console().print(run_view.run_view(configuration, found, judged))
