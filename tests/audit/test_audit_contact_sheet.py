"""Contact sheets: what is drawn where, and what is left out and said so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crossarch.audit.contact_sheet import GAP, LABEL, MARGIN, chosen_rows, draw_contact_sheet, evenly


def test_each_image_is_drawn_whole_in_the_row_of_its_class(tmp_path: Path) -> None:
    images = torch.zeros(4, 3, 8, 8)
    images[0, 0], images[1, 1], images[2, 2], images[3] = 1, 1, 5, -3  # red, green, blue, black
    sheet = tmp_path / "sheet.png"
    draw_contact_sheet(images, torch.tensor([4, 2, 4, 2]), "Title", sheet)
    drawn = np.asarray(Image.open(sheet))
    tile = 64
    top = len(drawn) - MARGIN - 2 * (tile + GAP)
    expected = {(0, 0): (0, 255, 0), (0, 1): (0, 0, 0), (1, 0): (255, 0, 0), (1, 1): (0, 0, 255)}
    for (row, column), colour in expected.items():
        y, x = top + row * (tile + GAP), MARGIN + LABEL + column * (tile + GAP)
        assert (drawn[y : y + tile, x : x + tile] == colour).all(), (row, column)
    assert not list(tmp_path.glob("*.part"))


def test_grey_images_and_their_pixels(tmp_path: Path) -> None:
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    sheet = tmp_path / "sheet.png"
    draw_contact_sheet(image, torch.tensor([0]), "A title so long that it takes two lines " * 3, sheet)
    drawn = np.asarray(Image.open(sheet))
    top, left = len(drawn) - MARGIN - 64 - GAP, MARGIN + LABEL
    small = drawn[top : top + 64 : 4, left : left + 64 : 4]
    np.testing.assert_array_equal(small, (image[0, 0] * 255).round()[..., None].expand(16, 16, 3))


def test_large_sets_are_sampled_evenly() -> None:
    classes = torch.arange(100).repeat_interleave(50)
    rows = chosen_rows(classes)
    assert [label for label, _ in rows] == [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]
    assert all(len(chosen) == 10 for _, chosen in rows)
    assert all(classes[index] == label for label, chosen in rows for index in chosen)
    assert rows[1][1][0] == 11 * 50
    assert rows[1][1][-1] == 11 * 50 + 49


@pytest.mark.parametrize("count", [1, 10, 11, 25])
def test_evenly(count: int) -> None:
    chosen = evenly(list(range(count)), 10)
    assert len(chosen) == min(count, 10)
    assert sorted(set(chosen)) == chosen
    assert (chosen[0], chosen[-1]) == (0, count - 1)
