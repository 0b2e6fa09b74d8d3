"""Which losses are kept, for every length of a training."""

from hypothesis import given
from hypothesis import strategies as st

from crossarch.running.curve import LOSS_POINTS, is_loss_point


@given(st.integers(1, 20_000))
def test_at_most_so_many_evenly_and_the_last(total: int) -> None:
    kept = [done for done in range(1, total + 1) if is_loss_point(done, total)]
    assert kept[-1] == total
    even = kept if total % kept[0] == 0 else kept[:-1]
    assert {after - before for before, after in zip([0, *even], even, strict=False)} <= {kept[0]}
    assert min(total, LOSS_POINTS / 2) <= len(even) <= LOSS_POINTS
