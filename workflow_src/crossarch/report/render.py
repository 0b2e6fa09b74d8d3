"""A table of the paper as files: the tidy CSV first, then Markdown and LaTeX from that CSV."""

from pathlib import Path

import pandas as pd

from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration
from crossarch.files import write_text
from crossarch.report.blocks import blocks
from crossarch.report.latex import latex, standalone
from crossarch.report.markdown import markdown
from crossarch.report.tables import read_cells, settings_table, table_cells, without_paper


def render_table(
    configuration: Configuration, name: str, runs: pd.DataFrame, directory: Path
) -> list[Path]:
    """Write the editions of table `name` to `directory`; gives the files.

    `<name>` has the shape of the paper, `<name>-comparison` puts the paper's numbers beside ours (a
    table without runs has the first alone, and `runs` is not looked at);
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
    """Write Markdown and LaTeX beside a CSV of table `name` and from it alone; gives the files.

    The configuration has only the words: titles of data sets, sources and recipes, the caption.
    """
    tables = blocks(configuration, name, read_cells(csv))
    texts = {
        csv.with_suffix(".md"): markdown(tables),
        csv.with_suffix(".tex"): latex(tables, csv.name),
        csv.with_name(f"{csv.stem}-standalone.tex"): standalone(tables, csv.name),
    }
    for file, text in texts.items():
        write_text(file, text)
    return list(texts)
