"""A contact sheet: the images of a set on one picture, a row a class, to be looked at."""

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from crossarch.files import atomic_path

ROWS = COLUMNS = 10
TILE = 64  # pixels that an image is enlarged to, at least its own size
GAP, MARGIN, LABEL = 4, 12, 64  # pixels between tiles, around the sheet, and for a row's name
WIDTH = 420  # of a sheet at least, so that the title has room
FONT, LINE = 14, 20  # pixels


def draw_contact_sheet(images: Tensor, classes: Tensor, title: str, destination: Path) -> None:
    """Draw images (N, C, H, W) with class indices (N,) as PNG; values are clipped to [0, 1].

    At most ROWS classes and COLUMNS images of each are shown, spread evenly; the title then says so.
    Images are enlarged by a whole factor, pixels stay squares. One channel is drawn grey.
    """
    rows = chosen_rows(classes)
    columns = max(len(chosen) for _, chosen in rows)
    height, width = images.shape[2:]
    factor = max(1, TILE // max(height, width))
    tall, wide = height * factor + GAP, width * factor + GAP
    sheet_width = max(WIDTH, 2 * MARGIN + LABEL + columns * wide)
    font = ImageFont.load_default(size=FONT)
    lines = _wrapped(title + _sampled(classes, rows), font, sheet_width - 2 * MARGIN)
    top = MARGIN + LINE * len(lines) + GAP
    sheet = Image.new("RGB", (sheet_width, top + len(rows) * tall + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        draw.text((MARGIN, MARGIN + LINE * number), line, fill="black", font=font)
    for row, (label, chosen) in enumerate(rows):
        y = top + row * tall
        draw.text((MARGIN, y + tall // 2), f"class {label}", fill="black", font=font, anchor="lm")
        for column, index in enumerate(chosen):
            sheet.paste(_tile(images[index], factor), (MARGIN + LABEL + column * wide, y))
    with atomic_path(destination) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def chosen_rows(classes: Tensor) -> list[tuple[int, list[int]]]:
    """(class, indices of its images) of each row to be shown, from class indices (N,)."""
    present = classes.unique().tolist()
    return [
        (label, evenly((classes == label).nonzero()[:, 0].tolist(), COLUMNS))
        for label in evenly(present, ROWS)
    ]


def evenly(items: list[int], count: int) -> list[int]:
    """At most `count` of `items`, spread evenly, the first and the last among them."""
    if len(items) <= count:
        return items
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]


def _sampled(classes: Tensor, rows: list[tuple[int, list[int]]]) -> str:
    """What the sheet leaves out, as the end of its title."""
    shown = sum(len(chosen) for _, chosen in rows)
    if shown == len(classes):
        return ""
    count = len(classes.unique())
    return f" ({shown} of {len(classes)} images, {len(rows)} of {count} classes)"


def _tile(image: Tensor, factor: int) -> Image.Image:
    """An image (C, H, W) in [0, 1] as RGB, each pixel a square of `factor` x `factor`."""
    colours = image if len(image) == 3 else image[:1].expand(3, -1, -1)
    pixels = (colours.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    tile = Image.fromarray(pixels)
    return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
