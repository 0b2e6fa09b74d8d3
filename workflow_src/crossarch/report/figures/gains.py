"""What a recipe gains on each network, beside what the paper prints: the headline in one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page

from crossarch.collect.tidy import DECIMALS, checked
from crossarch.config.schema import Gains
from crossarch.printing.style import COLOURS, GREY, plain, say_nothing
from crossarch.report.cells import (
    COUNT,
    PERCENT,
    columns,
    measured_cells,
    number_columns,
    run_columns,
)
from crossarch.report.facts import facts
from crossarch.report.figures.kinds import FigureKind, register
from crossarch.report.tables import paper_accuracies

CELLS = pa.DataFrameSchema(
    {
        **columns("dataset source", str),
        **columns("ipc", int, COUNT),
        **columns("arch recipe protocol accuracy", str),
        **number_columns(),
        **columns("paper", float, PERCENT, nullable=True),
        **run_columns(),
    },
    unique=["dataset", "source", "ipc", "arch", "recipe"],
    strict=True,
    coerce=True,
)
_LOOKS = {"mean": ("measured here", COLOURS["vermillion"]), "paper": ("in the paper", GREY)}
SET = ["dataset", "source", "ipc"]
_ROW, _TITLE, _MARGIN = 0.32, 0.65, 0.45  # inches
_COLUMNS = 3
_APART = 0.17  # of a row, between ours and the paper's


@register("gains")
class GainFigure(FigureKind[Gains]):
    """A panel for each distilled set, a row for each network on which both recipes were measured."""

    schema = CELLS

    def table(self, runs: pd.DataFrame, files: Sequence[Path]) -> pd.DataFrame:
        """A row for each set, network and recipe, as `measured_cells`, with the paper's number."""
        cells = measured_cells(self.configuration, [one.run for one in self.points()], runs)
        paper = paper_accuracies(self.configuration)
        keys = cells[[*SET, "recipe", "arch"]].itertuples(index=False, name=None)
        cells["paper"] = [paper.get(tuple(key)) for key in keys]
        return checked(cells[list(CELLS.columns)].round(DECIMALS), CELLS, self.name)

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        """All panels have one scale; a dashed line is the baseline of the network of the set."""
        measured = table[table["n"] > 0]
        panels = [
            (key, group) for key, group in measured.groupby(SET, sort=False) if networks_of_both(group)
        ]
        if not panels:
            say_nothing(page.subplots())
            return
        rows = -(-len(panels) // _COLUMNS)
        networks = max(len(networks_of_both(group)) for _, group in panels)
        page.set_figheight((_ROW * networks + _TITLE) * rows + _MARGIN)
        grid = page.subplots(rows, min(_COLUMNS, len(panels)), sharex=True, squeeze=False).flat
        for axes, ((dataset, source, ipc), group) in zip(grid, panels, strict=False):
            settings = self.configuration.source(str(source))
            self._draw_panel(axes, group, settings.arch)
            title = f"{settings.title}, IPC {ipc}"
            if measured["dataset"].nunique() > 1:
                title = f"{self.configuration.dataset(str(dataset)).title}, {title}"
            axes.set_title(plain(title))
            axes.set_xlabel("Test accuracy (%)")
            axes.xaxis.set_tick_params(labelbottom=True)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        entries = (axes.get_legend_handles_labels() for axes in grid)
        legend = {label: one for pair in entries for one, label in zip(*pair, strict=True)}
        page.legend(list(legend.values()), list(legend), loc="outside lower center", ncols=3)

    def _draw_panel(self, axes: Axes, group: pd.DataFrame, own: str) -> None:
        networks, recipes = networks_of_both(group), (self.drawing.before, self.drawing.after)
        titles = [self.configuration.recipe_book.title(name) for name in recipes]
        for shift, (column, (where, colour)) in zip((-_APART, _APART), _LOOKS.items(), strict=True):
            values = group.pivot(index="arch", columns="recipe", values=column)
            before, after = (values[name].reindex(networks) for name in recipes)
            places = [place + shift for place in range(len(networks))]
            axes.hlines(places, before, after, color=colour, linewidth=1.4)
            axes.plot(before, places, "o", color=colour, mfc="white", label=f"{titles[0]}, {where}")
            axes.plot(after, places, "o", color=colour, label=f"{titles[1]}, {where}")
            level = values[recipes[0]].get(own)
            if level is not None and level == level:
                label = plain(f"{self.configuration.arch_title(own)}, {titles[0]}, {where}")
                axes.axvline(level, color=colour, linewidth=0.9, linestyle="--", label=label)
        names = [plain(self.configuration.arch_title(arch)) for arch in networks]
        axes.set_yticks(range(len(networks)), names)
        axes.set_ylim(len(networks) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")

    def is_empty(self, cells: pd.DataFrame) -> bool:
        measured = cells[cells["n"] > 0]
        return not any(networks_of_both(group) for _, group in measured.groupby(SET))

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        groups = table.groupby("dataset", sort=False)
        recipes = (self.drawing.before, self.drawing.after)
        return {
            "datasets": [{**facts(self.configuration, one), "of": len(one)} for _, one in groups],
            "titles": [self.configuration.recipe_book.title(name) for name in recipes],
        }


def networks_of_both(group: pd.DataFrame) -> list[str]:
    """The networks that both recipes were measured on, in the order of the table."""
    counts = group.groupby("arch", sort=False)["recipe"].nunique()
    return [str(arch) for arch in counts.index[counts == 2]]
