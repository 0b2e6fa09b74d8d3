"""Keep rate (Algorithm 1) and learning rate (Equation 3) against tables computed by hand."""

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossarch.config import RunSettings, load_configuration, parse_run, resolve
from crossarch.config.recipe_book import with_own_recipes
from crossarch.config.schema import (
    ConstantSchedule,
    CosineSchedule,
    KeepRate,
    PeriodicSchedule,
    Recipe,
    Schedule,
    StepSchedule,
)

CONFIGURATION = load_configuration(Path(__file__).parents[2] / "config")
ALGORITHM_1 = KeepRate(warmup=500, period=500, decay=0.1, min=0.5, final=0.8, stabilise=3000)
EQUATION_3 = PeriodicSchedule(
    name="periodic", warmup=50, cosine_period=1000, period=500, stabilise=3000, decay=0.8
)
LR_MAX = 5e-5
WITH_DROPPATH = [
    name
    for name in CONFIGURATION.recipe_book.recipes
    if CONFIGURATION.recipe_book.recipe(name, "paper", ipc=1, arch="alexnet", source="frepo").keep_rate
]


def run_settings(recipe: str, arch: str = "resnet18", ipc: int = 1) -> RunSettings:
    run = parse_run(f"cifar10/frepo/ipc{ipc}/{arch}/{recipe}/seed0")
    return resolve(CONFIGURATION, run)


# --- Algorithm 1 ----------------------------------------------------------------------------------

PAPER_KEEP_RATES = [
    (0, 1.0),  # warm-up: i < 500
    (50, 1.0),
    (499, 1.0),
    (500, 1.0),  # ceil(0 / 500) = 0
    (501, 0.9),  # ceil(1 / 500) = 1
    (999, 0.9),
    (1000, 0.9),  # ceil(500 / 500) = 1
    (1001, 0.8),  # ceil(501 / 500) = 2
    (1500, 0.8),
    (1501, 0.7),
    (2000, 0.7),
    (2001, 0.6),
    (2500, 0.6),
    (2501, 0.5),
    (2999, 0.5),  # ceil(2499 / 500) = 5
    (3000, 0.8),  # stabilised
    (3999, 0.8),
]


@pytest.mark.parametrize(("epoch", "expected"), PAPER_KEEP_RATES)
def test_keep_rate_follows_algorithm_1(epoch: int, expected: float) -> None:
    assert ALGORITHM_1.rate(epoch) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("recipe", ["wo_kd", "full"])
@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "alexnet", "vgg11"])
def test_configured_keep_rate_is_that_of_algorithm_1(recipe: str, arch: str) -> None:
    configured = run_settings(recipe, arch).keep_rate
    for epoch, expected in PAPER_KEEP_RATES:
        assert configured.rate(epoch) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        *[(49, 1.0), (50, 1.0), (51, 0.9), (550, 0.9), (551, 0.8), (2050, 0.6), (2051, 0.5)],
        *[(2551, 0.5), (2999, 0.5)],  # ceil(2501 / 500) = 6 would give 0.4: the minimum holds
        (3000, 0.8),
    ],
)
def test_warm_up_of_appendix_c_and_the_minimum(epoch: int, expected: float) -> None:
    schedule = ALGORITHM_1.model_copy(update={"warmup": 50})
    assert schedule.rate(epoch) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("arch", ["resnet18", "alexnet", "vgg11"])
@pytest.mark.parametrize("recipe", ["wo_kd@released", "full@released"])
def test_released_keep_rate_steps_at_multiples_of_500(recipe: str, arch: str) -> None:
    schedule = run_settings(recipe, arch).keep_rate
    for epoch in [*range(0, 3000, 83), 0, 50, 499, 500, 501, 999, 1000, 1001, 2499, 2500, 2999]:
        expected = 1.0 - 0.1 * math.floor(epoch / 500)
        assert schedule.rate(epoch) == pytest.approx(expected, abs=1e-12), epoch
    for epoch in (3000, 3001, 3999):
        assert schedule.rate(epoch) == pytest.approx(0.8)


@pytest.mark.parametrize("recipe", ["wo_kd@released", "full@released"])
def test_released_keep_rate_of_resnet50_steps_by_13_percent(recipe: str) -> None:
    schedule = run_settings(recipe, "resnet50").keep_rate
    expected = {0: 1.0, 499: 1.0, 500: 0.87, 999: 0.87, 1000: 0.74, 1500: 0.61, 2000: 0.48}
    expected |= {2499: 0.48, 2500: 0.35, 2999: 0.35, 3000: 0.8, 3999: 0.8}
    for epoch, rate in expected.items():
        assert schedule.rate(epoch) == pytest.approx(rate, abs=1e-12), epoch


@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "alexnet", "vgg11"])
@pytest.mark.parametrize("recipe", WITH_DROPPATH)
def test_released_as_is_never_drops(recipe: str, arch: str) -> None:
    book = CONFIGURATION.recipe_book
    schedule = book.recipe(recipe, "released_as_is", ipc=1, arch=arch, source="frepo").keep_rate
    for epoch in (*range(0, 6000, 61), 499, 500, 501, 2999, 3000, 3999, 5000, 5999):
        assert schedule.rate(epoch) == 1.0


def test_released_as_is_drops_no_path_of_a_recipe_of_ones_own() -> None:
    own = {"dropped-at-the-end": {"base": "full", "keep_rate": {"min": 0.2, "final": 0.3}}}
    book = with_own_recipes(CONFIGURATION.recipe_book, own, dict.fromkeys(own, "mine.yaml"))
    for protocol, last in (("paper", 0.3), ("released", 0.3), ("released_as_is", 1.0)):
        recipe = book.recipe(*own, protocol, ipc=1, arch="resnet50", source="frepo")
        assert recipe.keep_rate.rate(3999) == last


@pytest.mark.parametrize("recipe", ["baseline", "wo_dp_kd", "wo_dp"])
def test_no_keep_rate_without_droppath(recipe: str) -> None:
    for protocol in ("", "@released", "@released_as_is"):
        assert run_settings(recipe + protocol).keep_rate is None
    plain = CONFIGURATION.recipe_book.recipe(recipe, "paper", ipc=1, arch="vgg11", source="mtt")
    assert {plain.keep_rate_in(epoch) for epoch in (0, 1700, 3999)} == {1.0}


keep_rates = st.builds(
    KeepRate,
    warmup=st.integers(0, 900),
    period=st.integers(1, 700),
    decay=st.integers(0, 100).map(lambda percent: percent / 100),
    min=st.integers(1, 100).map(lambda percent: percent / 100),
    final=st.integers(1, 100).map(lambda percent: percent / 100),
    stabilise=st.integers(0, 4000),
)


@settings(max_examples=100, deadline=None)
@given(keep_rates, st.integers(0, 5000))
def test_keep_rate_equals_exact_arithmetic(schedule: KeepRate, epoch: int) -> None:
    """Line by line as Algorithm 1 is printed, in rational numbers."""
    if epoch < schedule.warmup:
        expected = 1.0
    elif epoch < schedule.stabilise:
        steps = math.ceil(Fraction(epoch - schedule.warmup, schedule.period))
        expected = max(schedule.min, 1.0 - schedule.decay * steps)
    else:
        expected = schedule.final
    assert schedule.rate(epoch) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(keep_rates, st.integers(0, 5000), st.integers(0, 5000))
def test_keep_rate_is_bounded_and_falls_phase_by_phase(
    schedule: KeepRate, first: int, second: int
) -> None:
    early, late = sorted((first, second))
    before, after = schedule.rate(early), schedule.rate(late)
    for rate in (before, after):
        assert 0.0 < min(schedule.min, schedule.final) <= rate <= 1.0
    if late < max(schedule.warmup, schedule.stabilise):
        if late < schedule.stabilise:
            assert after <= before
    elif early >= max(schedule.warmup, schedule.stabilise):
        assert before == after == schedule.final


# --- Equation 3 -----------------------------------------------------------------------------------

COS_36 = 0.8090169943749475
COS_72 = 0.30901699437494745
PAPER_RATES = [  # in units of lr_max
    (0, 0.0),
    (1, 1 / 50),
    (25, 0.5),
    (50, 1.0),  # the end of the warm-up: mod(i, t) <= T_warm
    (51, 0.5 * (1 + math.cos(math.pi * 1 / 950))),
    (240, 0.5 * (1 + COS_36)),  # (240 - 50) / 950 = 1/5
    (430, 0.5 * (1 + COS_72)),  # 2/5
    (499, 0.5 * (1 + math.cos(math.pi * 449 / 950))),
    (500, 0.0),
    (501, 0.8 / 50),
    (550, 0.8),
    (740, 0.8 * 0.5 * (1 + COS_36)),
    (999, 0.8 * 0.5 * (1 + math.cos(math.pi * 449 / 950))),
    (1000, 0.0),
    (1001, 0.64 / 50),
    (1050, 0.64),
    (2549, 0.32768 * 49 / 50),
    (2550, 0.32768),
    (2930, 0.32768 * 0.5 * (1 + COS_72)),
    (2999, 0.32768 * 0.5 * (1 + math.cos(math.pi * 449 / 950))),
    (3000, 0.0),  # t = S from here on
    (3001, 0.262144 / 50),
    (3050, 0.262144),  # 0.8^6
    (3240, 0.262144 * 0.5 * (1 + COS_36)),
    (3500, 0.262144 * 0.5 * (1 + math.cos(math.pi * 450 / 950))),  # no restart, no decay
    (3525, 0.262144 * 0.5),  # half of the cosine
    (3999, 0.262144 * 0.5 * (1 + math.cos(math.pi * 949 / 950))),
]


@pytest.mark.parametrize(("epoch", "share"), PAPER_RATES)
def test_learning_rate_follows_equation_3(epoch: int, share: float) -> None:
    assert LR_MAX * EQUATION_3.rate(epoch) == pytest.approx(share * LR_MAX, rel=1e-9)


@pytest.mark.parametrize("recipe", ["wo_kd", "full"])
@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "alexnet", "vgg11"])
def test_configured_learning_rate_is_that_of_equation_3(recipe: str, arch: str) -> None:
    configured = run_settings(recipe, arch)
    assert configured.epochs == 4000
    assert configured.optimizer.lr == pytest.approx(5e-5)
    for epoch, share in PAPER_RATES:
        found = configured.optimizer.lr * configured.schedule.rate(epoch)
        assert found == pytest.approx(share * LR_MAX, rel=1e-9), epoch


@pytest.mark.parametrize("recipe", ["wo_dp_kd", "wo_dp"])
@pytest.mark.parametrize("protocol", ["", "@released", "@released_as_is"])
def test_without_droppath_one_cosine_over_1000_epochs(recipe: str, protocol: str) -> None:
    configured = run_settings(recipe + protocol)
    assert configured.epochs == 1000
    expected = {0: 0.0, 10: 0.1, 50: 0.5, 100: 1.0, 250: 0.5 * (1 + math.sqrt(3) / 2)}
    expected |= {400: 0.75, 550: 0.5, 700: 0.25, 999: 0.5 * (1 + math.cos(math.pi * 899 / 900))}
    for epoch, share in expected.items():
        found = LR_MAX * configured.schedule.rate(epoch)
        assert found == pytest.approx(share * LR_MAX, rel=1e-9), epoch


@pytest.mark.parametrize("protocol", ["", "@released", "@released_as_is"])
def test_baseline_drops_to_a_tenth_at_epoch_500(protocol: str) -> None:
    configured = run_settings("baseline" + protocol)
    assert configured.epochs == 1000
    assert configured.optimizer.lr == pytest.approx(5e-4)
    for epoch, expected in {0: 5e-4, 499: 5e-4, 500: 5e-5, 501: 5e-5, 999: 5e-5}.items():
        found = configured.optimizer.lr * configured.schedule.rate(epoch)
        assert found == pytest.approx(expected, rel=1e-12), epoch


@pytest.mark.parametrize("protocol", ["released", "released_as_is"])
@pytest.mark.parametrize("arch", ["resnet18", "resnet50", "vgg11"])
def test_released_rate_warms_up_for_100_epochs_and_never_decays(protocol: str, arch: str) -> None:
    schedule = run_settings(f"full@{protocol}", arch).schedule
    shares = {0: 0.0, 50: 0.5, 100: 1.0, 250: 0.5 * (1 + math.sqrt(3) / 2), 400: 0.75}
    for start in range(0, 3000, 500):
        for position, share in shares.items():
            found = LR_MAX * schedule.rate(start + position)
            assert found == pytest.approx(share * LR_MAX, rel=1e-9), start + position


periodic = st.tuples(
    st.integers(0, 200), st.integers(1, 1500), st.integers(1, 800), st.integers(1, 4000)
).flatmap(
    lambda drawn: st.builds(
        PeriodicSchedule,
        name=st.just("periodic"),
        warmup=st.just(drawn[0]),
        cosine_period=st.just(drawn[0] + drawn[1]),
        period=st.just(drawn[2]),
        stabilise=st.just(drawn[3]),
        decay=st.floats(0.1, 1.0),
    )
)


@settings(max_examples=100, deadline=None)
@given(periodic, st.integers(0, 5000))
def test_learning_rate_equals_equation_3_as_printed(schedule: PeriodicSchedule, epoch: int) -> None:
    t = schedule.period if epoch < schedule.stabilise else schedule.stabilise
    lam = schedule.decay ** math.floor(min(epoch, schedule.stabilise) / schedule.period)
    mod = epoch - t * math.floor(Fraction(epoch, t))
    if schedule.warmup and mod <= schedule.warmup:
        expected = lam * mod / schedule.warmup
    else:
        phase = (mod - schedule.warmup) / (schedule.cosine_period - schedule.warmup)
        expected = 0.5 * lam * (1 + math.cos(math.pi * phase))
    found = LR_MAX * schedule.rate(epoch)
    assert found == pytest.approx(expected * LR_MAX, rel=1e-7, abs=1e-15)
    assert 0.0 <= found <= LR_MAX * (1 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 3998))
def test_learning_rate_climbs_to_the_peak_and_falls_after(epoch: int) -> None:
    here, there = (LR_MAX * EQUATION_3.rate(i) for i in (epoch, epoch + 1))
    start = epoch // 500 * 500 if epoch < 3000 else 3000
    if epoch + 1 in (500, 1000, 1500, 2000, 2500, 3000):
        assert there == 0.0 < here
    elif epoch + 1 - start <= 50:
        assert there > here
    else:
        assert there < here


@given(st.integers(0, 999))
def test_a_warm_up_of_zero_starts_at_the_maximum(epoch: int) -> None:
    schedule = CosineSchedule(name="cosine", warmup=0, period=1000)
    expected = 0.5 * (1 + math.cos(math.pi * epoch / 1000))
    assert schedule.rate(epoch) == pytest.approx(expected, abs=1e-12)


few, warmups, cosines = st.integers(1, 4), st.integers(0, 2), st.integers(4, 6)
short_schedules = st.one_of(
    st.builds(CosineSchedule, name=st.just("cosine"), warmup=warmups, period=cosines),
    st.builds(
        PeriodicSchedule,
        name=st.just("periodic"),
        warmup=warmups,
        cosine_period=cosines,
        period=few,
        stabilise=few,
        decay=st.just(0.8),
    ),
    st.just(StepSchedule(name="step", milestones=(1,), factor=0.1)),
)


def rates(recipe: Recipe) -> list[float]:
    return [recipe.schedule.rate(epoch) for epoch in range(recipe.epochs)]


@settings(max_examples=300, deadline=None)
@given(short_schedules, few, st.floats(0.05, 1.0))
def test_a_training_without_a_learning_rate_is_known_and_never_made_by_scaling(
    schedule: Schedule, epochs: int, length: float
) -> None:
    usual = CONFIGURATION.recipe_book.recipe("full", "paper", ipc=1, arch="alexnet", source="frepo")
    recipe = usual.model_copy(update={"schedule": schedule, "epochs": epochs})
    assert (recipe.schedule.no_rate(recipe.epochs) is None) == any(rates(recipe))
    if any(rates(recipe)):
        assert any(rates(recipe.scaled(length)))


def test_steps_multiply() -> None:
    schedule = StepSchedule(name="step", milestones=(3, 5), factor=0.5)
    found = [8.0 * schedule.rate(epoch) for epoch in range(7)]
    assert found == [8.0, 8.0, 8.0, 4.0, 4.0, 2.0, 2.0]


def test_a_constant_rate_stays() -> None:
    schedule = ConstantSchedule(name="constant")
    assert {schedule.rate(epoch) for epoch in (0, 1, 999)} == {1.0}
    assert schedule.scaled(0.1, 10) == schedule
    assert schedule.longest is None
