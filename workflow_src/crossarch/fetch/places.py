"""Where files may be found without the network: mirror directories and the cache."""

import os
from pathlib import Path

from crossarch.config.files import expanded
from crossarch.errors import FetchError


def mirrors_from_environment() -> tuple[Path, ...]:
    """Return the directories of `CROSSARCH_MIRROR` (colon-separated), in order; none if unset.

    Each is laid out as `<host>/<path>` and is only ever read. Raises FetchError, naming it, for one
    that is not there: to go on without it would hide a misspelling behind a long download.
    """
    names = [name for name in os.environ.get("CROSSARCH_MIRROR", "").split(":") if name]
    mirrors = tuple(_expand("CROSSARCH_MIRROR", name) for name in names)
    for mirror in mirrors:
        if not mirror.is_dir():
            raise FetchError(f"{mirror}: named in CROSSARCH_MIRROR but is not a directory")
    return mirrors


def cache_directory() -> Path:
    """Return where downloads are kept for the next run (the directory need not exist yet).

    `CROSSARCH_CACHE`, else `$XDG_CACHE_HOME/crossarch`, else `~/.cache/crossarch`. Raises
    FetchError if there is no home directory to fall back on.
    """
    if own := os.environ.get("CROSSARCH_CACHE"):
        return _expand("CROSSARCH_CACHE", own)
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification says that a relative path is to be ignored.
    if not shared.is_absolute():
        shared = _expand("CROSSARCH_CACHE", "~/.cache")
    return shared / "crossarch"


def _expand(variable: str, name: str) -> Path:
    try:
        return expanded(name)
    except ValueError as error:
        raise FetchError(f"{variable}: found {name!r}, allowed: {error}") from None
