"""What there is to do, and how far it is."""

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from crossarch.cli.options import (
    REPRODUCTION,
    AsJson,
    ChosenTables,
    chosen_targets,
    opened,
)
from crossarch.layout import Layout

if TYPE_CHECKING:
    from rich.console import RenderableType


def plan(
    context: typer.Context,
    table: ChosenTables = None,
    price: Annotated[
        float | None, typer.Option(min=0.0, help="Of an hour of a device, in your currency.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the distinct runs behind each table and figure, how many are left, and what they will take.

    Hours are estimated for each device that a run was measured on, here or in results/reproduction.

    Examples: `crossarch --preset config/presets/paper.yaml plan --table table2 --table table7` -
    `crossarch --preset config/presets/paper.yaml plan --price 0.4`
    """
    from rich.console import Console

    from crossarch import overview
    from crossarch.overview.cost import costs, read_measured

    configuration, layout = opened(context)
    made = overview.planned(configuration, layout, table or chosen_targets(configuration))
    files = [*layout.finished_runs(), *Layout(REPRODUCTION).finished_runs()]
    priced = costs(configuration, made.left, read_measured(files))
    if as_json:
        typer.echo(json.dumps({**made.to_json(), "costs": [one.to_json() for one in priced]}))
    else:
        Console().print(overview.plan_view(made, priced, price))


def status(
    context: typer.Context,
    table: ChosenTables = None,
    as_json: AsJson = False,
    watch: Annotated[
        float | None, typer.Option(min=0.5, help="Look again every so many seconds, until Ctrl-C.")
    ] = None,
) -> None:
    """Show which cells of the tables are done, outdated, running, failed or missing.

    Read off the files: *done* has metrics, *outdated* metrics of other settings, another set or teacher
    than today's, *failed* a log that ends in an error, *running* a log that ends in none (also a
    training that was killed outright: see how old its last line is).

    Example: `crossarch --preset config/presets/cpu.yaml status --watch 10`
    """
    from rich.console import Console
    from rich.live import Live

    from crossarch import overview

    configuration, layout = opened(context)
    names = table or chosen_targets(configuration)
    runs = overview.needed_runs(configuration, names)

    def view() -> "RenderableType":
        return overview.status_view(
            configuration, names, overview.run_statuses(configuration, layout, runs)
        )

    if as_json:
        found = overview.run_statuses(configuration, layout, runs).values()
        answer = {"counts": overview.counted(found), "runs": [one.to_json() for one in found]}
        typer.echo(json.dumps(answer))
    elif watch is None:
        Console().print(view())
    else:
        with Live(view(), auto_refresh=False) as live:
            while True:
                time.sleep(watch)
                live.update(view(), refresh=True)
