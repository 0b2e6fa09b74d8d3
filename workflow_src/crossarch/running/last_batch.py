"""What is said where the last batch of an epoch is too small for a batch norm."""

from collections.abc import Iterator
from contextlib import contextmanager

from crossarch.errors import TrainingError


@contextmanager
def telling_of_one_image(name: str, images: int, batch_size: int, in_batch: int) -> Iterator[None]:
    """A batch norm refuses one value per channel: a batch of one image, seen as one pixel.

    `name` is the work's, `images` are in the set and `in_batch` of them in this batch. Raises
    TrainingError instead of the norm's ValueError.
    """
    try:
        yield
    except ValueError as error:
        if in_batch > 1:
            raise
        raise TrainingError(
            f"{name}: {images} images in batches of {batch_size} leave one for the last, which batch "
            f"norm cannot take: another batch_size in datasets.yaml helps ({error})"
        ) from None
