"""The authors' sets, and real images in a known space: answers and confidences against the truth."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from crossarch.audit.pixels import band_sizes, grey_power
from crossarch.audit.record import Audit, read_audit
from crossarch.audit.verdict import best_space
from crossarch.config import SetId
from crossarch.config.sets import AUDITED
from crossarch.data import Whitener, load_set, load_whitener
from crossarch.layout import Layout

pytestmark = [pytest.mark.slow, pytest.mark.weekly]

DATASET = "cifar10"


def named(source: str, ipc: int) -> SetId:
    return SetId(source=source, dataset=DATASET, ipc=ipc)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory, snakemake_on_mirror: Callable[..., Path]) -> Layout:
    """Results of the target `audit` on the four sets of the mirror."""
    folder = tmp_path_factory.mktemp("audit")
    return Layout(snakemake_on_mirror(folder, "audit", "--config", "ipc=[1,10]", "figures=[figure1]"))


@pytest.mark.parametrize("source", ["frepo", "mtt"])
def test_sets_of_ten_images_a_class_live_in_kornias_space(source: str, layout: Layout) -> None:
    audit = read_audit(layout.audit(named(source, 10)))
    assert (audit.best, audit.confidence) == ("zca-kornia", "certain")
    assert audit.warning is None


def test_one_image_a_class(layout: Layout) -> None:
    frepo = read_audit(layout.audit(named("frepo", 1)))
    assert frepo.best == "zca-frepo"
    assert frepo.confidence != "undecided"
    mtt = read_audit(layout.audit(named("mtt", 1)))
    assert mtt.confidence == "undecided"
    assert mtt.spaces["zca-kornia"].share + mtt.spaces["zca-frepo"].share > 0.95


def test_a_wrong_configuration_would_be_noticed(layout: Layout) -> None:
    audit = read_audit(layout.audit(named("frepo", 10)))
    wrong = Audit.model_validate({**audit.model_dump(), "configured": "zca-frepo"})
    assert "configured as zca-frepo (best in 0%), but the pixels fit zca-kornia" in str(wrong.warning)


@pytest.mark.parametrize(("source", "ipc"), [("frepo", 1), ("frepo", 10), ("mtt", 1), ("mtt", 10)])
def test_pixel_statistics_and_contact_sheets(source: str, ipc: int, layout: Layout) -> None:
    known = {
        ("frepo", 1): (0.499, 0.305),
        ("frepo", 10): (0.267, 0.623),
        ("mtt", 1): (0.788, 0.491),
        ("mtt", 10): (0.549, 0.564),
    }
    audit = read_audit(layout.audit(named(source, ipc)))
    assert audit.shape == (10 * ipc, 3, 32, 32)
    assert audit.labels.kind == ("soft" if source == "frepo" else "hard")
    assert audit.labels.counts == (ipc,) * 10
    found = (audit.pixels.std, audit.pixels.neighbour_correlation)
    assert found == pytest.approx(known[source, ipc], abs=0.005)
    sheet = layout.contact_sheet(named(source, ipc))
    assert sheet.stat().st_size < 500_000
    assert Image.open(sheet).width > 300


# --- Real training images, class-balanced, in a space that we put them in --------------------------


@pytest.fixture(scope="module")
def whiteners(layout: Layout) -> dict[str, Whitener]:
    return {name: load_whitener(layout.whitener(DATASET, name)) for name in AUDITED}


@pytest.fixture(scope="module")
def references(layout: Layout) -> dict[str, Tensor]:
    audit = read_audit(layout.audit(named("mtt", 10)))
    return {name: torch.tensor(space.pixels.spectrum) for name, space in audit.spaces.items()}


@pytest.mark.parametrize("ipc", [1, 10, 50])
@pytest.mark.parametrize("distorted", [False, True], ids=["as they are", "scaled and noisy"])
def test_real_images_in_a_known_space(
    ipc: int,
    distorted: bool,
    layout: Layout,
    whiteners: dict[str, Whitener],
    references: dict[str, Tensor],
) -> None:
    """Scaled by 2, with noise of 0.3 of the images' own standard deviation, or neither."""
    train = load_set(layout.images(DATASET, "train"))
    outcomes: Counter[tuple[str, bool]] = Counter()
    for name, whitener in whiteners.items():
        for seed in range(5):
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(train.labels), generator=generator)
            chosen = torch.cat([order[train.labels[order] == label][:ipc] for label in range(10)])
            images = whitener(train.images[chosen])
            if distorted:
                noise = torch.randn(images.shape, generator=generator)
                images = 2 * (images + 0.3 * images.std() * noise)
            verdict = best_space(grey_power(images), references, band_sizes(32, 32))  # type: ignore[arg-type]
            outcomes[verdict.confidence, verdict.space == name] += 1
    assert sum(outcomes.values()) == 20
    assert outcomes["certain", False] + outcomes["likely", False] <= (1 if ipc == 1 else 0)
    assert outcomes["certain", True] + outcomes["likely", True] >= (16 if ipc == 1 else 19)
