"""Files of `torch.save`: tensors, `nn.Parameter`s, NumPy values and containers of them, no code."""

from pathlib import Path
from typing import Any

from crossarch.data.readers.registry import reader, zipped_with
from crossarch.data.store import load_pt

_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch before 1.6


def _sign(path: Path, head: bytes) -> bool:
    if head.startswith(b"\x80"):  # any pickle: what else it holds is refused when it is read
        return head.startswith((_MAGIC, b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))
    return zipped_with(path, head, "/data.pkl")


@reader("pt", "PyTorch file", _sign)
def read_pytorch(path: Path) -> Any:
    """What `torch.save` wrote, on the CPU. Raises DataError as `load_pt`."""
    return load_pt(path)
