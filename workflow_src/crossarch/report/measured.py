"""What the notes of tables and the captions of figures say alike of what was measured."""

import pandas as pd

from crossarch.printing.numbers import all_values
from crossarch.printing.words import listed, plural


def seeds_told(measured: pd.DataFrame) -> str:
    """`3 seeds`, or `1 to 3 seeds`, of cells or points whose column `n` counts seeds, from 1."""
    few, many = int(measured["n"].min()), int(measured["n"].max())
    return f"{few} to {many} seeds" if few < many else plural(few, "seed")


def accuracies_told(measured: pd.DataFrame) -> str:
    """Which accuracies they are, by the columns `accuracy` (`best`, `last`) and `evaluate_every`."""
    every = " or ".join(all_values(measured["evaluate_every"]))
    kinds = {
        "best": "best of the test evaluations, selected on the test set, every "
        f"{every} epoch{'' if every == '1' else 's'}",
        "last": "last epoch",
    }
    return f"Accuracy: {listed(kinds[kind] for kind in measured['accuracy'].unique())}."
