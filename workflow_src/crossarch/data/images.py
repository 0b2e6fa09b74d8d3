"""Image files to pixels."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from crossarch.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def decode(content: bytes, name: str) -> np.ndarray:
    """An image file as (H, W, 3) uint8, grey ones included; DataError names what is not an image."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise DataError(f"{name}: is not an image: {error}") from None
