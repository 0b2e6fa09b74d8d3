"""How far the cells are from the paper's numbers, and what each part of the method is worth."""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import ALL
from crossarch.config import Configuration
from crossarch.printing.numbers import printed, printed_signed
from crossarch.report.blocks import NOT_RUN
from crossarch.report.nearness import PAPER_SEEDS
from crossarch.report.reproduction.cells import (
    cell_words,
    margin_text,
    measured_once,
    pipe,
    verdict_text,
    with_sets,
)


def distances(configuration: Configuration, cells: pd.DataFrame) -> str:
    """Ours minus the paper's in points: means over the measured sets, and how many these are."""
    measured = measured_once(configuration, cells)
    archs, recipes = (
        [*(name for name in cells[column].unique() if name in set(measured[column])), ALL]
        for column in ("arch", "recipe")
    )
    rows = []
    for arch in archs:
        row = {"mean difference (cells)": ALL if arch == ALL else configuration.arch_title(arch)}
        for recipe in recipes:
            here = measured[_named(measured["arch"], arch) & _named(measured["recipe"], recipe)]
            mean = printed_signed(here["difference"].mean())
            row[recipe] = NOT_RUN if here.empty else f"{mean} ({len(here)})"
        rows.append(row)
    return pipe(rows, 1)


def _named(column: "pd.Series[str]", name: str) -> "pd.Series[bool]":
    """Where `column` has `name`; everywhere for `ALL`."""
    return (column == name) | (name == ALL)


PARTS = {
    "augmentation, Lion": ("wo_dp_kd", "baseline"),
    "distillation": ("wo_dp", "wo_dp_kd"),
    "distillation, beside DropPath": ("full", "wo_kd"),
    "DropPath": ("wo_kd", "wo_dp_kd"),
    "DropPath, beside distillation": ("full", "wo_dp"),
    "all": ("full", "baseline"),
}
"""Of each part of the method: the recipe with it, and the one without."""


def parts(configuration: Configuration, cells: pd.DataFrame) -> Sequence[str]:
    """A row a measured set and network, a column a part of the method; nothing without gains.

    Below them means over the rows that have every part, and over the others.
    """
    measured = with_sets(configuration, measured_once(configuration, cells))
    places = ["set", "arch"]
    gains = [_gain(measured, places, *pair) for pair in PARTS.values()]

    def row(title: str, network: str, chosen: Sequence[tuple[str, str]]) -> dict[str, str]:
        worth = (_worth(gain[gain.index.isin(chosen)]) for gain in gains)
        return {"set": title, "network": network} | dict(zip(PARTS, worth, strict=True))

    every = measured[places].drop_duplicates().itertuples(index=False, name=None)
    shown = [place for place in every if any(place in gain.index for gain in gains)]
    if not shown:
        return []
    rows = [row(title, configuration.arch_title(arch), [(title, arch)]) for title, arch in shown]
    whole = [place for place in shown if all(place in gain.index for gain in gains)]
    parted = [place for place in shown if place not in whole]
    means = {"every part measured": whole, "the others": parted}
    rows += [row("mean", network, chosen) for network, chosen in means.items() if chosen]
    return ["## What each part of the method is worth", WORTH, pipe(rows, 2)]


WORTH = (
    "In points, ours / the paper's: the accuracy of the recipe with a part minus that of the one "
    "without, means over their seeds. With DropPath come 4,000 epochs instead of 1,000 and the periodic "
    "learning rate. Where every part was measured, `all` is the sum of augmentation, distillation and "
    "DropPath beside it."
)


def _gain(measured: pd.DataFrame, places: list[str], recipe: str, without: str) -> pd.DataFrame:
    """What a recipe has over another, `ours` and the `paper`'s in points, where both are measured."""
    one, other = (
        measured[measured["recipe"] == name].set_index(places)[["ours", "paper"]]
        for name in (recipe, without)
    )
    return (one - other).dropna()


def _worth(gains: pd.DataFrame) -> str:
    """The mean of gains, ours and the paper's."""
    if gains.empty:
        return NOT_RUN
    return " / ".join(printed_signed(mean) for mean in gains[["ours", "paper"]].mean())


def every_cell(configuration: Configuration, measured: pd.DataFrame) -> Sequence[str]:
    """What reproducing means, and a row a measured set, recipe and network, the farthest first."""
    farthest_first = with_sets(configuration, measured).sort_values("difference", kind="stable")
    rows = [
        {
            **cell_words(configuration, row),
            "seeds": str(row["n"]),
            "ours": printed(row["ours"]) + ("" if pd.isna(row["std"]) else f" ± {printed(row['std'])}"),
            "paper's": printed(row["paper"]),
            "difference": printed_signed(row["difference"]),
            "seeds allow": margin_text(row["margin"]),
            "reproduces": verdict_text(row["reproduces"], row["margin"]),
        }
        for _, row in farthest_first.iterrows()
    ]
    return [REPRODUCES, pipe(rows, 3)]


REPRODUCES = (
    "A cell *reproduces* where the difference is no larger than *seeds allow*: two means of the same "
    "distribution, ours of so many seeds and the paper's of "
    f"{PAPER_SEEDS}, lie that near in 95% of cases (Student's t; the deviation is pooled over the cells "
    "of the same IPC with several seeds, those of the sets' own networks apart; without such cells it "
    "is not known). With one seed that is wide: *yes* says that seeds can explain the difference, not "
    "that there is none."
)
