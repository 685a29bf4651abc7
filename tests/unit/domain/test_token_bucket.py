"""A sender's share."""

from hypothesis import given
from hypothesis import strategies as st

from factory.domain.token_bucket import TokenBucket


def test_a_full_bucket_lets_a_burst_through_and_no_more() -> None:
    bucket, passed = TokenBucket.full(3, 1.0, now=10.0), []

    for _ in range(5):
        bucket, taken = bucket.take(10.0)
        passed.append(taken)

    assert passed == [True, True, True, False, False]


def test_it_fills_again_with_time_up_to_its_burst() -> None:
    bucket, _ = TokenBucket.full(3, 2.0, now=0.0).take(0.0, 3)

    assert bucket.take(0.4)[1] is False
    assert bucket.take(0.5)[1] is True
    assert bucket.take(1_000.0, 3)[1] is True
    assert bucket.take(1_000.0, 3.1)[1] is False


def test_what_does_not_fit_takes_nothing() -> None:
    bucket, taken = TokenBucket.full(3, 1.0, now=0.0).take(0.0, 4)

    assert (taken, bucket.tokens) == (False, 3)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket, _ = TokenBucket.full(1, 1.0, now=10.0).take(10.0)

    bucket, early = bucket.take(5.0)
    _, again = bucket.take(10.5)

    assert (early, again) == (False, False)


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 20), st.floats(0.1, 50))
def test_over_any_time_no_more_passes_than_burst_and_rate_allow(gaps: list[float], burst: int, rate: float) -> None:
    bucket, now, passed = TokenBucket.full(burst, rate, now=0.0), 0.0, 0

    for gap in gaps:
        now += gap
        bucket, taken = bucket.take(now)
        passed += taken

    assert passed <= burst + rate * now + 1e-6
