"""Tables as LaTeX: a fragment for a paper (booktabs, multirow), or a document of its own."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import takewhile

from crossarch.config.schema import MARKS
from crossarch.printing.words import listed
from crossarch.report.blocks import HAS, NOT_APPLICABLE, NOT_RUN, PARTS, Block, PrintedCell


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


# Each sign, and behind it its command.
_MATHEMATICS = _pairs("""
    α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi
    π pi ρ rho ς varsigma σ sigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta
    Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega µ mu ± pm × times ÷ div · cdot → rightarrow
    ← leftarrow ↔ leftrightarrow ↑ uparrow ↓ downarrow ⇒ Rightarrow ≤ leq ≥ geq ≠ neq ≈ approx ≡ equiv
    ∞ infty ∂ partial ∇ nabla ∈ in ∪ cup ∩ cap ∑ sum ∏ prod
""")
_LETTERS = _pairs("ß ss æ ae œ oe ø o ł l ı i Æ AE Œ OE Ø O Ł L § S © copyright … ldots")
_ACCENTS = dict(zip(MARKS, "`'^~=u.\"rHvc", strict=True))
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
    **dict(zip("–—‘’“”", ("--", "---", "`", "'", "``", "''"), strict=True)),
    **dict(zip("°²³", ("$^\\circ$", "$^2$", "$^3$"), strict=True)),
    **dict(zip("οΑΒΕΖΗΙΚΜΝΟΡΤΧ", "oABEZHIKMNOPTX", strict=True)),  # Greek that looks Latin
    **{letter: f"\\{command}{{}}" for letter, command in _LETTERS.items()},
    **{sign: f"$\\{command}$" for sign, command in _MATHEMATICS.items()},
    HAS: r"$\checkmark$",
}
_SPECIAL = re.compile("|".join([*map(re.escape, _ESCAPES), "[^\\x00-\\x7f]"]))
_GAP = "1.6em"  # between networks, wider than between the parts of a cell
_GUTTER = f"@{{\\hspace{{{_GAP}}}}}"


def latex(tables: Sequence[Block], csv: str) -> str:
    """The fragment: each block's table with its note below, as wide as the table.

    `csv` is the name of the file that has the numbers. The caption is left to the document.
    """
    head = f"% From {csv}. Needs the packages {listed(_packages(tables))}."
    return "\n".join([head, *_content(tables, captioned=False)]) + "\n"


def standalone(tables: Sequence[Block], csv: str) -> str:
    """A document that compiles by itself to one page, as large as captions, tables and notes."""
    lines = [
        f"% From {csv}.",
        r"\documentclass[border=4pt]{standalone}",
        *(rf"\usepackage{{{package}}}" for package in _packages(tables)),
        r"\begin{document}",
        *_content(tables, captioned=True),
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Plain text for LaTeX; all of a title in ASCII, so that it takes no package and no encoding."""
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match.group()) or _accented(match.group()), text)


def _accented(letter: str) -> str:
    """`\\'{e}` for é; what is no letter with an accent stays as it is."""
    parts = unicodedata.normalize("NFD", letter)
    base, mark = parts[0], parts[1:]
    if mark not in _ACCENTS:
        return letter
    dotless = {"i": r"\i", "j": r"\j"}
    return rf"\{_ACCENTS[mark]}{{{dotless.get(base, base)}}}"


def _packages(tables: Sequence[Block]) -> list[str]:
    ticked = any(HAS in row.labels for block in tables for row in block.rows)
    return [*(["amssymb"] if ticked else []), "booktabs", "multirow"]


def _width(block: Block) -> int:
    """Columns of a cell: ours, paper and difference; ours and the gap; ours."""
    return len(PARTS) if block.comparison else 2 if block.gaps else 1


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
    labels = "".join(heading.align[0] for heading in block.headings)
    of_cell = {1: "r", 2: "r@{ }r", 3: "rrr"}[_width(block)]
    cells = [_GUTTER + of_cell for _ in block.archs]
    return [
        rf"\begin{{tabular}}{{@{{}}{labels}{''.join(cells)}@{{}}}}",
        r"\toprule",
        *_header(block),
        r"\midrule",
        *_body(block),
        r"\bottomrule",
        r"\end{tabular}%",
    ]


def _header(block: Block) -> list[str]:
    titles = [escaped(heading.title) for heading in block.headings]
    if not block.archs:
        return [_line(titles)]
    width = _width(block)
    archs = _centred(map(escaped, block.archs), width)
    if not block.comparison:
        return [_line([*titles, *archs])]
    rules = []
    for place in range(len(block.archs)):
        start = len(titles) + 1 + width * place
        gap = "" if place == len(block.archs) - 1 else f"(r{{{_GAP}}})"
        rules.append(rf"\cmidrule{gap}{{{start}-{start + width - 1}}}")
    return [
        _line([*[""] * len(titles), *archs]),
        "".join(rules),
        _line([*titles, *PARTS * len(block.archs)]),
    ]


def _centred(titles: Iterable[str], columns: int) -> list[str]:
    """Titles over several columns each, with the gutters that those columns have."""
    *first, last = titles
    return [
        *(rf"\multicolumn{{{columns}}}{{c{_GUTTER}}}{{{title}}}" for title in first),
        rf"\multicolumn{{{columns}}}{{c@{{}}}}{{{last}}}",
    ]


def _body(block: Block) -> list[str]:
    """The rows; a rule where the first grouped label changes, a partial one for the others."""
    columns = len(block.headings) + _width(block) * len(block.archs)
    lines: list[str] = []
    for place in range(len(block.rows)):
        changed = block.changed(place)
        if place and changed is not None:
            lines.append(r"\midrule" if changed == 0 else rf"\cmidrule{{{changed + 1}-{columns}}}")
        lines.append(_row(block, place))
    return lines


def _row(block: Block, place: int) -> str:
    row, changed = block.rows[place], block.changed(place)
    labels = []
    for column, (heading, label) in enumerate(zip(block.headings, row.labels, strict=True)):
        if not heading.grouped:
            labels.append(escaped(label))
        elif changed is None or column < changed:
            labels.append("")
        else:
            labels.append(rf"\multirow{{{_group(block, place, column)}}}{{*}}{{{escaped(label)}}}")
    last = len(row.cells) - 1
    return _line([*labels, *(_cell(block, cell, i == last) for i, cell in enumerate(row.cells))])


def _group(block: Block, place: int, column: int) -> int:
    """How many rows from `place` on have its labels up to `column`."""
    labels = block.rows[place].labels[: column + 1]
    return len(list(takewhile(lambda row: row.labels[: column + 1] == labels, block.rows[place:])))


def _cell(block: Block, cell: PrintedCell, last: bool) -> str:
    """The fields of a cell, as many as `_width` says."""
    end = "@{}" if last else _GUTTER
    if not cell.applicable:
        return rf"\multicolumn{{{_width(block)}}}{{c{end}}}{{{escaped(NOT_APPLICABLE)}}}"
    ours = escaped(cell.ours or NOT_RUN)
    if cell.best:
        ours = rf"\textbf{{{_bold(ours)}}}"
    if block.comparison:
        return " & ".join([ours, _signed(cell.paper), _signed(cell.difference)])
    if not block.gaps:
        return ours
    if cell.ours is None:
        return rf"\multicolumn{{2}}{{c{end}}}{{{ours}}}"
    return f"{ours} & " + (f"({_signed(cell.gap)})" if cell.gap else "")


def _bold(text: str) -> str:
    """Bold mathematics where the text is bold."""
    return text.replace(r"$\pm$", r"\boldmath$\pm$")


def _signed(number: str | None) -> str:
    """A number with a minus sign instead of a hyphen."""
    return escaped(NOT_RUN) if number is None else escaped(number).replace("-", "$-$")


def _line(fields: Iterable[str]) -> str:
    line = " & ".join(fields).strip()
    # The end of the line before, or its rule, would take these for an argument of its own.
    guard = "{}" if line.startswith(("[", "*")) else ""
    return rf"{guard}{line} \\"
