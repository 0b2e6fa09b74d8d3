"""Which runs a figure is made of, and where in the figure each of them stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase

from crossarch.config.choice import first_run, has_training_set, selected
from crossarch.config.configuration import Configuration
from crossarch.config.resolve import applies, trained_as
from crossarch.config.runs import RunId
from crossarch.config.schema import (
    Accuracies,
    CurvatureDrawing,
    Figure,
    Gains,
    Line,
    Panel,
    Recipe,
    ScheduleCurve,
)


@dataclass(frozen=True)
class FigurePoint:
    """One point of a figure: a run with the first seed, for those with all seeds.

    `x` is None for a reference, which is drawn across the whole panel, and for a run whose curvature is
    shown: it stands for itself alone.
    """

    panel: str
    line: str
    x: float | None
    run: RunId


def figure_points(configuration: Configuration, name: str) -> list[FigurePoint]:
    """Every point of a figure that makes sense, for each selected data set, in drawing order.

    A figure without runs (a schedule, a diagram) has none, nor has one for which no data set that it
    can be measured on is selected.
    """
    drawing = configuration.figure(name).drawing
    if isinstance(drawing, CurvatureDrawing):
        return list(_curvature_points(configuration, drawing))
    if isinstance(drawing, Gains):
        return list(_gain_points(configuration, drawing))
    if not isinstance(drawing, Accuracies):
        return []
    return [
        point
        for dataset in configuration.selection.datasets
        for panel in figure_panels(configuration, drawing, dataset)
        for point in _panel_points(configuration, panel, dataset)
        if applies(configuration, point.run)
    ]


def figure_panels(configuration: Configuration, drawing: Accuracies, dataset: str) -> list[Panel]:
    """The panels of a drawing for a data set, with lines of the user's own networks behind its own."""
    own = tuple(
        Line(
            label=f"{configuration.arch_title(arch)}, {configuration.recipe_book.title(recipe)}",
            arch=arch,
            recipe=recipe,
            dash="dashed" if place == 0 and len(drawing.own_networks) > 1 else "solid",
        )
        for arch in configuration.network_files
        for place, recipe in enumerate(drawing.own_networks)
    )
    panels = _measurable_panels(configuration, drawing, dataset)
    return [panel.model_copy(update={"lines": panel.lines + own}) for panel in panels]


def _measurable_panels(
    configuration: Configuration, drawing: Accuracies, dataset: str
) -> tuple[Panel, ...]:
    """The panels of a figure that can be measured on a data set: its own for what it is about.

    For a data set that no figure is about: the lines of its first panel, over the chosen IPC, once for
    each chosen source that has sets for it. A figure of something else than IPC has none then.
    """
    if dataset == drawing.dataset:
        return drawing.panels
    first = drawing.panels[0]
    over_ipc = not first.x.whole and not first.references and all(line.recipe for line in first.lines)
    if not (configuration.is_outside_paper(dataset) and over_ipc):
        return ()
    return tuple(
        first.model_copy(update={"title": f"({letter}) {title}", "source": name, "ipc": tuple(ipcs)})
        for letter, name in zip(ascii_lowercase, configuration.chosen_sources(dataset), strict=False)
        if (ipcs := configuration.chosen_ipcs(dataset, name))
        and (title := configuration.source(name).title)
    )


def figure_runs(configuration: Configuration, name: str) -> list[RunId]:
    """The runs of a figure that the configuration selects, each once; teachers not included.

    A point whose training set sources.yaml does not have is left out. Curvature is shown of one seed.
    """
    seeds = configuration.selection.seeds
    if isinstance(configuration.figure(name).drawing, CurvatureDrawing):
        seeds = seeds[:1]
    runs = dict.fromkeys(
        trained_as(configuration, point.run).model_copy(update={"seed": seed})
        for point in figure_points(configuration, name)
        if selected(configuration, point.run) and has_training_set(configuration, point.run)
        for seed in seeds
    )
    return list(runs)


def schedule_recipe(configuration: Configuration, figure: Figure) -> Recipe | None:
    """The recipe whose schedule a figure shows, under the selected protocol; None for other figures."""
    curve = figure.drawing
    if not isinstance(curve, ScheduleCurve):
        return None
    protocol = configuration.selection.protocol
    return configuration.recipe_book.recipe(
        curve.recipe, protocol, ipc=curve.ipc, arch=curve.arch, source=curve.source
    )


def renderable_figures(configuration: Configuration) -> list[str]:
    """The chosen figures that need no run, and those of which at least one run is left."""
    return [
        name
        for name in configuration.selection.figures
        if not needs_runs(configuration.figure(name)) or figure_runs(configuration, name)
    ]


def drawn_recipes(figure: Figure) -> set[str]:
    """The recipes that a figure shows accuracies or the curvature of."""
    match figure.drawing:
        case CurvatureDrawing(recipes=recipes):
            return set(recipes.values())
        case Gains(before=before, after=after, own=own):
            return {before, after, own or after}
        case Accuracies(panels=panels):
            lines = [line for panel in panels for line in (*panel.lines, *panel.references)]
            return {
                name
                for line in lines
                for name in (line.recipe, *line.recipes.values())
                if name is not None
            }
    return set()


def needs_runs(figure: Figure) -> bool:
    """Whether a figure shows runs at all."""
    return isinstance(figure.drawing, Accuracies | CurvatureDrawing | Gains)


def shows_curvature(figure: Figure) -> bool:
    """Whether a figure shows the curvature where runs ended."""
    return isinstance(figure.drawing, CurvatureDrawing)


def _curvature_points(configuration: Configuration, drawing: CurvatureDrawing) -> Iterator[FigurePoint]:
    """The runs whose curvature is shown, for each selected data set that the figure is about."""
    selection = configuration.selection
    known = configuration.source(drawing.source).ipcs(drawing.dataset)
    chosen = [ipc for ipc in drawing.ipc if selection.ipc is None or ipc in selection.ipc]
    ipc = next((each for each in chosen if each in known), drawing.ipc[0])
    for dataset in selection.datasets:
        if dataset != drawing.dataset:
            continue
        for label, recipe in drawing.recipes.items():
            run = first_run(configuration, dataset, drawing.source, ipc, drawing.arch, recipe)
            if applies(configuration, run):
                yield FigurePoint(configuration.dataset(dataset).title, label, None, run)


def _gain_points(configuration: Configuration, drawing: Gains) -> Iterator[FigurePoint]:
    """The two recipes on each network and set of the tables, for their data sets that are selected."""
    for table in map(configuration.table, drawing.tables):
        if table.dataset not in configuration.selection.datasets:
            continue
        archs = dict.fromkeys([*table.archs, *configuration.network_files])
        for source, ipc, arch in product(table.sources, table.ipc, archs):
            is_own = arch == configuration.source(source).arch
            for recipe in (drawing.before, drawing.own if drawing.own and is_own else drawing.after):
                run = first_run(configuration, str(table.dataset), source, ipc, arch, recipe)
                if applies(configuration, run):
                    yield FigurePoint(f"{source}, IPC {ipc}", recipe, None, run)


def _panel_points(configuration: Configuration, panel: Panel, dataset: str) -> Iterator[FigurePoint]:
    def point(line: Line, x: float | None, ipc: int, recipe: str) -> FigurePoint:
        run = first_run(configuration, dataset, panel.source, ipc, line.arch, recipe)
        return FigurePoint(panel.title, line.label, x, run)

    for line in panel.lines:
        for x, recipe in sorted(line.recipes.items()):
            yield point(line, x, panel.ipc[0], recipe)
        if line.recipe:
            for ipc in sorted(panel.ipc):
                yield point(line, ipc / (panel.x.whole or 1), ipc, line.recipe)
    for line in panel.references:
        if line.recipe:
            yield point(line, None, panel.ipc[0], line.recipe)
