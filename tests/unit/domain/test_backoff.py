"""Full jitter: never longer than the ceiling, never beyond the cap."""

from hypothesis import given
from hypothesis import strategies as st

from factory.domain.backoff import BackoffPolicy

SECONDS = st.floats(0.0, 1e6)
JITTER = st.floats(0.0, 1.0, exclude_max=True)


@given(SECONDS, SECONDS, st.integers(0, 10_000), JITTER)
def test_a_delay_lies_between_nothing_and_the_smaller_of_cap_and_doubled_base(base: float, cap: float, tries: int, jitter: float):
    delay = BackoffPolicy(base, cap).delay(tries, jitter)

    assert 0.0 <= delay <= cap
    assert delay <= base * 2.0 ** min(tries, 1_000)


@given(SECONDS, SECONDS, st.integers(0, 100), JITTER)
def test_another_try_never_lowers_the_ceiling(base: float, cap: float, tries: int, jitter: float):
    policy = BackoffPolicy(base, cap)

    assert policy.delay(tries, jitter) <= policy.delay(tries + 1, jitter)


def test_the_distance_doubles_until_the_cap():
    policy = BackoffPolicy(base=10.0, cap=60.0)

    assert [policy.delay(tries, 0.5) for tries in range(5)] == [5.0, 10.0, 20.0, 30.0, 30.0]
