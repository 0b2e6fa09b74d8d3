"""Files of safetensors: tensors by name behind a header of JSON."""

from pathlib import Path

from torch import Tensor

from crossarch.data.readers.registry import reader
from crossarch.data.store import load_tensors


@reader("safetensors", "safetensors", lambda path, head: head[8:9] == b"{" and head[4:8] == bytes(4))
def read_safetensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file. Raises DataError if it is damaged."""
    return load_tensors(path)
