"""Versions of the wire, as peers say them."""

import pytest

from factory.protocol.version import at_least, compatible


@pytest.mark.parametrize(
    ("said", "same", "knows"),
    [("1.0", True, False), ("1.1", True, True), ("1.12", True, True), ("2.1", False, False), ("1", True, False), ("1.x", True, False)],
)  # fmt: skip
def test_a_minor_is_known_by_whoever_says_it_or_a_later_one(said: str, *, same: bool, knows: bool) -> None:
    assert compatible(said) is same
    assert at_least(said, 1) is knows
