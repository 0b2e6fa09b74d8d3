"""Verbs that read finished runs."""

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
    """Show a finished run: accuracies and curves, settings, cost, where it comes from.

    Also what its recipe changes of the one that it is based on, what the paper prints for the cell, and
    whether today's configuration would train it anew.

    Example: `crossarch show cifar10/frepo/ipc1/alexnet/full/seed0 --results results/reproduction`
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


def compare(
    context: typer.Context,
    first: FinishedRun,
    second: FinishedRun,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two finished runs: settings, accuracies, curves.

    Warns where they are not like with like: other bytes of the distilled set, another test set or
    whitening, another teacher.

    Example: `crossarch compare cifar10/frepo/ipc1/alexnet/{baseline,full}/seed0 --results
    results/reproduction`
    """
    from rich.console import Console

    from crossarch.overview import compare as comparing
    from crossarch.overview import run_view, shown

    _, layout = opened(context)
    one, other = (shown.read_shown(shown.find_metrics(layout, run)) for run in (first, second))
    compared = comparing.compare(one, other)
    if as_json:
        typer.echo(json.dumps(run_view.comparison_json(one, other, compared)))
    else:
        Console().print(run_view.comparison_view(one, other, compared))
