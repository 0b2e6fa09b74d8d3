"""What an analysis of several runs has found: a table, the same in words, and what is drawn of it."""

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Rows:
    """What is drawn: `points` has `row` (its label), `arch` and `value`; an axis with a title.

    `means` has `row`, `mean`, `low` and `high`: what is drawn below the points of a row.
    """

    axis: str
    points: pd.DataFrame
    means: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["row", "mean", "low", "high"])
    )

    @property
    def labels(self) -> list[str]:
        """The rows from above."""
        return list(self.points["row"].unique())


@dataclass(frozen=True)
class Findings:
    """What an analysis found: its table, what that says in words (empty: nothing), what is drawn."""

    title: str
    table: pd.DataFrame
    told: str
    rows: Rows
