"""No secret gets into a log, in however many pieces it comes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_agent.redaction import HIDDEN, Redaction

SECRET, LONGER = "sk-ant-0123456789", "sk-ant-0123456789-more"
TEXT = f"a {SECRET}, b {LONGER}\nsk-ant-01 and {SECRET}{SECRET} s sk-".encode()
TOLD = b"a [hidden], b [hidden]\nsk-ant-01 and [hidden][hidden] s sk-"


def told(redaction: Redaction, data: bytes, cuts: list[int]) -> bytes:
    ends = [0, *sorted(cuts), len(data)]
    return b"".join(redaction.feed(data[a:b]) for a, b in pairwise(ends)) + redaction.end()


@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_a_secret_is_hidden_wherever_its_pieces_are_cut(cuts: list[int]) -> None:
    out = told(Redaction([SECRET]), TEXT, cuts)

    assert out == TOLD.replace(b"b [hidden]", b"b [hidden]-more")


def test_of_two_where_one_holds_the_other_the_longer_is_hidden_as_a_whole() -> None:
    assert told(Redaction([SECRET, LONGER]), TEXT, []) == TOLD


@pytest.mark.parametrize("cut", range(len(TEXT)))
def test_nothing_of_a_longer_one_is_told_where_it_begins_like_a_shorter(cut: int) -> None:
    assert SECRET.encode() not in told(Redaction([SECRET, LONGER]), TEXT, [cut])


def test_what_cannot_be_a_secret_is_not_kept_back() -> None:
    redaction = Redaction([SECRET])

    assert redaction.feed(b"all of it") == b"all of it"
    assert redaction.feed(b"x sk-") == b"x "
    assert redaction.feed(b"other") == b"sk-other"


def test_without_secrets_everything_passes() -> None:
    assert told(Redaction([""]), TEXT, [3, 9]) == TEXT


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_the_end_of_an_output_does_not_begin_with_a_part_of_a_secret(cut: int) -> None:
    tail = f"{SECRET[cut:]} and {SECRET} and more of it"

    out = Redaction([SECRET]).tail(tail, len(tail))

    assert SECRET[-4:] not in out
    assert "more of it" in out


def test_an_output_that_was_not_cut_stays_whole() -> None:
    assert Redaction([SECRET]).tail(f"x {SECRET}", 1000) == f"x {HIDDEN.decode()}"
