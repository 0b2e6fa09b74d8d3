"""`config/checksums.lock.yaml`: what files without a published checksum were when first used."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import Field

from crossarch.config.model import Int, Model
from crossarch.config.validation import validated
from crossarch.files import write_text

NAME = "checksums.lock.yaml"
_HEADER = """\
# yaml-language-server: $schema=schema/checksums.lock.json
# Files that upstream publishes no checksum of, as they were when first used. Written by
# `crossarch fetch --update-lock`, to be committed: a file that differs from its line stops the run.
"""


class Locked(Model):
    """The bytes that were trusted on first use: their number and their digest."""

    size: Int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def parse_lock(data: Mapping[str, object], file: Path) -> dict[str, Locked]:
    """The lock by URL; raises ConfigError for an entry that is not one."""
    return {str(url): validated(Locked, entry, str(file), str(url)) for url, entry in data.items()}


def write_lock(file: Path, lock: Mapping[str, Locked]) -> None:
    """Write the whole lock, in order of the URLs, atomically."""
    data = {url: lock[url].model_dump() for url in sorted(lock)}
    write_text(file, _HEADER + (yaml.safe_dump(data, sort_keys=False) if data else "{}\n"))
