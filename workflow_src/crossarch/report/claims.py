"""What the paper claims, as pairs of its cells: a claim says that the first has the higher accuracy.

A pair has a gain in points, ours and the paper's, and a unit: pairs of one unit share runs, so that
intervals are between units, not pairs. (Units of one set share the set's own network and its teachers:
what intervals say holds for these sets.)
"""

import pandas as pd

from crossarch.config import Configuration
from crossarch.config.schema import Table
from crossarch.report.cells import of_own_network

GAP_NARROWS = "gap narrows"
SAME_ORDER = "same order"

_SET = ["table", "dataset", "source", "ipc"]
_ONCE = ["claim", "dataset", "source", "ipc", "unit"]
PAIRS = ["claim", *_SET, "unit", "ours", "paper"]


def claimed_pairs(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """All pairs of all claims on the cells of the scorecard; a gain that was not measured is missing.

    - `<last> > <other>`: the last recipe of each table (`full`) beats each other recipe, on one network
      (a unit is a network trained on one set);
    - `gap narrows`: in tables of layout `main`, how much nearer a network comes to the one that the set
      was distilled with: the distance of their baselines minus that of the last recipe (the network) and
      the last recipe that applies (the other) (a unit is a network trained on one set);
    - `same order`: of two networks trained alike, the one that is better in the paper is better here (a
      unit is one set and recipe).

    What two tables print is counted once. Columns: claim, table, dataset, source, ipc, unit,
    ours and paper (gains in points).
    """
    tables = {name: table for name, table in configuration.tables.items() if table.paper}
    parts = [
        *(_beats(name, table, cells) for name, table in tables.items()),
        *(
            _narrows(configuration, name, table, cells)
            for name, table in tables.items()
            if table.layout == "main"
        ),
        _order(cells),
    ]
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame(columns=PAIRS)
    pairs = pd.concat(parts, ignore_index=True)
    pairs = pairs.drop_duplicates([*_ONCE, "first", "second"], ignore_index=True)
    unit = pairs["dataset"] + "/" + pairs["source"] + "/ipc" + pairs["ipc"].astype(str)
    return pairs.assign(unit=unit + "/" + pairs["unit"])[PAIRS]


def _beats(name: str, table: Table, cells: pd.DataFrame) -> pd.DataFrame:
    of_table = cells[cells["table"] == name]
    better = table.recipes[-1]
    first = of_table[of_table["recipe"] == better]
    pairs = first.merge(
        of_table[of_table["recipe"] != better], on=[*_SET, "arch"], suffixes=("", "_of_other")
    )
    return _with_gains(pairs).assign(
        claim=better + " > " + pairs["recipe_of_other"],
        unit=pairs["arch"],
        first=better,
        second=pairs["recipe_of_other"],
    )


def _narrows(configuration: Configuration, name: str, table: Table, cells: pd.DataFrame) -> pd.DataFrame:
    of_table = cells[cells["table"] == name]
    own = of_own_network(configuration, of_table)
    applying = [recipe for recipe in table.recipes if recipe in set(of_table.loc[own, "recipe"])]
    if not applying:  # the table does not show the source's own network
        return pd.DataFrame()
    before, after = table.recipes[0], table.recipes[-1]

    def gains(recipe: str, of_own: str) -> pd.DataFrame:
        """How far each network is ahead of the source's own, which was trained with `of_own`."""
        others = of_table[~own & (of_table["recipe"] == recipe)]
        ours = of_table[own & (of_table["recipe"] == of_own)].drop(columns="arch")
        return _with_gains(others.merge(ours, on=_SET, suffixes=("", "_of_other")))

    pairs = gains(after, applying[-1]).merge(
        gains(before, before), on=[*_SET, "arch"], suffixes=("", "_of_other")
    )
    return _with_gains(pairs).assign(
        claim=GAP_NARROWS, unit=pairs["arch"], first=after, second=pairs["arch"]
    )


def _order(cells: pd.DataFrame) -> pd.DataFrame:
    pairs = cells.merge(cells, on=[*_SET, "recipe"], suffixes=("", "_of_other"))
    pairs = pairs[pairs["paper"] > pairs["paper_of_other"]].reset_index(drop=True)
    return _with_gains(pairs).assign(
        claim=SAME_ORDER, unit=pairs["recipe"], first=pairs["arch"], second=pairs["arch_of_other"]
    )


def _with_gains(pairs: pd.DataFrame) -> pd.DataFrame:
    """`ours` and `paper` become gains over the other."""
    return pairs.assign(
        ours=pairs["ours"] - pairs["ours_of_other"],
        paper=pairs["paper"] - pairs["paper_of_other"],
    )[[*_SET, "arch", "ours", "paper"]]
