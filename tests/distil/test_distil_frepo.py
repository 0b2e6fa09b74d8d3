"""The loop: gradients, pool, resuming, and that it does make better sets."""

import errno
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from signal import Signals
from typing import Any

import pytest
import torch
from digits import CPU, digits, distilled, settings  # type: ignore[import-not-found]
from torch import Generator, Tensor, nn

from crossarch.config import LabelSettings, difference
from crossarch.config.schema import CheckpointTest
from crossarch.data import ImageSet, load_set, save_set, save_whitener
from crossarch.distil import frepo
from crossarch.distil.frepo import Distilled, set_accuracy
from crossarch.distil.pool import Pool, calibrate, fresh_network
from crossarch.distil.ridge import ridge_loss
from crossarch.distil.run import distil_set
from crossarch.errors import DataError, Interrupted, TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")


def same(first: Distilled, second: Distilled) -> bool:
    return torch.equal(first.image_set.images, second.image_set.images) and torch.equal(
        first.image_set.labels, second.image_set.labels
    )


# --- The gradient --------------------------------------------------------------------------------


def test_gradient_of_the_error_through_the_network_by_finite_differences() -> None:
    """With respect to pixels and labels, through convolutions, folded norms and the regression."""
    chosen = settings(widths=(3, 4, 5))
    network = fresh_network(chosen.network, 0, CPU).double()
    images = torch.randn(10, 1, 16, 16, dtype=torch.float64, generator=Generator().manual_seed(1))
    calibrate(network, images)
    features = frepo.folded(network).get_submodule("features")
    queries = features(torch.randn(6, 1, 16, 16, dtype=torch.float64)).flatten(1).detach()
    wanted = torch.randn(6, 10, dtype=torch.float64)
    labels = torch.randn(10, 10, dtype=torch.float64, requires_grad=True)
    images.requires_grad_()

    def loss() -> Tensor:
        return ridge_loss(features(images).flatten(1), labels, queries, wanted, 1e-2)

    loss().backward()
    assert images.grad is not None
    assert labels.grad is not None
    step = 1e-6
    draws = Generator().manual_seed(2)
    for tensor in (images, labels):
        for _ in range(10):
            place = int(torch.randint(tensor.numel(), (), generator=draws))
            with torch.no_grad():
                flat = tensor.view(-1)
                values = []
                for move in (step, -2 * step):
                    flat[place] += move
                    values.append(float(loss()))
                flat[place] += step
            difference = (values[0] - values[1]) / (2 * step)
            assert tensor.grad is not None
            assert float(tensor.grad.view(-1)[place]) == pytest.approx(difference, rel=1e-4, abs=1e-8)


def test_a_step_moves_what_is_learned_and_leaves_the_networks_to_their_own_training() -> None:
    """The network is trained a step on the set, and gets nothing from the real images."""
    chosen = settings()
    work = frepo._Distillation(chosen, *digits(), CPU)
    before = [
        {name: value.clone() for name, value in member.network.state_dict().items()}
        for member in work.pool.members
    ]
    images, labels = work.images.detach().clone(), work.labels.detach().clone()
    work.advance()
    assert not torch.equal(work.images, images)
    assert not torch.equal(work.labels, labels)
    ages = [member.age for member in work.pool.members]
    assert sorted(ages) == [0, 0, 1]
    for member, old in zip(work.pool.members, before, strict=True):
        expected = fresh_network(chosen.network, 0, CPU)
        expected.load_state_dict(old)
        if member.age:
            optimizer = torch.optim.Adam(expected.parameters(), lr=chosen.method.online_lr)
            expected.train()
            error = expected(work.images.detach()) - work.labels.detach()
            error.square().mean().backward()
            optimizer.step()
        for name, value in expected.state_dict().items():
            torch.testing.assert_close(member.network.state_dict()[name], value)


# --- The pool ------------------------------------------------------------------------------------


def a_pool(size: int, online_steps: int) -> tuple[Pool, Tensor, Tensor]:
    images = torch.randn(10, 1, 16, 16)
    pool = Pool(
        settings().network,
        images,
        size=size,
        online_steps=online_steps,
        lr=1e-3,
        draws=Generator().manual_seed(0),
        device=CPU,
    )
    return pool, images, torch.eye(10)


def test_a_network_is_made_anew_after_its_steps() -> None:
    pool, images, labels = a_pool(size=2, online_steps=3)
    first, second = pool.members
    for age in (1, 2):
        pool.train(0, images, labels)
        assert pool.members[0] is first
        assert first.age == age
    pool.train(0, images, labels)
    born = pool.members[0]
    assert born is not first
    assert pool.members[1] is second
    assert (born.age, second.age) == (0, 0)
    weights = [member.network.state_dict()["classifier.weight"] for member in (first, born, second)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    assert not born.optimizer.state, "with an optimiser that knows nothing either"


def test_every_network_is_drawn_about_as_often() -> None:
    pool, _, _ = a_pool(size=4, online_steps=3)
    counts = torch.bincount(torch.tensor([pool.draw() for _ in range(800)]), minlength=4)
    assert counts.min() > 150


def test_a_new_network_has_the_statistics_of_the_set() -> None:
    """In evaluation it says what it says in training, but for the variance's n - 1."""
    pool, images, _ = a_pool(size=1, online_steps=3)
    network = pool.members[0].network
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    seen: list[Tensor] = []
    norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network.eval()(images)
    torch.testing.assert_close(norm.running_mean, seen[0].mean((0, 2, 3)))
    torch.testing.assert_close(norm.running_var, seen[0].var((0, 2, 3)))
    assert norm.momentum == 0.1


# --- Seeds, states, ends -------------------------------------------------------------------------


def test_a_seed_determines_the_set() -> None:
    once = distilled(settings())
    assert same(once, distilled(settings()))
    assert not same(once, distilled(settings(seed=1)))


def test_testing_more_often_changes_nothing() -> None:
    often = settings(test=CheckpointTest(every=2, epochs=1, lr=1e-3))
    assert same(distilled(settings()), distilled(often))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 3}, None),
        ({"labels": LabelSettings(kind="soft", temperature=0.5)}, None),
        ({"method": settings(test=CheckpointTest(every=2, epochs=1, lr=1e-3)).method}, None),
        ({"method": settings(steps=13).method}, "settings.method.steps: made with 12, today 13"),
    ],
)
def test_what_the_tests_on_the_way_are_like_does_not_outdate_a_set(
    changes: dict[str, Any], told: str | None
) -> None:
    assert difference(settings(), settings().model_copy(update=changes)) == told


def test_the_first_set_is_real_images_of_each_class_and_their_targets() -> None:
    work = frepo._Distillation(settings(ipc=2), *digits(), CPU)
    real, _, whitener = digits()
    pool = whitener(real.images)
    for place, (image, label) in enumerate(zip(work.images, work.labels, strict=True)):
        assert int(label.argmax()) == place // 2
        matches = (pool == image).flatten(1).all(1)
        assert matches.any()
        assert (real.labels[matches] == place // 2).all()
        assert sorted(label.tolist())[-2:] == pytest.approx([-0.1, 0.9])


def interrupt_at(step: int) -> tuple[Callable[[], Signals | None], Callable[..., None]]:
    reached = [0]

    def progress(done: int, loss: float, accuracy: float | None) -> None:
        reached[0] = done

    return lambda: Signals.SIGTERM if reached[0] == step else None, progress


@pytest.mark.parametrize("step", [1, 5, 7])
def test_a_stopped_distillation_ends_with_the_same_bits(tmp_path: Path, step: int) -> None:
    whole = distilled(settings())
    stop, progress = interrupt_at(step)
    with pytest.raises(Interrupted, match=f"after step {step} of 12; its state is saved"):
        distilled(settings(), state_folder=tmp_path, stop=stop, progress=progress)
    assert list(tmp_path.glob("*.pt"))
    resumed = distilled(settings(), state_folder=tmp_path)
    assert same(resumed, whole)
    timeless = [
        replace(one.history, seconds_distilling=0.0, seconds_evaluation=0.0) for one in (resumed, whole)
    ]
    assert timeless[0] == timeless[1]


def kept_digits(folder: Path) -> dict[str, Path]:
    """The files that a distillation of digits reads, and the place of its set."""
    train, test, whitener = digits()
    places = {name: folder / f"{name}.safetensors" for name in ("real", "test", "whitener", "distilled")}
    save_set(places["real"], train, {})
    save_set(places["test"], test, {})
    save_whitener(places["whitener"], whitener)
    return places


def test_a_test_set_of_another_space_or_of_soft_labels_is_refused(tmp_path: Path) -> None:
    places = kept_digits(tmp_path)
    test, kept = load_set(places["test"]), {"record": tmp_path / "m.json", "state_root": tmp_path}
    needed = settings().whitening
    for metadata, labels, told in (
        ({"whitening": "zca-frepo"}, test.labels, f"found whitening zca-frepo, needed: {needed}"),
        ({"whitening": needed}, torch.eye(10)[test.labels], "found soft labels, needed: hard"),
    ):
        save_set(places["test"], ImageSet(test.images, labels), metadata)
        with pytest.raises(DataError, match=rf"test\.safetensors: {told}"):
            distil_set(settings(steps=1), **places, **kept)
    assert not places["distilled"].exists()


def test_a_set_whose_record_cannot_be_written_is_not_taken_for_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: what is left must not look like a set that nothing is known of."""
    places = kept_digits(tmp_path)
    places["distilled"].write_bytes(b"an earlier one")
    record = tmp_path / "metrics.json"
    record.write_text("{}")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("crossarch.distil.run.save_set", full)
        with pytest.raises(OSError, match="No space left"):
            distil_set(settings(steps=1), **places, record=record, state_root=tmp_path)
    assert not record.exists()
    assert not places["distilled"].exists()
    distil_set(settings(steps=1), **places, record=record, state_root=tmp_path)
    assert load_set(places["distilled"]).images.shape == (10, 1, 16, 16)


def test_a_damaged_state_gives_way_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossarch.running.state.SAVE_EVERY", 0.0)
    stop, progress = interrupt_at(8)
    with pytest.raises(Interrupted):
        distilled(settings(), state_folder=tmp_path, stop=stop, progress=progress)
    _, newest = sorted(tmp_path.glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-1000])
    steps: list[int] = []
    resumed = distilled(
        settings(), state_folder=tmp_path, progress=lambda step, *told: steps.append(step)
    )
    assert steps[0] == 8, "step 7 was saved whole"
    assert same(resumed, distilled(settings()))


def test_a_loss_that_is_not_finite_is_one_line_that_names_the_step() -> None:
    with pytest.raises(TrainingError) as caught:
        distilled(settings(online_lr=1e30))
    text = str(caught.value)
    assert "\n" not in text
    assert "own-frepo/digits/ipc1: the loss is nan in step" in text


def test_a_class_with_too_few_images_is_one_line() -> None:
    real, test, whitener = digits()
    few = ImageSet(real.images[:30], real.labels[:30])
    with pytest.raises(DataError, match=r"own-frepo/digits/ipc10: class \d has \d images, needed: 10"):
        frepo.distil(settings(ipc=10), few, test, whitener, device=CPU)


def test_the_curve_has_every_loss_and_every_test() -> None:
    told: list[tuple[int, bool]] = []
    history = distilled(
        settings(), progress=lambda step, loss, accuracy: told.append((step, accuracy is not None))
    ).history
    assert [one["step"] for one in history.evaluations] == [0, 5, 10, 12]
    assert [one["step"] for one in history.losses] == list(range(1, 13))
    assert all(math.isfinite(one["loss"]) for one in history.losses)
    assert told == [(step, step in (0, 5, 10, 12)) for step in range(13)]


# --- What it is for ------------------------------------------------------------------------------


def test_mirrored_batches() -> None:
    """With probability 1 every image is its own mirror image, with 0 none is."""
    real, _, whitener = digits()
    for flip, images in ((0.0, real.images), (1.0, real.images.flip(3))):
        work = frepo._Distillation(settings(flip=flip), *digits(), CPU)
        batch, targets = work._real_batch()
        pool = whitener(images)
        for image, target in zip(batch, targets, strict=True):
            matches = (pool == image).flatten(1).all(1)
            assert (real.labels[matches] == target.argmax()).all()
            assert matches.any()


@pytest.mark.slow
def test_distilling_lowers_the_loss_and_beats_real_images() -> None:
    """Against five random real subsets of the same size, tested in the same way."""
    recipe = CheckpointTest(every=100, epochs=200, lr=1e-3)
    method: dict[str, Any] = {"steps": 100, "real_batch": 256, "pool": 5, "online_steps": 50}
    chosen = settings(widths=(32, 64, 128), test=recipe, **method)
    outcome = distilled(chosen)
    losses = [one["loss"] for one in outcome.history.losses]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    _, test, _ = digits()
    subsets = []
    for seed in range(5):
        work = frepo._Distillation(settings(seed=seed), *digits(), CPU)
        subsets.append(
            set_accuracy(chosen, work.images.detach(), work.labels.detach(), test.images, test.labels)
        )
    ours = outcome.history.evaluations[-1]["accuracy"]
    assert ours > max(subsets) + 5, (ours, subsets)


def test_a_last_batch_of_one_image_is_one_line() -> None:
    """Behind the halvings of VGG11 images of 16 pixels are one pixel, which has no deviation."""
    chosen = settings()
    vgg = chosen.network.model_copy(update={"arch": "vgg11", "widths": None})
    of_vgg = chosen.model_copy(update={"network": vgg, "batch_size": 9})
    images, labels = torch.rand(10, 1, 16, 16), torch.rand(10, 10)
    told = "10 images in batches of 9 leave one for the last, which batch norm cannot take"
    with pytest.raises(TrainingError, match=told):
        frepo.set_accuracy(of_vgg, images, labels, images, torch.arange(10))
