"""From a set to its stored audit, the summary of several, and whom an edit of the audit concerns."""

import csv
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from textures import DATASET, SPACES, textures, whiteners  # type: ignore[import-not-found]

from crossarch.audit.examine import examine
from crossarch.audit.pixels import pixel_statistics
from crossarch.audit.record import Audit, read_audit
from crossarch.audit.summary import write_summary
from crossarch.config import Configuration, SetId, chosen_sets, load_configuration
from crossarch.data.store import ImageSet
from crossarch.errors import ConfigError, DataError

CONFIGURATION = load_configuration()
AUDITED = SetId(source="frepo", dataset="cifar10", ipc=10)


def two_classes() -> Configuration:
    """The project's configuration with images of 16 x 16 in two classes."""
    cifar10 = CONFIGURATION.dataset("cifar10")
    small = {"classes": 2, "image_size": DATASET.image_size}
    datasets = {**CONFIGURATION.datasets, "cifar10": cifar10.model_copy(update=small)}
    return Configuration(**{**vars(CONFIGURATION), "datasets": datasets})


@pytest.fixture(scope="module")
def audit() -> Audit:
    """A set in FRePo's space that the configuration believes to be in Kornia's."""
    spaces, test = whiteners(), textures(500, seed=2)
    images = spaces["zca-frepo"](textures(40, seed=5))
    labels = torch.eye(2).repeat_interleave(torch.tensor([15, 25]), 0)
    test_sets = {name: pixel_statistics(spaces[name](test)) for name in SPACES}
    return examine(two_classes(), AUDITED, ImageSet(images, labels), test_sets)


def test_what_is_recorded(audit: Audit) -> None:
    assert audit.shape == (40, 3, 16, 16)
    assert audit.labels.kind == "soft"
    assert audit.labels.counts == (15, 25)
    assert audit.labels.balance == "15 to 25 a class"
    assert audit.reference.images == 500
    assert audit.reference.sentence == "Compared with the 500 test images of CIFAR-10."
    assert audit.best == "zca-frepo"
    assert audit.spaces["zca-frepo"].std_ratio == pytest.approx(1, abs=0.05)
    assert audit.spaces["zca-frepo"].neighbour_correlation_difference == pytest.approx(0, abs=0.05)
    assert audit.spaces["none"].neighbour_correlation_difference < -0.2


def test_mtts_constants_count_as_those_of_frepo(audit: Audit) -> None:
    """The two standardisations differ by the scale alone, which the audit does not look at."""
    other = audit.model_copy(update={"configured": "standardise-mtt"})
    share = f"{audit.spaces['standardise'].share:.0%}"
    assert other.warning is not None
    assert f"configured as standardise-mtt (best in {share})" in other.warning
    fitting = {**audit.spaces, "standardise": audit.spaces["zca-frepo"]}
    assert other.model_copy(update={"best": "standardise", "spaces": fitting}).warning is None


def test_another_space_than_the_configured_one_is_warned_of_in_one_line(audit: Audit) -> None:
    assert audit.configured == "zca-kornia"
    warning = audit.warning
    assert warning is not None
    assert "\n" not in warning
    assert warning.startswith("frepo/cifar10/ipc10: configured as zca-kornia")
    assert "zca-frepo (certain" in warning
    assert audit.model_copy(update={"configured": "zca-frepo"}).warning is None


def examined(images: torch.Tensor) -> Audit:
    """The audit of images that live in FRePo's space, where the configuration has Kornia's."""
    spaces = whiteners()
    test_sets = {name: pixel_statistics(spaces[name](textures(500, seed=2))) for name in SPACES}
    return examine(two_classes(), AUDITED, ImageSet(images, torch.arange(40) % 2), test_sets)


@pytest.mark.parametrize("factor", [255.0, 1 / 255])
def test_pixels_on_another_scale_are_warned_of(factor: float) -> None:
    audit = examined(whiteners()["zca-kornia"](textures(40, seed=5)) * factor)
    assert audit.best == audit.configured == "zca-kornia"
    warning = audit.warning
    assert warning is not None
    found = re.search(r"its pixels deviate (\S+) times as much as those of the test set", warning)
    assert found
    assert float(found[1]) == pytest.approx(factor, rel=0.1)


def test_pixels_that_fit_no_space_are_warned_of() -> None:
    """Stripes of one frequency: one space is the nearest in all resamples, and far."""
    stripes = torch.arange(16).float().mul(math.pi / 4).cos().expand(40, 3, 16, 16)
    audit = examined(
        stripes + 1e-3 * torch.randn(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    )
    assert audit.warning is not None
    found = re.fullmatch(
        r"frepo/cifar10/ipc10: its pixels fit no space: from the nearest, "
        rf"{audit.best}, their spectrum is off by a factor of (\S+)",
        audit.warning,
    )
    assert found
    assert float(found[1]) > math.e


def test_pixels_in_another_space_and_on_another_scale_are_told_both() -> None:
    """As where pixels from 0 to 255 are called standardised."""
    audit = examined(255 * whiteners()["none"](textures(40, seed=5)))
    other = audit.model_copy(update={"configured": "standardise"})
    assert audit.best == "none"
    assert other.warning is not None
    assert re.search(
        r"configured as standardise \(best in \d+%\), but the pixels fit none \(certain.*\), where they "
        r"deviate 2\d\d times as much as those of the test set in none; are they on another scale\?$",
        other.warning,
    )


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (torch.zeros(40, 3, 16, 16), "its pixels are all alike"),
        (1e24 * torch.rand(40, 3, 16, 16), "too large to be compared, up to 1e+24"),
    ],
)
def test_pixels_without_a_spectrum_are_one_line(images: torch.Tensor, told: str) -> None:
    with pytest.raises(DataError, match=re.escape(told)):
        examined(images)


def test_summary(audit: Audit, tmp_path: Path) -> None:
    mtt = audit.audited.model_copy(update={"source": "mtt"})
    agreed = audit.model_copy(update={"configured": "zca-frepo", "audited": mtt})
    table, page = write_summary([audit, agreed], tmp_path)
    rows = list(csv.DictReader(table.open()))
    assert [row["source"] for row in rows] == ["frepo", "mtt"]
    assert [bool(row["warning"]) for row in rows] == [True, False]
    assert float(rows[0]["zca-frepo/share"]) == audit.share
    assert float(rows[0]["std"]) == pytest.approx(audit.pixels.std, rel=1e-4)
    text = page.read_text()
    assert "the 500 test images of CIFAR-10." in text
    assert "![mtt/cifar10/ipc10](mtt/cifar10/ipc10.png)" in text
    assert text.index("| set") < text.index("![") < text.index("## How to read this")


def test_stored_audits_come_back_and_broken_ones_are_named(audit: Audit, tmp_path: Path) -> None:
    path = tmp_path / "ipc10.json"
    path.write_text(audit.model_dump_json())
    assert read_audit(path) == audit
    with pytest.raises(DataError, match=r"ipc50\.json: no such file"):
        read_audit(tmp_path / "ipc50.json")
    path.write_text(path.read_text()[:100])
    with pytest.raises(DataError, match=r"ipc10\.json: "):
        read_audit(path)


def test_images_of_another_size_are_refused(audit: Audit) -> None:
    test_sets = {"none": pixel_statistics(torch.rand(5, 3, 32, 32))}
    small = ImageSet(torch.rand(4, 3, 16, 16), torch.tensor([0, 1, 0, 1]))
    with pytest.raises(DataError, match="not of the size"):
        examine(CONFIGURATION, AUDITED, small, test_sets)  # type: ignore[arg-type]


def test_chosen_sets_are_those_that_exist() -> None:
    chosen = load_configuration(overrides=[("test", {"datasets": ["cifar10"], "ipc": [1, 10]})])
    assert [one.path for one in chosen_sets(chosen)] == [
        "frepo/cifar10/ipc1",
        "frepo/cifar10/ipc10",
        "mtt/cifar10/ipc1",
        "mtt/cifar10/ipc10",
    ]
    nothing = load_configuration(overrides=[("test", {"datasets": ["tiny-imagenet"]})])
    nothing = Configuration(
        **{
            **vars(nothing),
            "sources": {k: v.model_copy(update={"sets": {}}) for k, v in nothing.sources.items()},
        }
    )
    with pytest.raises(ConfigError, match="no set of tiny-imagenet"):
        chosen_sets(nothing)


def test_the_summary_needs_no_torch() -> None:
    code = "import sys, crossarch.audit.summary; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
