"""Durations as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.durations import parse_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("0.2s", 0.2), ("60s", 60), ("5m", 300), ("2h", 7200), ("1d", 86400), (" 3 s ", 3), ("0s", 0)],
)
def test_a_number_and_its_unit_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1s2", "1 week", "1e3s", "nan", "infs", "9" * 20 + "s", "\u0661s"])
def test_anything_else_is_refused_with_the_end_of_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and its unit"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0s"), (-1, "0.0s"), (2.34, "2.3s"), (59.4, "59s"), (61, "1m 1s"), (3600, "1h 0m"), (90061, "1d 1h")],
)
def test_the_two_largest_units_are_shown(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@given(st.floats(0, 1e9))
def test_every_duration_is_shown_in_a_few_characters(seconds: float) -> None:
    assert len(show_duration(seconds)) <= 10
