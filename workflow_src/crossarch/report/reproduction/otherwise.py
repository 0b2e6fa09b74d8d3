"""How far from the paper cells are when the same weights are tested otherwise, by the analyses."""

from collections.abc import Sequence

import pandas as pd

from crossarch.analysis.cells import CELL
from crossarch.config import Configuration
from crossarch.config.schema import WHITENINGS
from crossarch.layout import Layout
from crossarch.printing.numbers import printed, printed_signed
from crossarch.report.reproduction.cells import cell_words, pipe, with_sets


def with_batch_statistics(
    configuration: Configuration, layout: Layout, measured: pd.DataFrame
) -> Sequence[str]:
    """How far `measured` cells are with the statistics of test batches; nothing without `statistics`."""
    merged = _joined(layout, "statistics", measured)
    if merged.empty:
        return []
    rows = [
        {
            **cell_words(configuration, row),
            "difference": printed_signed(row["difference"]),
            "statistics of test batches": printed_signed(row["change"]),
            "difference then": printed_signed(row["difference"] + row["change"]),
        }
        for _, row in with_sets(configuration, merged).iterrows()
    ]
    return ["## How far from the paper, with the statistics of test batches", STATISTICS, pipe(rows, 3)]


STATISTICS = (
    "All in points. *Statistics of test batches* is what the same final weights gain when batch norms "
    "take mean and variance from batches of test images (no fair test). It was measured on the runs "
    "whose weights were at hand, and is added to the mean of all seeds."
)


def in_every_space(
    configuration: Configuration, layout: Layout, measured: pd.DataFrame
) -> Sequence[str]:
    """Accuracies of `measured` cells with the test set in each space; nothing without `whitening`."""
    merged = _joined(layout, "whitening", measured)
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


def _joined(layout: Layout, analysis: str, measured: pd.DataFrame) -> pd.DataFrame:
    """`measured` cells with what an analysis found of them, a set after the other; none without it."""
    file = layout.analysis_files(analysis)[0]
    if not file.exists():
        return measured[:0]
    found = pd.read_csv(file, dtype={"ipc": int})  # also where there is no row
    known = measured[[*CELL, "paper", "difference"]]
    return known.merge(found, on=CELL).sort_values(["source", "ipc"], kind="stable")
