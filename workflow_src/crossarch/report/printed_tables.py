"""A table of the paper as files: the tidy CSV, then Markdown and LaTeX made from that CSV alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration, network_widths
from crossarch.config.schema import Table
from crossarch.files import write_text
from crossarch.printing.numbers import LIST_SEPARATOR
from crossarch.printing.templates import signed, spread
from crossarch.report.facts import facts, line, text
from crossarch.report.table_formats import HAS, LACKS, NOT_APPLICABLE, OURS, Block, latex, markdown
from crossarch.report.tables import read_cells, settings_table, table_cells, without_paper


def render_table(
    configuration: Configuration, name: str, runs: pd.DataFrame, directory: Path
) -> list[Path]:
    """Write the editions of table `name` to `directory`; returns the files.

    `<name>` has the shape of the paper, `<name>-comparison` puts the paper's numbers beside ours (a
    table without runs has the first alone; `runs` is the table of `collect_runs`);
    each is a `.csv`, `.md`, `.tex` (a fragment) and `-standalone.tex` (a document). Raises
    ConfigError if there is no such table, and what `table_cells` raises.
    """
    table = configuration.table(name)
    if table.layout == "settings":
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
