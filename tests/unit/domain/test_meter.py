"""What a worker uses, out of two readings."""

import pytest

from factory.domain.meter import Counts, Figures, between

FIRST = Counts(100.0, 7.0, 10, 1000, 3)


def test_processors_are_those_of_the_time_between_and_the_rest_is_as_it_is_now() -> None:
    assert between(FIRST, Counts(104.0, 13.0, 20, 1000, 5)) == Figures(1.5, 20, 1000, 5)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(None, FIRST, id="the first reading"),
        pytest.param(FIRST, None, id="it could not be read"),
        pytest.param(FIRST, FIRST, id="read twice at once"),
        pytest.param(FIRST, Counts(90.0, 8.0, 10, 1000, 3), id="the clock was set back"),
        pytest.param(FIRST, Counts(110.0, 1.0, 10, 1000, 3), id="counted anew"),
    ],
)
def test_two_readings_that_say_nothing_of_the_time_between_are_no_figures(before: Counts | None, now: Counts | None) -> None:
    assert between(before, now) is None
