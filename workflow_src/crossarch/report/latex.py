"""Tables as LaTeX: a fragment for a paper (booktabs, multirow), or a document of its own."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from crossarch.report.blocks import (
    HEADINGS,
    NOT_APPLICABLE,
    NOT_RUN,
    PARTS,
    Block,
    Cell,
    Row,
)

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "—": "---",
    "±": r"$\pm$",
}
_SPECIAL = re.compile("|".join(map(re.escape, _ESCAPES)))
_LABELS = len(HEADINGS)  # columns before the first network
_GAP = "1.6em"  # between networks, wider than between the parts of a cell
_GUTTER = f"@{{\\hspace{{{_GAP}}}}}"


def latex(tables: Sequence[Block], csv: str) -> str:
    """The fragment: each block's table with its note below, as wide as the table.

    `csv` is the name of the file that the numbers stand in. The caption is left to the document.
    """
    head = f"% From {csv}. Needs the packages booktabs and multirow."
    return "\n".join([head, *_content(tables, captioned=False)]) + "\n"


def standalone(tables: Sequence[Block], csv: str) -> str:
    """A document that compiles by itself to one page, as large as captions, tables and notes."""
    lines = [
        f"% From {csv}.",
        r"\documentclass[border=4pt]{standalone}",
        r"\usepackage{booktabs}",
        r"\usepackage{multirow}",
        r"\begin{document}",
        *_content(tables, captioned=True),
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Plain text for LaTeX."""
    return _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text)


def _content(tables: Sequence[Block], *, captioned: bool) -> list[str]:
    # The box measures the table, so that the note can be set as wide.
    lines = [r"\ifdefined\crossarchtable\else\newsavebox{\crossarchtable}\fi"]
    if len(tables) == 1:
        return lines + _boxed(tables[0], captioned)
    lines.append(r"\begin{tabular}{@{}l@{}}")
    for block in tables:
        lines += [*_boxed(block, captioned), r"\\[2em]"]
    lines[-1] = r"\end{tabular}%"
    return lines


def _boxed(block: Block, captioned: bool) -> list[str]:
    caption = rf"\textbf{{{escaped(block.title)}.}} {escaped(block.caption)}\par\medskip"
    return [
        r"\begin{lrbox}{\crossarchtable}%",
        *_tabular(block),
        r"\end{lrbox}%",
        r"\begin{minipage}[b]{\wd\crossarchtable}",
        *([caption] if captioned else []),
        r"\usebox{\crossarchtable}\par\medskip",
        rf"\footnotesize\raggedright {escaped(block.note)}",
        r"\end{minipage}%",
    ]


def _tabular(block: Block) -> list[str]:
    columns = _GUTTER.join(["rrr" if block.comparison else "r@{ }r"] * len(block.archs))
    return [
        rf"\begin{{tabular}}{{@{{}}lrl{_GUTTER}{columns}@{{}}}}",
        r"\toprule",
        *_header(block),
        r"\midrule",
        *_body(block),
        r"\bottomrule",
        r"\end{tabular}%",
    ]


def _header(block: Block) -> list[str]:
    if not block.comparison:
        return [_line([*map(escaped, HEADINGS), *_centred(map(escaped, block.archs), 2)])]
    width = len(PARTS)
    rules = []
    for place in range(len(block.archs)):
        start = _LABELS + 1 + width * place
        gap = "" if place == len(block.archs) - 1 else f"(r{{{_GAP}}})"
        rules.append(rf"\cmidrule{gap}{{{start}-{start + width - 1}}}")
    return [
        _line([*[""] * _LABELS, *_centred(map(escaped, block.archs), width)]),
        "".join(rules),
        _line([*map(escaped, HEADINGS), *PARTS * len(block.archs)]),
    ]


def _centred(titles: Iterable[str], columns: int) -> list[str]:
    """Titles over several columns each, with the gutters that those columns have."""
    *first, last = titles
    return [
        *(rf"\multicolumn{{{columns}}}{{c{_GUTTER}}}{{{title}}}" for title in first),
        rf"\multicolumn{{{columns}}}{{c@{{}}}}{{{last}}}",
    ]


def _body(block: Block) -> list[str]:
    """The rows; a rule between sources, a partial one between the IPCs of a source."""
    width = len(PARTS) if block.comparison else 2
    partial = rf"\cmidrule{{2-{_LABELS + width * len(block.archs)}}}"
    lines: list[str] = []
    for source, of_source in groupby(block.rows, key=lambda row: row.source):
        rows = list(of_source)
        lines += [r"\midrule"] if lines else []
        source_label = rf"\multirow{{{len(rows)}}}{{*}}{{{escaped(source)}}}"
        for ipc, of_ipc in groupby(rows, key=lambda row: row.ipc):
            members = list(of_ipc)
            lines += [] if source_label else [partial]
            ipc_label = rf"\multirow{{{len(members)}}}{{*}}{{{ipc}}}"
            for row in members:
                lines.append(_row(block, source_label, ipc_label, row))
                source_label = ipc_label = ""
    return lines


def _row(block: Block, source: str, ipc: str, row: Row) -> str:
    last = len(row.cells) - 1
    cells = [_cell(block, cell, place == last) for place, cell in enumerate(row.cells)]
    return _line([source, ipc, escaped(row.recipe), *cells])


def _cell(block: Block, cell: Cell, last: bool) -> str:
    """The fields of a cell, two in the ordinary edition, three in the comparison."""
    end = "@{}" if last else _GUTTER
    if not cell.applicable:
        width = len(PARTS) if block.comparison else 2
        return rf"\multicolumn{{{width}}}{{c{end}}}{{{escaped(NOT_APPLICABLE)}}}"
    ours = escaped(cell.ours or NOT_RUN)
    if cell.best:
        ours = rf"\textbf{{{_bold(ours)}}}"
    if block.comparison:
        return " & ".join([ours, _signed(cell.paper), _signed(cell.difference)])
    if cell.ours is None:
        return rf"\multicolumn{{2}}{{c{end}}}{{{ours}}}"
    return f"{ours} & " + (f"({_signed(cell.gap)})" if cell.gap else "")


def _bold(text: str) -> str:
    """Bold mathematics where the text is bold."""
    return text.replace(r"$\pm$", r"\boldmath$\pm$")


def _signed(number: str | None) -> str:
    """A number with a minus sign instead of a hyphen."""
    return escaped(NOT_RUN) if number is None else number.replace("-", "$-$")


def _line(fields: Iterable[str]) -> str:
    return " & ".join(fields).strip() + r" \\"
