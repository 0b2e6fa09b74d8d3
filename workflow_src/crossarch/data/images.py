"""Image files to pixels."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from crossarch.errors import DataError

_PNG_BIT_DEPTH = 24  # where the first chunk of every PNG has its bits a channel
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def decode(content: bytes, name: str) -> np.ndarray:
    """An image file as (H, W, 3) uint8, grey ones included.

    DataError names what is not an image, and one that would lose by this: of more than 8 bits a channel,
    or transparent.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            bits = content[_PNG_BIT_DEPTH] if image.format == "PNG" else 8  # Pillow's mode tells 8 of 16
            mode, transparent = image.mode, image.has_transparency_data
            opaque = not transparent or np.asarray(image.convert("RGBA"))[..., 3].min() == 255
            pixels = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:  # whose own text names only a place in memory
        raise DataError(f"{name}: is not an image of a known kind") from None
    except Exception as error:  # Pillow's decoders each have errors of their own
        raise DataError(f"{name}: is not an image: {error}") from None
    if bits > 8:
        raise DataError(f"{name}: found {bits} bits a channel, needed: 8")
    if mode.startswith(("I", "F")):
        raise DataError(f"{name}: found pixels of mode {mode}, needed: 8 bits a channel")
    if not opaque:
        raise DataError(f"{name}: is transparent in places, needed: an opaque image")
    return pixels
