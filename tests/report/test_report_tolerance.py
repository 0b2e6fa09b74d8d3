"""How far seeds alone take a number from the paper's: by hand and by drawing at random."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import configured

from crossarch.report.reproduction import PAPER_SEEDS, seed_tolerance


def cells_of(*rows: tuple[str, int, float], ipc: int = 1) -> pd.DataFrame:
    """Cells of FRePo's set: network, number of seeds, their standard deviation."""
    cells = [{"source": "frepo", "ipc": ipc, "arch": arch, "n": n, "std": std} for arch, n, std in rows]
    return pd.DataFrame(cells, index=[f"{place}" for place in range(len(cells))])


def test_margins_by_hand() -> None:
    """t of 95%: 2.776 with 4 degrees of freedom, 4.303 with 2 (any table of Student's)."""
    cells = cells_of(
        ("vgg11", 3, 1.0),
        ("alexnet", 3, 2.0),
        ("resnet18", 1, math.nan),
        ("cnn", 3, 0.5),
        ("cnn", 1, math.nan),
    )
    found = seed_tolerance(configured(), cells)
    larger = math.sqrt((2 * 1.0 + 2 * 4.0) / 4)
    three, one = math.sqrt(1 / 3 + 1 / 3), math.sqrt(1 + 1 / 3)
    expected = [2.776 * larger * reach for reach in (three, three, one)]
    expected += [4.303 * 0.5 * reach for reach in (three, one)]
    assert found.tolist() == pytest.approx(expected, rel=1e-3)
    assert found.index.tolist() == cells.index.tolist()


def test_seeds_of_another_ipc_say_nothing() -> None:
    one, ten = cells_of(("vgg11", 3, 2.0)), cells_of(("vgg11", 3, 0.5), ("vgg11", 1, math.nan), ipc=10)
    both = seed_tolerance(configured(), pd.concat([one, ten], ignore_index=True))
    alone = [*seed_tolerance(configured(), one), *seed_tolerance(configured(), ten)]
    assert both.tolist() == pytest.approx(alone)
    unknown = seed_tolerance(configured(), pd.concat([one, ten.iloc[1:]], ignore_index=True))
    assert unknown.isna().tolist() == [False, True]


def test_without_several_seeds_nothing_is_told() -> None:
    cells = cells_of(("vgg11", 1, math.nan), ("cnn", 3, 0.5))
    margins = seed_tolerance(configured(), cells)
    assert margins.isna().tolist() == [True, False]


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_alone_stay_within_it_in_95_of_100_cases(seeds: int) -> None:
    """Drawn: ours and the paper's of one distribution, the deviation pooled from other cells."""
    generator = np.random.default_rng(0)
    within = []
    for _ in range(400):
        others = generator.normal(40.0, 1.5, (6, 3)).std(axis=1, ddof=1)
        ours = generator.normal(40.0, 1.5, seeds)
        std = float(ours.std(ddof=1)) if seeds > 1 else math.nan
        rows: list[tuple[str, int, Any]] = [("vgg11", 3, float(one)) for one in others]
        margin = seed_tolerance(configured(), cells_of(*rows, ("vgg11", seeds, std))).iloc[-1]
        within.append(abs(ours.mean() - generator.normal(40.0, 1.5, PAPER_SEEDS).mean()) <= margin)
    assert np.mean(within) == pytest.approx(0.95, abs=0.03)
