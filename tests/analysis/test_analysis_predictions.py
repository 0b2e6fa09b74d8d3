"""What networks answer, and how often two of them answer alike: against counting and plain sums."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from crossarch.analysis.predictions import (
    agreement,
    confusion,
    expected_agreement,
    predictions,
    predictions_of_batches,
)
from crossarch.models.droppath import DropPathBlock
from crossarch.running.evaluation import accuracy

ANSWERS = st.integers(0, 3)


@given(st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), min_size=1, max_size=40))
def test_shares_are_counted(triples: list[tuple[int, int, int]]) -> None:
    first, second, labels = (torch.tensor(column) for column in zip(*triples, strict=True))
    found = agreement(first, second, labels, classes=4)
    count = len(triples)
    assert found["agreement"] == 100 * sum(a == b for a, b, _ in triples) / count
    assert found["both_right"] == 100 * sum(a == b == y for a, b, y in triples) / count
    assert found["student"] == 100 * sum(a == y for a, _, y in triples) / count
    assert found["teacher"] == 100 * sum(b == y for _, b, y in triples) / count


@given(st.lists(st.tuples(ANSWERS, ANSWERS, ANSWERS), min_size=1, max_size=12))
def test_expected_agreement_is_that_over_all_pairs_of_images_of_a_class(
    triples: list[tuple[int, int, int]],
) -> None:
    """Independent, given the class: any image's first answer beside any other's second one."""
    first, second, labels = (torch.tensor(column) for column in zip(*triples, strict=True))
    expected = 0.0
    for label in set(labels.tolist()):
        of_class = [(a, b) for a, b, y in triples if y == label]
        pairs = [(a, b) for a, _ in of_class for _, b in of_class]
        expected += sum(a == b for a, b in pairs) / len(pairs) * len(of_class) / len(triples)
    found = expected_agreement(confusion(first, labels, 4), confusion(second, labels, 4))
    np.testing.assert_allclose(found, 100 * expected)


def test_answers_drawn_independently_agree_as_expected() -> None:
    draws = torch.Generator().manual_seed(0)
    labels = torch.arange(60_000) % 3
    chances = torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.1, 0.8]])

    def answers() -> Tensor:
        return torch.multinomial(chances[labels], 1, generator=draws).squeeze(1)

    found = agreement(answers(), answers(), labels, classes=3)
    assert abs(found["agreement"] - found["expected"]) < 4 * 100 * 0.5 / np.sqrt(len(labels))
    np.testing.assert_allclose(found["expected"], 100 * chances.square().sum(1).mean(), atol=0.5)
    same = agreement(labels, labels, labels, classes=3)
    assert same["agreement"] == same["expected"] == same["both_right"] == 100


def test_predictions_are_what_the_accuracy_counts() -> None:
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    )
    made.train()(torch.randn(9, 3, 4, 4))
    images, labels = torch.randn(230, 3, 4, 4), torch.arange(230) % 3
    found = predictions(made, images)
    assert found.shape == (230,)
    assert made.training
    assert 100 * int((found == labels).sum()) / 230 == accuracy(made, images, labels)
    with torch.no_grad():
        assert torch.equal(found, made.eval()(images).argmax(1))


class Dropping(DropPathBlock):
    """A main path that training mode would leave out, nearly always."""

    def __init__(self, main: nn.Module) -> None:
        super().__init__(main, None)
        self.main, self.keep_rate = main, 0.01

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(self.main(x)) if self.drops else self.main(x)


def normalised(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """(N, C, H, W) to what batch norm with the mean and the variance of `x` itself makes of it."""
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    weight, bias = norm.weight[:, None, None], norm.bias[:, None, None]
    return (x - mean) / torch.sqrt(variance + norm.eps) * weight + bias


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize(("size", "count"), [(25, 4), (24, 5), (50, 2), (99, 2)])
def test_statistics_of_each_batch(size: int, count: int, mode: bool) -> None:
    torch.manual_seed(0)
    first, second = nn.BatchNorm2d(5), nn.BatchNorm2d(4)
    for norm in (first, second):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    before, behind, linear = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 4, 3), nn.Linear(16, 3)
    made = nn.Sequential(
        nn.Sequential(before, first, nn.ReLU()),
        Dropping(nn.Sequential(behind, second)),
        nn.Dropout(0.9),
        nn.Flatten(),
        linear,
    ).train(mode)
    images = torch.randn(100, 3, 6, 6) * torch.linspace(0.2, 5, 100)[:, None, None, None] + 1
    kept = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    found = predictions_of_batches(made, images, size)
    expected = []
    for x in images.chunk(count):
        x = before(x)
        x = behind(normalised(x, first).relu())
        expected.append(linear(normalised(x, second).flatten(1)).argmax(1))
    assert torch.equal(found, torch.cat(expected))
    assert not torch.equal(found, predictions(made, images))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in made.state_dict().items())
    assert {module.training for module in made.modules()} == {mode}
