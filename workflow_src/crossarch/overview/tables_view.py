"""Plan and status in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from crossarch.config import (
    Configuration,
    RunId,
    applies,
    grid,
    table_archs,
    table_datasets,
    table_runs,
    trained_as,
)
from crossarch.config.schema import Table
from crossarch.overview.plan import Plan
from crossarch.overview.status import STATES, RunStatus, State, counted

if TYPE_CHECKING:
    from crossarch.overview.cost import Cost

LOOKS: dict[State, tuple[str, str]] = {
    "done": ("✓", "green"),
    "outdated": ("↻", "magenta"),
    "running": ("▶", "yellow"),
    "failed": ("✗", "red"),
    "missing": ("·", "dim"),
}
LISTED: tuple[State, ...] = ("outdated", "running", "failed")  # each with its message


def plan_view(plan: Plan, priced: "Sequence[Cost]", price: float | None) -> RenderableType:
    """Runs of each target and of all (`new`: that no target above needs), why one has none, and costs.

    `price` is that of an hour of a device, in any currency.
    """
    shown = Grid(title="Runs, teachers included; what is shared is trained once")
    shown.add_column("target")
    shown.add_column("title")
    for name in ("cells", "runs", "new", "done", "left"):
        shown.add_column(name, justify="right")
    for target in plan.targets:
        shown.add_row(target.name, Text(target.title), *map(str, target.counts().values()))
    total = plan.to_json()["all"]
    shown.add_section()
    counts = (total["runs"], total["runs"], total["done"], total["left"])
    shown.add_row("all", "", "", *map(str, counts))
    reasons = (Text(target.nothing) for target in plan.targets if target.nothing)
    costs = (Text(_cost(cost, len(plan.left), price)) for cost in priced)
    return Group(shown, *reasons, *costs, *map(Text, _unmeasured(plan, priced)))


def _cost(cost: "Cost", left: int, price: float | None) -> str:
    """One line on what is left: hours on a device, and what that rests on."""
    paid = "" if price is None else f", {price * cost.hours:,.2f} at {price:g} an hour"
    unknown = cost.of_other_networks
    guessed = f"; {unknown} of networks not measured there" if unknown else ""
    missing = f"; without {cost.uncounted} whose work cannot be counted" if cost.uncounted else ""
    return (
        f"{left} left on {cost.device}: {cost.hours:,.1f} hours one after the other{paid} "
        f"(from the speed of {cost.measured} measured runs{guessed}{missing})"
    )


def _unmeasured(plan: Plan, priced: "Sequence[Cost]") -> list[str]:
    """How to get the hours of a GPU, where no run was measured on one."""
    if not plan.left or any(cost.device not in ("cpu", "mps") for cost in priced):
        return []
    first = f"results/runs/{plan.left[0].path}/metrics.json"
    return [
        "No GPU was measured yet; one run on it gives its hours: "
        f"snakemake --cores 1 --config device=cuda -- {first}"
    ]


def status_view(
    configuration: Configuration, names: Sequence[str], statuses: Mapping[RunId, RunStatus]
) -> RenderableType:
    """A matrix of cells for each table and data set, then what is not well or running, then counts."""
    tables = {name: configuration.table(name) for name in names if name not in configuration.figures}
    matrices = [
        _matrix(configuration, name, table, dataset, statuses)
        for name, table in tables.items()
        for dataset in table_datasets(configuration, table)
        if any(run.dataset == dataset for run in table_runs(configuration, table))
    ]
    return Group(*matrices, *_told(statuses.values()), _counts(list(statuses.values())))


def _matrix(
    configuration: Configuration,
    name: str,
    table: Table,
    dataset: str,
    statuses: Mapping[RunId, RunStatus],
) -> Grid:
    """Rows of a set and recipe, columns of networks: how many seeds are in which state."""
    title = f"{name} on {configuration.dataset(dataset).title}"
    shown = Grid(title=Text(title, style="table.title"))
    shown.add_column("set")
    shown.add_column("recipe")
    for arch in table_archs(configuration, table):
        shown.add_column(arch, justify="center")
    cells: dict[RunId, list[RunStatus]] = {}
    for run in table_runs(configuration, table):
        first = run.model_copy(update={"seed": configuration.selection.seeds[0]})
        cells.setdefault(first, []).append(statuses[run])
    for (source, ipc), of_set in groupby(
        grid(configuration, table, dataset), key=lambda run: (run.source, run.ipc)
    ):
        for recipe, row in groupby(of_set, key=lambda run: run.recipe):
            runs = list(row)
            serving = [trained_as(configuration, run) for run in runs]
            if not any(run in cells for run in serving):
                continue
            texts = (_cell(configuration, run, cells.get(run)) for run in serving)
            shown.add_row(f"{source} ipc{ipc}", recipe, *texts)
        shown.add_section()
    return shown


def _cell(configuration: Configuration, run: RunId, seeds: list[RunStatus] | None) -> Text:
    """`3✓`, or `2✓ 1▶`; a hyphen where the recipe does not apply, nothing where it is not chosen."""
    if seeds is None:
        return Text("" if applies(configuration, run) else "-", style="dim")
    parts = [
        Text(f"{number}{LOOKS[state][0]}" if len(seeds) > 1 else LOOKS[state][0], style=LOOKS[state][1])
        for state, number in counted(seeds).items()
        if number
    ]
    return Text(" ").join(parts)


def _told(statuses: Iterable[RunStatus]) -> list[Text]:
    lines = []
    for status in statuses:
        if status.state in LISTED:
            symbol, style = LOOKS[status.state]
            told = f"{symbol} {status.file}, {_ago(status.age or 0)} ago: {status.message or 'begun'}"
            lines.append(Text(told, style=style))
    return lines


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _counts(statuses: list[RunStatus]) -> Text:
    counts = counted(statuses)
    looks = ((state, *LOOKS[state]) for state in STATES)
    parts = [Text(f"{symbol} {counts[state]} {state}", style=style) for state, symbol, style in looks]
    return Text(", ").join(parts) + Text(f"; {len(statuses)} runs, teachers included")
