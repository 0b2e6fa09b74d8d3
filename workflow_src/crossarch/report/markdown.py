"""Tables as Markdown (pipe tables, as GitHub shows them)."""

from collections.abc import Sequence

from tabulate import tabulate

from crossarch.report.blocks import HEADINGS, NOT_APPLICABLE, NOT_RUN, Block, Cell, Row


def markdown(tables: Sequence[Block]) -> str:
    """The text of a Markdown file: title, caption, table and note of each block."""
    return "\n".join(_block(block) for block in tables)


def _block(block: Block) -> str:
    caption = block.caption
    if block.comparison:
        caption += " A cell reads ours / paper / difference."
    table = tabulate(
        [
            [*_labels(block.rows, place), *(_text(block, cell) for cell in row.cells)]
            for place, row in enumerate(block.rows)
        ],
        headers=[*HEADINGS, *map(_escaped, block.archs)],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left", "right", "left", *["right"] * len(block.archs)],
    )
    return f"# {_escaped(block.title)}\n\n{_escaped(caption)}\n\n{table}\n\n{_escaped(block.note)}\n"


def _labels(rows: Sequence[Row], place: int) -> list[str]:
    """Source and IPC where they change, the recipe always."""
    row = rows[place]
    before = rows[place - 1] if place else None
    same_source = before is not None and before.source == row.source
    same_ipc = before is not None and same_source and before.ipc == row.ipc
    source, ipc = "" if same_source else row.source, "" if same_ipc else row.ipc
    return [_escaped(source), ipc, _escaped(row.recipe)]


def _text(block: Block, cell: Cell) -> str:
    """`**50.7 ± 0.1** (+6.4)`, or in the comparison edition `**50.7 ± 0.1** / 50.7 / +0.0`."""
    if not cell.applicable:
        return NOT_APPLICABLE
    ours = cell.ours or NOT_RUN
    if cell.best:
        ours = f"**{ours}**"
    if block.comparison:
        return f"{ours} / {cell.paper or NOT_RUN} / {cell.difference or NOT_RUN}"
    return f"{ours} ({cell.gap})" if cell.gap else ours


def _escaped(text: str) -> str:
    for special in "\\|*_<`":
        text = text.replace(special, f"\\{special}")
    return text
