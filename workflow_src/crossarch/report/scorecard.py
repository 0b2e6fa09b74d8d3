"""The scorecard: every number of the paper beside ours, and whether the paper's claims hold on them.

`scorecard_cells` has a row for each number that the paper prints, measured or not; `scorecard_summary` a
row for each table (how near are the numbers?) and for each claim (does it hold?).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from scipy import stats

from crossarch.collect.interval import mean_interval
from crossarch.collect.tidy import DECIMALS, checked
from crossarch.config import Configuration, RunId, trained_as
from crossarch.config.schema import Table
from crossarch.errors import ConfigError
from crossarch.printing.numbers import joined_values
from crossarch.report.cells import COUNT, PERCENT, POSITIVE, columns
from crossarch.report.claims import claimed_pairs
from crossarch.report.tables import paper_numbers, table_cells

ALL = "all tables"
HOLDS, FAILS, OPEN = "holds", "does not hold", "open"
LEAST_UNITS = 6
"""Units that a verdict needs: fewer agree in sign by chance in more than 2.5% of cases (0.5 ** 6)."""

_KEY = ["source", "ipc", "recipe", "arch"]
SCORECARD = pa.DataFrameSchema(
    {
        **columns("table dataset source", str),
        **columns("ipc", int, COUNT),
        **columns("recipe arch", str),
        **columns("n", int, POSITIVE),
        **columns("ours", float, PERCENT, nullable=True),
        **columns("std", float, POSITIVE, nullable=True),
        **columns("paper", float, PERCENT),
        **columns("paper_std", float, POSITIVE, nullable=True),
        **columns("difference", float, nullable=True),
        **columns("seeds", str, nullable=True),
        **columns("recipe_epochs", "Int64", COUNT, nullable=True),
        **columns("epochs", str, nullable=True),
        **columns("protocol", str),
        **columns("accuracy", str, pa.Check.isin(["best", "last"])),
        **columns("device", str, nullable=True),
    },
    unique=["table", "dataset", *_KEY],
    strict=True,
    coerce=True,
)
SUMMARY = pa.DataFrameSchema(
    {
        **columns("kind", str, pa.Check.isin(["agreement", "claim"])),
        **columns("name", str),
        **columns("measured_on", str, nullable=True),
        **columns("n of units", int, POSITIVE),
        **columns("held paper_held", "Int64", POSITIVE, nullable=True),
        **columns("ours paper", float, nullable=True),
        **columns("mean_absolute_difference", float, POSITIVE, nullable=True),
        **columns("rank_correlation", float, pa.Check.in_range(-1, 1), nullable=True),
        **columns("low high", float, nullable=True),
        **columns("verdict", str, pa.Check.isin([HOLDS, FAILS, OPEN]), nullable=True),
    },
    unique=["kind", "name"],
    strict=True,
    coerce=True,
)


def scorecard_cells(configuration: Configuration, runs: pd.DataFrame) -> pd.DataFrame:
    """One row for each number that the paper prints, in the order of its tables.

    `runs` is the table of `collect_runs`; which of them count is up to the selection, as in tables.
    Columns: table, dataset, source, ipc, recipe, arch, n (seeds), ours, std, paper, paper_std (percent),
    difference (points), seeds, recipe_epochs (what the configuration asks for), epochs (of the runs),
    protocol, accuracy (`best` or `last`) and device. What was not measured has n = 0 and nothing in
    ours.
    """
    tables = {name: table for name, table in configuration.tables.items() if table.paper}
    if not tables:
        raise ConfigError(
            f"{configuration.directory}/tables.yaml: found no table with a file of the paper's numbers "
            "(`paper`), which the scorecard is about"
        )
    paper = pd.concat(
        paper_numbers(configuration, table).assign(table=name, dataset=table.dataset)
        for name, table in tables.items()
    )
    measured = pd.concat(_measured(configuration, name, table, runs) for name, table in tables.items())
    rows = paper.merge(measured, on=["table", "dataset", *_KEY], how="left")
    frame = rows.assign(
        n=rows["n"].fillna(0).astype(int),
        protocol=configuration.selection.protocol,
        accuracy=configuration.selection.accuracy,
    )
    return checked(frame[list(SCORECARD.columns)].round(DECIMALS), SCORECARD, "scorecard")


def scorecard_summary(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """How near the numbers of each table are, and whether each claim of the paper holds.

    Rows of kind `agreement` are about accuracies: `ours` and `paper` are means over the n measured
    of all `of` cells. Rows of kind `claim` are about gains in points (see `claimed_pairs`): `held`
    of n measured pairs have a gain above 0, `paper_held` of all `of` pairs in the paper.
    `mean_absolute_difference` is that of ours and the paper's, `rank_correlation` Spearman's. `low`
    and `high` are the 95% interval of the mean difference (agreement) or of our mean gain (claim)
    between units (see `mean_interval`): cells, or what the claim's pairs share. They are missing with
    fewer than two units. Of six units or more a claim holds if the interval lies above 0, does not if
    it lies below 0; else it is open.
    """
    rows = [
        *(_agreement(str(name), group) for name, group in cells.groupby("table", sort=False)),
        _agreement(ALL, each_once(configuration, cells)),
        *_claims(claimed_pairs(configuration, cells)),
    ]
    return checked(pd.DataFrame(rows).round(DECIMALS), SUMMARY, "scorecard summary")


def each_once(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of the scorecard, each run's once: as the first table has it that prints it.

    Two tables may print one cell, or name one run by two recipes (`trained_as`): Table 8 has the CNN's
    `wo_dp_kd` as `wo_dp_kd-2fold`.
    """
    names = ["dataset", "source", "ipc", "recipe", "arch", "protocol"]
    serving = [
        trained_as(configuration, RunId.model_validate({**cell, "seed": 0})).recipe
        for cell in cells[names].to_dict("records")
    ]
    served = cells.assign(recipe=serving).sort_values("table", kind="stable")
    return cells.loc[served.drop_duplicates(names).index]


def _measured(configuration: Configuration, name: str, table: Table, runs: pd.DataFrame) -> pd.DataFrame:
    """What was measured of one table on its own data set."""
    numbers = ["n", "ours", "std", "difference"]
    columns = ["table", "dataset", *_KEY, *numbers, "seeds", "recipe_epochs", "epochs", "device"]
    if table.dataset not in configuration.selection.datasets:
        return pd.DataFrame(columns=columns).astype({"ipc": int})
    cells = table_cells(configuration, table, runs)
    cells = cells[(cells["n"] > 0) & (cells["dataset"] == table.dataset)]
    return cells.rename(columns={"mean": "ours"}).assign(table=name)[columns]


def _agreement(name: str, cells: pd.DataFrame) -> dict[str, Any]:
    measured = cells[cells["n"] > 0]
    difference = measured["difference"]
    low, high = mean_interval(difference, pd.Series(range(len(measured)), measured.index))
    return {
        **_statistics("agreement", name, measured, len(cells), difference.abs()),
        "units": len(measured),
        "held": None,
        "paper_held": None,
        "low": low,
        "high": high,
        "verdict": None,
    }


def _claims(pairs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for name, group in pairs.groupby("claim", sort=False):
        measured = group[group["ours"].notna()]
        low, high = mean_interval(measured["ours"], measured["unit"])
        difference = (measured["ours"] - measured["paper"]).abs()
        units = measured["unit"].nunique()
        yield {
            **_statistics("claim", str(name), measured, len(group), difference),
            "units": units,
            "held": int((measured["ours"] > 0).sum()),
            "paper_held": int((group["paper"] > 0).sum()),
            "low": low,
            "high": high,
            "verdict": _verdict(low, high) if units >= LEAST_UNITS else OPEN,
        }


def _verdict(low: float, high: float) -> str:
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def _statistics(
    kind: str, name: str, measured: pd.DataFrame, of: int, difference: pd.Series
) -> dict[str, Any]:
    """What both kinds of rows say; means of nothing are missing."""
    return {
        "kind": kind,
        "name": name,
        "measured_on": joined_values(measured["dataset"]) or None,
        "n": len(measured),
        "of": of,
        "ours": measured["ours"].mean(),
        "paper": measured["paper"].mean(),
        "mean_absolute_difference": difference.mean(),
        "rank_correlation": _rank_correlation(measured["ours"], measured["paper"]),
    }


def _rank_correlation(ours: pd.Series, paper: pd.Series) -> float:
    """Spearman's; missing below three pairs or where one side is all the same."""
    if len(ours) < 3 or ours.nunique() < 2 or paper.nunique() < 2:
        return np.nan
    return float(stats.spearmanr(ours, paper).statistic)
