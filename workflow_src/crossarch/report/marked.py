"""Paragraphs of a page that people write, made anew between two marks."""

import re
from pathlib import Path

from crossarch.errors import DataError
from crossarch.files import write_text


def marks(name: str) -> tuple[str, str]:
    """The lines before and behind the paragraph `name`."""
    return f"<!-- {name}: made by `snakemake reproduction` -->", f"<!-- /{name} -->"


def renew(page: Path, name: str, paragraph: str) -> None:
    """Put `paragraph` between the marks of `name` in `page`; DataError, and no change, without them."""
    text = page.read_text(encoding="utf-8")
    write_text(page, _block(page, text, name).sub(lambda _: f"{paragraph}\n", text))


def check_marked(page: Path, name: str) -> None:
    """Raise DataError unless `page` has the marks of `name`."""
    _block(page, page.read_text(encoding="utf-8"), name)


def _block(page: Path, text: str, name: str) -> re.Pattern[str]:
    begin, end = marks(name)
    block = re.compile(f"(?<={re.escape(begin)}\n).*(?={re.escape(end)})", re.DOTALL)
    if not block.search(text):
        raise DataError(f"{page}: found no lines {begin} and {end}, needed for what is made anew there")
    return block
