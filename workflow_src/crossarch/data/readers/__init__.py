"""Readers of published sets, a module each: a file becomes tensors by name, whatever wrote it."""

from crossarch.data.readers import flax, images, numpy, pytorch, safetensors
from crossarch.data.readers.contents import Choices, Contents, learned_rate, read_set
from crossarch.data.readers.registry import READERS, read_file, reader_of

__all__ = [
    "READERS",
    "Choices",
    "Contents",
    "flax",
    "images",
    "learned_rate",
    "numpy",
    "pytorch",
    "read_file",
    "read_set",
    "reader_of",
    "safetensors",
]
