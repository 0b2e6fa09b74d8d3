"""The headline in one picture: how far the recipe brings each network, beside what the paper prints."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from crossarch.config import Configuration
from crossarch.printing.style import COLOURS, GREY, canvas, plain, save

BEFORE, AFTER = "baseline", "full"
LOOKS = {"ours": COLOURS["vermillion"], "paper": GREY}
_ROW, _MARGIN = 0.32, 1.0  # inches
_APART = 0.17  # of a row, between ours and the paper's


def draw_headline(configuration: Configuration, cells: pd.DataFrame, stem: Path) -> list[Path]:
    """Write `<stem>.{pdf,svg,png}` from the cells of the scorecard; none where nothing was measured.

    A panel for each distilled set, a row for each network of which both recipes were measured; the line
    is what the network that the set was distilled with has with the baseline. A point is as long in
    every panel, though accuracies with more images per class lie elsewhere.
    """
    ends = cells[cells["recipe"].isin([BEFORE, AFTER]) & (cells["n"] > 0)]
    ends = ends.drop_duplicates(["dataset", "source", "ipc", "recipe", "arch"])
    several = ends["dataset"].nunique() > 1
    panels = [
        (
            configuration.source(str(source)),
            f"{configuration.dataset(str(dataset)).title}, " if several else "",
            int(str(ipc)),
            of_set,
        )
        for (dataset, source, ipc), of_set in ends.groupby(["dataset", "source", "ipc"], sort=False)
        if _networks(of_set)
    ]
    if not panels:
        return []
    rows = max(len(_networks(of_set)) for *_, of_set in panels)
    with canvas(columns=2, height=_ROW * rows + _MARGIN) as page:
        grid = page.subplots(1, len(panels), squeeze=False)[0]
        for axes, (settings, dataset, ipc, of_set) in zip(grid, panels, strict=True):
            _panel(configuration, axes, of_set, str(settings.arch))
            axes.set_title(plain(f"{dataset}{settings.title}, IPC {ipc}"))
        _same_scale(grid)
        handles, labels = grid[0].get_legend_handles_labels()
        page.legend(handles, labels, loc="outside lower center", ncols=3)
        return save(page, stem)


def _same_scale(panels: Iterable[Axes]) -> None:
    """Give every panel the width of the widest, in points, around what it shows."""
    limits = {axes: axes.get_xlim() for axes in panels}
    half = max(high - low for low, high in limits.values()) / 2
    for axes, (low, high) in limits.items():
        middle = (low + high) / 2
        axes.set_xlim(middle - half, middle + half)


def _networks(of_set: pd.DataFrame) -> list[str]:
    """The networks that both recipes were measured of, in the order of the table."""
    counts = of_set.groupby("arch", sort=False)["recipe"].nunique()
    return [str(arch) for arch in counts.index[counts == 2]]


def _panel(configuration: Configuration, axes: Axes, of_set: pd.DataFrame, own: str) -> None:
    values = of_set.set_index(["arch", "recipe"])
    networks = _networks(of_set)
    for shift, (whose, colour) in zip((-_APART, _APART), LOOKS.items(), strict=True):
        label = {"ours": "measured here", "paper": "in the paper"}[whose]
        places = [place + shift for place in range(len(networks))]
        before = [float(values.loc[(arch, BEFORE), whose]) for arch in networks]  # type: ignore[arg-type]
        after = [float(values.loc[(arch, AFTER), whose]) for arch in networks]  # type: ignore[arg-type]
        axes.hlines(places, before, after, color=colour, linewidth=1.4)
        axes.plot(before, places, "o", color=colour, mfc="white", label=f"baseline, {label}")
        axes.plot(after, places, "o", color=colour, label=f"full recipe, {label}")
        if (own, BEFORE) in values.index:
            level = float(values.loc[(own, BEFORE), whose])  # type: ignore[arg-type]
            named = plain(f"{configuration.arch_title(own)}, baseline") if whose == "ours" else None
            axes.axvline(level, color=colour, linewidth=0.9, linestyle="--", label=named)
    titles = [plain(configuration.arch_title(arch)) for arch in networks]
    axes.set_yticks(range(len(networks)), titles)
    axes.set_ylim(len(networks) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Test accuracy (%)")
