"""A printed table as Markdown, and as LaTeX by pandas."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tabulate import tabulate

from crossarch.printing.templates import markdown_escaped
from crossarch.report.facts import text

NOT_APPLICABLE = "-"
HAS, LACKS = "✓", "×"
OURS = "ours"  # the part of a cell that may be the best


@dataclass(frozen=True)
class Block:
    """One printed table: all cells that were measured on the same data set, as text.

    The index of `cells` has the labels of the rows; its columns are networks, or pairs of a network and
    a part: ours and its gap, or ours, the paper's and the difference. `best` says which are bold.
    """

    title: str
    caption: str
    cells: pd.DataFrame
    best: pd.DataFrame
    note: str

    @property
    def parts(self) -> list[str]:
        """The parts of a cell; none in a table of settings."""
        return list(self.cells.columns.unique(1)) if self.cells.columns.nlevels == 2 else []


def markdown(block: Block) -> str:
    """A block as Markdown: title, caption, a pipe table as GitHub shows them, note."""
    rows, before = [], ("",) * block.cells.index.nlevels
    for place, labels in enumerate(block.cells.index):
        labels = labels if isinstance(labels, tuple) else (labels,)
        cells = (_markdown_cell(block, place, arch) for arch in block.cells.columns.unique(0))
        rows.append([*map(markdown_escaped, _changed(block, labels, before)), *cells])
        before = labels
    names = [*block.cells.index.names, *block.cells.columns.unique(0)]
    table = tabulate(
        rows,
        headers=list(map(markdown_escaped, names)),
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(block),
    )
    return text("table.md", block=block, table=table)


def _changed(block: Block, labels: tuple[str, ...], before: tuple[str, ...]) -> list[str]:
    """The labels of a row; source and IPC only where they differ from the row before."""
    if block.cells.index.names[0] != "DD":
        return list(labels)
    same = [labels[: place + 1] == before[: place + 1] for place in (0, 1)]
    return ["" if place < 2 and same[place] else label for place, label in enumerate(labels)]


def _alignment(block: Block) -> list[str]:
    names = block.cells.index.names
    of_labels = {"DD": "left", "IPC": "right", "Method": "left"}
    of_cells = "right" if block.parts else "center"
    cells = [of_cells] * len(block.cells.columns.unique(0))
    return [*(of_labels.get(str(name), "center") for name in names), *cells]


def _markdown_cell(block: Block, place: int, arch: str) -> str:
    """`**50.7 ± 0.1** (+6.4)`, or in the comparison edition `**50.7 ± 0.1** / 50.7 / +0.0`."""
    if not block.parts:
        return str(block.cells[arch].iloc[place])
    texts = dict(block.cells[arch].iloc[place])
    if block.best[arch].iloc[place][OURS]:
        texts[OURS] = f"**{texts[OURS]}**"
    return (" / " if "paper" in texts else " ").join(filter(None, texts.values()))


def latex(block: Block) -> str:
    """The tabular of a block, by pandas, with booktabs' rules."""
    cells = block.cells.map(lambda cell: cell if cell == NOT_APPLICABLE else cell.replace("-", "−"))
    labels = "".join(one[0] for one in _alignment(block)[: cells.index.nlevels])
    of_cell = {0: "c", 1: "r", 2: "r@{ }r", 3: "rrr"}[len(block.parts)]
    style = cells.style
    style.format(escape="latex")
    for axis in (0, 1):
        style.format_index(escape="latex", axis=axis).format_index_names(escape="latex", axis=axis)
    style = style.apply(lambda _: np.where(block.best, "textbf:--rwrap;", ""), axis=None)
    if block.parts and "paper" not in block.parts:
        style = style.hide(axis=1, level=1)
    grouped = cells.index.names[0] == "DD"
    made = style.to_latex(
        hrules=True,
        column_format=labels + of_cell * len(cells.columns.unique(0)),
        sparse_index=grouped,
        clines="skip-last;data" if grouped else None,
        multicol_align="c",
        multirow_align="t",
    )
    made = re.sub(r"\\cline(\S+)(?: \\cline\S+)*", r"\\cmidrule\1", made)
    made = re.sub(r"\\cmidrule\S+\n(?=\\bottomrule)", "", made)
    # The end of the line before, or its rule, would take these for an argument of its own.
    return re.sub(r"^(?=\s*[\[*])", "{}", made, flags=re.MULTILINE).strip()
