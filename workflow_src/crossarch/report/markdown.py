"""Tables as Markdown (pipe tables, as GitHub shows them)."""

from collections.abc import Sequence

from tabulate import tabulate

from crossarch.report.blocks import NOT_APPLICABLE, NOT_RUN, Block, PrintedCell


def markdown(tables: Sequence[Block]) -> str:
    """The text of a Markdown file: title, caption, table and note of each block."""
    return "\n".join(_block(block) for block in tables)


def _block(block: Block) -> str:
    caption = block.caption
    if block.comparison:
        caption += " A cell reads ours / paper / difference."
    table = tabulate(
        [
            [*_labels(block, place), *(_text(block, cell) for cell in row.cells)]
            for place, row in enumerate(block.rows)
        ],
        headers=[escaped(title) for title in (*(h.title for h in block.headings), *block.archs)],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=[*(heading.align for heading in block.headings), *["right"] * len(block.archs)],
    )
    return f"# {escaped(block.title)}\n\n{escaped(caption)}\n\n{table}\n\n{escaped(block.note)}\n"


def _labels(block: Block, place: int) -> list[str]:
    """The labels of a row, those of the grouped columns only where they change."""
    changed = block.changed(place)
    labels = zip(block.headings, block.rows[place].labels, strict=True)
    return [
        "" if heading.grouped and (changed is None or column < changed) else escaped(label)
        for column, (heading, label) in enumerate(labels)
    ]


def _text(block: Block, cell: PrintedCell) -> str:
    """`**50.7 ± 0.1** (+6.4)`, or in the comparison edition `**50.7 ± 0.1** / 50.7 / +0.0`."""
    if not cell.applicable:
        return NOT_APPLICABLE
    ours = cell.ours or NOT_RUN
    if cell.best:
        ours = f"**{ours}**"
    if block.comparison:
        return f"{ours} / {cell.paper or NOT_RUN} / {cell.difference or NOT_RUN}"
    return f"{ours} ({cell.gap})" if cell.gap else ours


def escaped(text: str) -> str:
    """Plain text for a pipe table."""
    for special in "\\|*_<`":
        text = text.replace(special, f"\\{special}")
    return text
