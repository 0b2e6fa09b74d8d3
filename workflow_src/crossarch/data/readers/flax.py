"""Checkpoints of flax, read with msgpack alone: neither flax nor jax is needed, nothing is executed.

The format is that of flax's `serialization.py`: nested mappings; an array is extension type 1, a scalar
of numpy type 3, each a packed (shape, name of the dtype, bytes in row-major order); an array of over a
gigabyte is a mapping with its shape and its chunks.
"""

import math
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from crossarch.data.readers.registry import reader
from crossarch.errors import DataError

_ARRAY, _COMPLEX, _SCALAR = 1, 2, 3
_CHUNKED = "__msgpack_chunked_array__"
_DTYPES = {"bool", "float16", "float32", "float64"} | {
    f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)
}


def _sign(path: Path, head: bytes) -> bool:
    """A file of msgpack that begins with a mapping that is not empty."""
    return 0x81 <= head[:1][0] <= 0x8F or head[:1] in (b"\xde", b"\xdf") if head else False


@reader("flax", "flax checkpoint", _sign)
def read_flax(path: Path) -> dict[str, Any]:
    """The tree of a checkpoint; its leaves are numpy arrays (bfloat16 as float32) and plain values.

    Raises DataError if the file is not a whole checkpoint or holds an array of another kind.
    """
    try:
        tree = msgpack.unpackb(path.read_bytes(), ext_hook=_extension, raw=False, strict_map_key=False)
        joined = _join_chunks(tree)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (
        msgpack.UnpackException,
        ArithmeticError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: is not a whole flax checkpoint: {reason}") from None
    if not isinstance(joined, dict):
        raise DataError(
            f"{path}: is not a flax checkpoint: found {type(joined).__name__}, needed: a tree"
        )
    return joined


def _extension(code: int, data: bytes) -> Any:
    if code == _ARRAY:
        return _array(data)
    if code == _SCALAR:
        return _array(data)[()]
    if code == _COMPLEX:
        return complex(*msgpack.unpackb(data))
    raise ValueError(f"extension type {code} is not one of flax")


def _array(data: bytes) -> np.ndarray:
    shape, name, content = msgpack.unpackb(data, raw=False)
    _check_shape(shape)
    bits = name == "bfloat16"
    if not bits and name not in _DTYPES:
        raise ValueError(f"an array of dtype {name!r}")
    dtype = np.dtype("<u2" if bits else name).newbyteorder("<")
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(content)} bytes for an array {tuple(shape)} of {name}")
    flat = np.frombuffer(content, dtype)
    # A bfloat16 is the upper half of a float32.
    values = (flat.astype("<u4") << 16).view("<f4") if bits else flat
    return values.reshape(shape)


def _join_chunks(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if _CHUNKED not in tree:
        return {key: _join_chunks(value) for key, value in tree.items()}
    shape, chunks = (
        [tree[part][str(i)] for i in range(len(tree[part]))] for part in ("shape", "chunks")
    )
    _check_shape(shape)
    return np.concatenate(chunks).reshape(shape)


def _check_shape(shape: Any) -> None:
    if any(not isinstance(side, int) or side < 0 for side in shape):
        raise ValueError(f"an array of shape {shape}")
