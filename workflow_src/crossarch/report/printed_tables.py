"""A table of the paper as files: the tidy CSV, then Markdown and LaTeX made from that CSV alone."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration, network_widths
from crossarch.config.schema import Table
from crossarch.files import write_text
from crossarch.printing.numbers import LIST_SEPARATOR
from crossarch.printing.templates import markdown_escaped, signed, spread
from crossarch.report.facts import facts, line, text
from crossarch.report.tables import read_cells, settings_table, table_cells, without_paper

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


def render_table(
    configuration: Configuration, name: str, runs: pd.DataFrame | None, directory: Path
) -> list[Path]:
    """Write the editions of table `name` to `directory`; returns the files.

    `<name>` has the shape of the paper, `<name>-comparison` puts the paper's numbers beside ours (a
    table without runs has the first alone, and needs no `runs`, the table of `collect_runs`);
    each is a `.csv`, `.md`, `.tex` (a fragment) and `-standalone.tex` (a document). Raises
    ConfigError if there is no such table, and what `table_cells` raises.
    """
    table = configuration.table(name)
    if table.layout == "settings" or runs is None:
        editions = {name: settings_table(configuration, table)}
    else:
        cells = table_cells(configuration, table, runs)
        editions = {name: without_paper(cells), f"{name}-comparison": cells}
    files = []
    for stem, edition in editions.items():
        csv = directory / f"{stem}.csv"
        write_tidy(edition, csv)
        files += [csv, *render_csv(configuration, name, csv)]
    return files


def render_csv(configuration: Configuration, name: str, csv: Path) -> list[Path]:
    """Write Markdown and LaTeX beside a CSV of table `name` and from it alone; returns the files.

    The configuration has only the words: titles of data sets, sources and recipes, the caption.
    """
    tables = blocks(configuration, name, read_cells(csv))
    made = [latex(block) for block in tables]
    ticks = any(HAS in block for block in made)
    fragments = [block.replace(HAS, r"$\checkmark$") for block in made]
    values = {"csv": csv.name, "blocks": list(zip(tables, fragments, strict=True)), "ticks": ticks}
    texts = {
        csv.with_suffix(".md"): "\n".join(markdown(block) for block in tables),
        csv.with_suffix(".tex"): text("table.tex", standalone=False, **values),
        csv.with_name(f"{csv.stem}-standalone.tex"): text("table.tex", standalone=True, **values),
    }
    for file, content in texts.items():
        write_text(file, content)
    return list(texts)


def blocks(configuration: Configuration, name: str, cells: pd.DataFrame) -> list[Block]:
    """The printed tables for the cells of table `name`, one for each data set.

    The edition follows from the columns: with `paper` it is the comparison, else the ordinary one.
    """
    table = configuration.table(name)
    if table.layout == "settings":
        ticks = [_ticks(table, factors) for factors in cells["factors"]]
        titles = [configuration.recipe_book.title(recipe) for recipe in cells["recipe"]]
        frame = pd.DataFrame(ticks, pd.Index(titles, name="Method"), list(table.factors))
        note = line("settings_note.txt", protocols=cells["protocol"].unique())
        return [Block(table.title, table.caption, frame, frame.isin([True]), note)]
    return [_block(configuration, table, group) for _, group in cells.groupby("dataset", sort=False)]


def _block(configuration: Configuration, table: Table, cells: pd.DataFrame) -> Block:
    assert table.dataset is not None  # a table that is measured has one
    known = facts(configuration, cells)
    words = {
        "table": table,
        "comparison": "paper" in cells,
        "usual_dataset": configuration.dataset(table.dataset).title,
        "recipes": list(cells["recipe"].unique()),
        "of": int(cells["applicable"].sum()),
        "differences": cells["difference"].dropna().abs() if "paper" in cells else None,
        "missing": bool((cells["applicable"] & (cells["n"] == 0)).any()),
        "inapplicable": not cells["applicable"].all(),
        **known,
    }
    gaps = table.layout == "main"
    return Block(
        title=line("table_title.txt", **words),
        caption=line("table_caption.txt", **words),
        cells=_wide(configuration, table, cells, lambda cell: _parts(cell, gaps)),
        best=_wide(configuration, table, cells, lambda cell: _best(cell, gaps)),
        note=line("table_note.txt", **words),
    )


def _wide(
    configuration: Configuration,
    table: Table,
    cells: pd.DataFrame,
    parts: Callable[["pd.Series[Any]"], dict[str, Any]],
) -> pd.DataFrame:
    """The parts of all cells in the printed shape: a row a set and recipe, columns (network, part)."""
    archs = {arch: _arch_title(configuration, arch, cells) for arch in cells["arch"].unique()}
    labels, rows = [], []
    for _, group in cells.groupby(["source", "ipc", "recipe"], sort=False):
        labels.append(_labels(configuration, table, group.iloc[0]))
        rows.append(
            {
                (archs[cell["arch"]], part): value
                for _, cell in group.iterrows()
                for part, value in parts(cell).items()
            }
        )
    names = list(table.factors) or ["DD", "IPC", "Method"]
    wide = pd.DataFrame(rows, pd.MultiIndex.from_tuples(labels, names=names))
    wide.columns = pd.MultiIndex.from_tuples(list(rows[0]))
    return wide


def _parts(cell: "pd.Series[Any]", gaps: bool) -> dict[str, str]:
    """The parts of a printed cell, numbers in percent with one decimal."""
    if "paper" in cell:
        paper = {
            "paper": spread(cell["paper"], cell["paper_std"]),
            "diff.": signed(cell["difference"]),
        }
    else:
        paper = {"gap": "" if pd.isna(cell["gap"]) else f"({signed(cell['gap'])})"} if gaps else {}
    if not cell["applicable"]:
        return {OURS: NOT_APPLICABLE, **dict.fromkeys(paper, "")}
    return {OURS: spread(cell["mean"], cell["std"]), **paper}


def _best(cell: "pd.Series[Any]", gaps: bool) -> dict[str, bool]:
    """For each part of a cell whether it is bold."""
    return {part: part == OURS and bool(cell["best"]) for part in _parts(cell, gaps)}


def _labels(configuration: Configuration, table: Table, cell: "pd.Series[Any]") -> tuple[str, ...]:
    """The labels of the row of `cell`: its factors, or its set and method."""
    if table.factors:
        return _ticks(table, cell["factors"])
    source = configuration.source(str(cell["source"])).title
    return source, str(cell["ipc"]), configuration.recipe_book.title(str(cell["recipe"]))


def _ticks(table: Table, factors: object) -> tuple[str, ...]:
    """A mark for each factor of `table`; `factors` are those that a recipe has, missing if none."""
    has = factors.split(LIST_SEPARATOR) if isinstance(factors, str) else []
    return tuple(HAS if factor in has else LACKS for factor in table.factors)


def _arch_title(configuration: Configuration, arch: str, cells: pd.DataFrame) -> str:
    """The network's name; the CNN's depth is that for the data set, where all sources agree."""
    if arch != "cnn":
        return configuration.arch_title(arch)
    pairs = cells[["source", "dataset"]].drop_duplicates().itertuples(index=False)
    depths = {len(network_widths(configuration, source, dataset)) for source, dataset in pairs}
    return f"{depths.pop()}-layer CNN" if len(depths) == 1 else "CNN"


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
