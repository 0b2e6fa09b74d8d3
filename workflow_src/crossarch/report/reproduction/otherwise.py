"""How far from the paper cells are when the same weights are tested otherwise, by the analyses."""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import CELL
from crossarch.config import Configuration
from crossarch.config.schema import WHITENINGS
from crossarch.layout import Layout
from crossarch.printing.numbers import printed, printed_signed
from crossarch.report.blocks import NOT_RUN
from crossarch.report.nearness import reproduces, widened
from crossarch.report.reproduction.cells import (
    cell_words,
    judged,
    margin_text,
    pipe,
    verdict_text,
    with_sets,
)


def tested_otherwise(
    configuration: Configuration, layout: Layout, measured: pd.DataFrame
) -> Sequence[str]:
    """The distance of `measured` cells on originals and with the statistics of test batches.

    Nothing where `layout` has no analyses `stand_in` and `statistics` of them.
    """
    merged = _joined(measured, _effects(layout))
    if merged.empty:
        return []
    merged["originals"] = merged["difference"] + merged["stand_in"]
    merged["allowed"] = widened(merged["margin"], merged["error"])
    merged["then"] = reproduces(merged["originals"], merged["allowed"])
    merged["both"] = merged["originals"] + merged["statistics"]
    rows = [
        {
            **cell_words(configuration, row),
            "difference": printed_signed(row["difference"]),
            "originals instead of copies": printed_signed(row["stand_in"]),
            "difference then": printed_signed(row["originals"]),
            "seeds and pairs allow": margin_text(row["allowed"]),
            "reproduces then": verdict_text(row["then"], row["allowed"]),
            "statistics of test batches": _signed(row["statistics"]),
            "difference with both": _signed(row["both"]),
        }
        for _, row in with_sets(configuration, merged).iterrows()
    ]
    counted = (
        ""
        if merged["margin"].isna().all()
        else f"Of the {judged(merged, ' cells')} {merged['reproduces'].sum()} reproduce as they were "
        f"tested, and {merged['then'].sum()} on originals. "
    )
    return ["## How far from the paper, tested otherwise", f"{counted}{OTHERWISE}", pipe(rows, 3)]


OTHERWISE = (
    "All in points. *Originals instead of copies* is what final weights gain on images without JPEG's "
    "loss (pairs, own space); its standard error widens what seeds allow. *Statistics of test batches* "
    "is what they gain when batch norms take mean and variance from batches of test images (no fair "
    "test). Both were measured on the runs whose weights were at hand, and are added to the mean of all "
    "seeds."
)


def in_every_space(
    configuration: Configuration, layout: Layout, measured: pd.DataFrame
) -> Sequence[str]:
    """Accuracies of `measured` cells with the test set in each space; nothing without `whitening`."""
    file = layout.analysis_files("whitening")[0]
    if not file.exists():
        return []
    merged = _joined(measured[["measured_on", *CELL[1:], "paper"]], pd.read_csv(file))
    if merged.empty:
        return []
    shown = merged["accuracy"].map(printed)
    merged["shown"] = shown.mask(merged["own"].astype(bool), "**" + shown + "**")
    spaces = [space for space in WHITENINGS if space in set(merged["space"])]
    rows = [
        {
            **cell_words(configuration, cell.iloc[0]),
            "seeds": str(cell["n"].iloc[0]),
            "paper's": printed(cell["paper"].iloc[0]),
            **{f"`{space}`": "".join(cell.loc[cell["space"] == space, "shown"]) for space in spaces},
        }
        for _, cell in with_sets(configuration, merged).groupby(CELL, sort=False)
    ]
    return ["## Tested in every whitening", SPACES, pipe(rows, 3)]


SPACES = (
    "Accuracies in percent of the same final weights, on the same test images in each space; **bold** "
    "is the space that a set was distilled in, in which every other table tests. Seeds are those whose "
    "weights were at hand, and the paper's are the best of all tests."
)


def _effects(layout: Layout) -> pd.DataFrame:
    """What the analyses `stand_in` and `statistics` changed, in points, by cell (the columns of CELL).

    `stand_in`: originals instead of copies, in the own space, and `error`, the standard error of that;
    `statistics`: those of test batches instead of running ones, missing where it was not measured.
    """
    files = [layout.analysis_files(name)[0] for name in ("stand_in", "statistics")]
    if not all(file.exists() for file in files):
        return pd.DataFrame(columns=[*CELL, "stand_in", "error", "statistics"])
    pairs, statistics = map(pd.read_csv, files)
    own = pairs[pairs["own"].astype(bool)].assign(stand_in=lambda rows: -rows["effect"])
    changes = statistics.rename(columns={"change": "statistics"})[[*CELL, "statistics"]]
    return own[[*CELL, "stand_in", "error"]].merge(changes, on=CELL, how="left")


def _joined(measured: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """`measured` cells with what was `found` of them, by the columns of CELL; a set after the other."""
    known = measured.assign(dataset=measured["measured_on"])
    return known.merge(found, on=CELL).sort_values(["source", "ipc"], kind="stable")


def _signed(value: float) -> str:
    return NOT_RUN if pd.isna(value) else printed_signed(value)
