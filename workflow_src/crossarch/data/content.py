"""What a split of a real set holds, as one digest: whatever it was packed in, and in whatever order."""

import hashlib

import torch
from torch import Tensor

from crossarch.data.store import ImageSet


def image_digests(images: Tensor, labels: Tensor | None = None) -> list[bytes]:
    """The SHA-256 of each image (N, C, H, W) uint8, with its class where there are `labels` (N,) int64.

    It is that of ``C H W label`` in ASCII, or ``C H W``, a line feed and the pixels as (C, H, W).
    """
    shape, count = " ".join(map(str, images.shape[1:])), len(images)
    heads = [shape] * count if labels is None else [f"{shape} {label}" for label in labels.tolist()]
    pixels = images.contiguous().numpy()
    return [
        hashlib.sha256(f"{head}\n".encode() + image.tobytes()).digest()
        for head, image in zip(heads, pixels, strict=True)
    ]


def content_digest(images: ImageSet) -> str:
    """The SHA-256, in hexadecimal digits, of the sorted digests of all images (uint8) and labels."""
    return hashlib.sha256(b"".join(sorted(image_digests(images.images, images.labels)))).hexdigest()


def content_order(images: Tensor) -> Tensor:
    """The numbers of images (N, C, H, W) uint8 in the order of their digests, (N,) int64.

    Whatever order they come in, the n-th in this order has the same pixels.
    """
    digests = image_digests(images)
    return torch.tensor(sorted(range(len(digests)), key=digests.__getitem__), dtype=torch.int64)
