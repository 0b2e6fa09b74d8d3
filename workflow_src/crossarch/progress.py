"""Long work shows how far it is, with the time left, where stderr is a terminal; else it is silent."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def tracked(items: Iterable[T], title: str, total: float | None = None) -> Iterable[T]:
    """Go through `items` (`total`, or as many as there are) under a bar on stderr that goes away."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(items, escape(title), total, console=console, transient=True, disable=hidden)


@contextmanager
def working(title: str) -> Iterator[None]:
    """Say on stderr that something is being done that cannot be divided into steps."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(escape(title)):
        yield
