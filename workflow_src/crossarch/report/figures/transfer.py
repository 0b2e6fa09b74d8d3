"""Which method's sets transfer: accuracy on a set's own network against that on the other networks."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Page

from crossarch.printing.style import COLOURS, GREY, plain, say_nothing
from crossarch.report.cells import of_own_network
from crossarch.report.figures.gains import SET, GainFigure, networks_of_both
from crossarch.report.figures.kinds import register

_HEIGHT = 3.3  # inches
_ROOM = 3.0  # points of accuracy around what is drawn


@register("transfer")
class TransferFigure(GainFigure):
    """A panel for each IPC, an arrow for each set: from the recipe `before` to the recipe `after`.

    Sideways: the set's own network; upwards: the mean over those others that both recipes were measured
    on. On the dashed line a network that the set was not made for is as good as its own.
    """

    def draw(self, table: pd.DataFrame, page: Page) -> None:
        arrows = self.arrows(table)
        if arrows.empty:
            say_nothing(page.subplots())
            return
        page.set_figheight(_HEIGHT)
        panels = list(arrows.groupby(["dataset", "ipc"], sort=False))
        grid = page.subplots(1, len(panels), squeeze=False).flat
        for axes, ((dataset, ipc), group) in zip(grid, panels, strict=True):
            title = self.configuration.dataset(str(dataset)).title
            axes.set_title(plain(f"{title}, IPC {ipc}"), loc="left")
            axes.set_xlabel("Test accuracy on the set's own network (%)")
            self._draw_arrows(axes, group)
        grid[0].set_ylabel("Mean test accuracy on the other networks (%)")

    def is_empty(self, cells: pd.DataFrame) -> bool:
        return self.arrows(cells).empty

    def arrows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Of each set the ends of its arrow, in percent, and how many other networks a mean is of.

        A set whose own network, or all of whose others, were not measured with both recipes has no row.
        """
        rows = []
        for key, group in table[table["n"] > 0].groupby(SET, sort=False):
            own = group[of_own_network(self.configuration, group)].set_index("recipe")["mean"]
            others = group[group["arch"].isin(networks_of_both(group))]
            others = others[~of_own_network(self.configuration, others)]
            means = others.groupby("recipe")["mean"].mean()
            after = self.drawing.own or self.drawing.after
            if self.drawing.before in own and after in own and not others.empty:
                ends = {"x": own[self.drawing.before], "y": means[self.drawing.before]}
                ends |= {"x_after": own[after], "y_after": means[self.drawing.after]}
                rows.append({**dict(zip(SET, key, strict=True)), **ends, "others": len(others) // 2})
        return pd.DataFrame(rows)

    def _draw_arrows(self, axes: Axes, arrows: pd.DataFrame) -> None:
        ends = arrows[["x", "x_after", "y", "y_after"]]
        low, high = ends.min().min() - _ROOM, ends.max().max() + _ROOM
        axes.plot([low, high], [low, high], color=GREY, linewidth=0.8, linestyle="--")
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        colours = dict(zip(self.drawn_sources(), _COLOURS * 10, strict=False))
        for one in arrows.to_dict("records"):
            colour = COLOURS[colours[one["source"]]]
            before, after = (one["x"], one["y"]), (one["x_after"], one["y_after"])
            style: dict[str, Any] = {
                "arrowstyle": "-|>",
                "color": colour,
                "shrinkA": 3,
                "shrinkB": 3,
                "linewidth": 1.0,
            }
            axes.annotate("", after, before, arrowprops=style)
            axes.plot(*before, "o", color=colour, mfc="white")
            axes.plot(*after, "o", color=colour)
            title = plain(self.configuration.source(one["source"]).title)
            name = axes.annotate(title, after, (5, 3), textcoords="offset points")
            name.set(color=colour, fontsize=6.5)

    def drawn_sources(self) -> list[str]:
        """The sources of the figure's tables, in order: each has one colour in all panels."""
        tables = map(self.configuration.table, self.drawing.tables)
        return list(dict.fromkeys(source for table in tables for source in table.sources))

    def words(self, table: pd.DataFrame) -> dict[str, Any]:
        told = [
            {"title": self.configuration.source(one["source"]).title, **one}
            for one in self.arrows(table).to_dict("records")
        ]
        own = self.configuration.recipe_book.title(self.drawing.own or self.drawing.after)
        return {**super().words(table), "arrows": told, "own": own}


_COLOURS = ["vermillion", "blue", "green", "purple", "orange", "sky", "black"]
