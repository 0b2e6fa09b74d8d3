"""The verdict: properties of the distance, and sets whose space is known because we put them there."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from textures import SIDE, SPACES, textures, whiteners
from torch import Tensor

from crossarch.audit.pixels import band_sizes, grey_power
from crossarch.audit.verdict import Verdict, best_space, confidence_of, shape_distance, with_noise

SIZES = band_sizes(SIDE, SIDE)
BANDS = len(SIZES)
positive = st.floats(0.01, 100)
spectrum = st.lists(positive, min_size=4, max_size=4).map(torch.tensor)


@given(spectrum, spectrum, positive)
def test_distance_forgets_the_scale_only(one: Tensor, other: Tensor, scale: float) -> None:
    weights = torch.ones(1, 4)
    distance = shape_distance(one[None], other[None], weights)
    scaled = shape_distance(one[None] * scale, other[None], weights)
    torch.testing.assert_close(distance, scaled, atol=1e-3, rtol=0)
    assert shape_distance(one[None] * scale, one[None], weights).item() < 1e-3
    expected = (one / other).log().std(correction=0)
    torch.testing.assert_close(distance[0, 0], expected, atol=1e-3, rtol=0)


def test_weights_count_bands_several_times() -> None:
    one, other = torch.tensor([[1.0, 2.0, 5.0]]), torch.tensor([[1.0, 1.0, 1.0]])
    weighted = shape_distance(one, other, torch.tensor([[2.0, 0.0, 1.0]]))
    repeated = shape_distance(
        torch.tensor([[1.0, 1.0, 5.0]]), torch.tensor([[1.0, 1.0, 1.0]]), torch.ones(1, 3)
    )
    torch.testing.assert_close(weighted, repeated)


def test_noise_is_white_and_never_stronger_than_the_signal() -> None:
    clean = torch.tensor([50.0, 4.0, 1.0])
    noisy = with_noise(clean, torch.tensor([1.0, 2.0, 4.0]))
    added = noisy - clean
    assert torch.equal(noisy[0], clean)
    torch.testing.assert_close(added, added[:, :1].expand_as(added), atol=1e-5, rtol=0)
    assert added.max() == pytest.approx((2 * 4 + 4 * 1) / 6, rel=1e-4)


@pytest.mark.parametrize(
    ("share", "word"),
    [
        (1.0, "certain"),
        (0.95, "certain"),
        (0.949, "likely"),
        (0.8, "likely"),
        (0.799, "undecided"),
        (0.3, "undecided"),
    ],
)
def test_words_for_shares(share: float, word: str) -> None:
    assert confidence_of(share) == word


@pytest.fixture(scope="module")
def references() -> dict[str, Tensor]:
    """The spectra of a test set in all spaces."""
    test = textures(1_000, seed=2)
    return {name: grey_power(whitener(test)).mean(0) for name, whitener in whiteners().items()}


def judged(images: Tensor, references: dict[str, Tensor]) -> Verdict:
    return best_space(grey_power(images), references, SIZES)  # type: ignore[arg-type]


def test_shares_are_of_one_whole_and_repeatable(references: dict[str, Tensor]) -> None:
    images = whiteners()["zca-frepo"](textures(10, seed=4))
    verdict = judged(images, references)
    assert sum(fit.share for fit in verdict.fits.values()) == pytest.approx(1)
    assert verdict == judged(images, references)
    assert verdict.fits[verdict.space].share == max(fit.share for fit in verdict.fits.values())
    assert all(fit.distance_with_noise <= fit.distance for fit in verdict.fits.values())


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(("scale", "noise"), [(1.0, 0.0), (2.5, 0.0), (0.7, 0.2)])
def test_a_known_space_is_found(
    space: str, scale: float, noise: float, references: dict[str, Tensor]
) -> None:
    whitener = whiteners()[space]
    for seed in range(3):
        images = whitener(textures(100, seed=10 + seed))
        generator = torch.Generator().manual_seed(seed)
        images = images + noise * images.std() * torch.randn(images.shape, generator=generator)
        assert judged(scale * images, references).space == space


def test_ten_images_are_rarely_enough_to_be_certain_of_a_wrong_space(
    references: dict[str, Tensor],
) -> None:
    outcomes: Counter[tuple[str, bool]] = Counter()
    for space, whitener in whiteners().items():
        for seed in range(10):
            verdict = judged(whitener(textures(10, seed=100 + seed)), references)
            outcomes[verdict.confidence, verdict.space == space] += 1
    assert outcomes["certain", False] <= 1
    assert sum(count for (_, right), count in outcomes.items() if right) >= 36


def test_halfway_between_two_spaces_nothing_is_certain(references: dict[str, Tensor]) -> None:
    between = (references["zca-kornia"] * references["zca-frepo"]).sqrt()
    spread = torch.randn(10, BANDS, generator=torch.Generator().manual_seed(0)).mul(0.3).exp()
    assert best_space(between * spread, references, SIZES).confidence != "certain"  # type: ignore[arg-type]
