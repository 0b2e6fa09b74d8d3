"""A file that no source names: what the audit says of it, and that its entry can be pasted."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from textures import DATASET, SPACES, textures, whiteners  # type: ignore[import-not-found]
from torch import Tensor

from crossarch.audit.unlisted import Description, describe_files, yaml_of
from crossarch.config.schema import Source, Standardisation
from crossarch.data import ImageSet, fit_whitener, save_set, save_whitener
from crossarch.data.readers import Choices
from crossarch.errors import DataError

MTT = Standardisation(mean=DATASET.mean, std=tuple(0.8 * std for std in DATASET.std))
SMALL = DATASET.model_copy(update={"classes": 4, "mtt": MTT})
LABELS = torch.arange(4).repeat_interleave(10)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test set in each space, and each whitening, as the prepare stage leaves them."""
    folder, test = tmp_path_factory.mktemp("prepared"), textures(500, seed=2)
    for name, whitener in whiteners().items():
        save_whitener(folder / f"whitener-{name}", whitener)
        save_set(folder / f"test-{name}", ImageSet(whitener(test), torch.arange(500) % 4), {})
    return folder


@pytest.fixture
def describe(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Save tensors as a user does, and describe the files."""
    monkeypatch.chdir(tmp_path)

    def described(images: Tensor, labels: Tensor = LABELS) -> Description:
        torch.save(images, "x.pt")
        torch.save(labels, "y.pt")
        return describe_files(
            [Path("x.pt"), Path("y.pt")],
            Choices(),
            "small",
            SMALL,
            Path("train.safetensors"),
            {name: prepared / f"test-{name}" for name in SPACES},
            {name: prepared / f"whitener-{name}" for name in SPACES},
            Path("sheet.png"),
        )

    return described


@pytest.mark.parametrize("space", ["zca-kornia", "zca-frepo"])
def test_spaces_are_recognised_and_the_entry_is_valid(describe: Any, space: str) -> None:
    found = describe(whiteners()[space](textures(40, seed=5)))
    assert any(line.startswith(f"space: {space} (certain") for line in found.lines)
    assert Path("sheet.png").exists()
    pasted = yaml.safe_load(yaml_of(found, [Path("x.pt"), Path("y.pt")], "small"))
    source = Source.model_validate(pasted["own_sources"]["x"])
    assert (source.whitening, source.labels, source.pixels) == (space, "hard", "whitened")
    assert source.ipcs("small") == (10,)


@pytest.mark.parametrize("name", ["standardise", "standardise-mtt"])
def test_constants_are_told_apart_by_whole_pixels(describe: Any, name: str) -> None:
    images = fit_whitener(name, SMALL, textures(40, seed=5))(textures(40, seed=5))
    found = describe(images)
    assert found.source["whitening"] == name
    assert f"constants: those of {name} (certain, they give whole pixels)" in found.lines


def test_pixels_from_minus_one_to_one(describe: Any) -> None:
    found = describe(textures(40, seed=5) / 127.5 - 1)
    assert found.source["whitening"] == {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    pasted = yaml.safe_load(yaml_of(found, [Path("x.pt"), Path("y.pt")], "small"))
    assert (
        Source.model_validate(pasted["own_sources"]["x"]).whitening
        == "constants_0.5_0.5_0.5_0.5_0.5_0.5"
    )


@pytest.mark.parametrize(("scaled", "scale"), [(1, 255), (255, 1)])
def test_raw_pixels_of_any_scale_and_layout(describe: Any, scaled: int, scale: int) -> None:
    raw = textures(40, seed=5)
    found = describe((raw / scaled if scaled > 1 else raw).permute(0, 2, 3, 1))
    assert found.source["pixels"] == "raw"
    assert any(line.endswith(f"raw, from 0 to {scale} (certain)") for line in found.lines)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (3.0 * torch.eye(4)[LABELS] + torch.rand(40, 4) - 0.5, "labels: logits"),
        ((3.0 * torch.eye(4)[LABELS]).softmax(1), "labels: probabilities"),
        (torch.eye(4)[LABELS] - 0.25, "labels: centred one-hot"),
        ((3.0 * torch.eye(4)[LABELS]).log_softmax(1), "labels: log-probabilities"),
        (torch.eye(4)[LABELS], "labels: one-hot (float32)"),
        (LABELS.double(), "labels: class indices (float64)"),
    ],
)
def test_labels_are_recognised(describe: Any, labels: Tensor, told: str) -> None:
    torch.save(torch.tensor(0.02), "lr.pt")
    found = describe(whiteners()["zca-kornia"](textures(40, seed=5)), labels)
    assert any(line.startswith(told) for line in found.lines)
    assert "learned learning rate: 0.02; no recipe uses it" in found.lines


def test_images_that_are_no_set_are_one_line(describe: Any) -> None:
    images = whiteners()["zca-kornia"](textures(40, seed=5))
    for given, labels, told in (
        (images[:39], LABELS[:39], "found 39 images, 9 to 10 of each of 4 classes, needed: as many"),
        (
            images[..., :8],
            LABELS,
            r"found images of shape \(3, 16, 8\), needed for small",
        ),
        (images, LABELS + 1, "found 1 to 4, needed: 0 to 3; subtract 1"),
    ):
        with pytest.raises(DataError, match=told):
            describe(given, labels)
