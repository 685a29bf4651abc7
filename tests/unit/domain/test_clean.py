"""Text from outside cannot steer a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.clean import clean, clean_line, cut, visible, width

_HOSTILE = st.text(st.sampled_from("\x1b\x07\x90\x9b\x9c\x9d[]PX^_\\0;?mAHJ\r\n\t ab\u202e\u200b\ud800\U000e0041"))


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07x", "x"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x9b31mred", "red"),
        ("\x9d0;title\x9cx", "x"),
        ("\x1bcreset", "reset"),
        ("\x1b(0x", "x"),
        ("a\x08\x08b\x7f", "ab"),
        ("left\u202eright\u2066", "leftright"),
        ("in\u200bvis\u2060ible\ufeff", "invisible"),
        ("over\rwritten", "overwritten"),
        ("line\r\nnext\ttab", "line\nnext\ttab"),
        ("\ud800lone", "lone"),
        ("naïve 日本 ✓", "naïve 日本 ✓"),
    ],
)
def test_what_a_terminal_would_obey_is_gone(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


def test_an_opening_without_its_end_hides_no_more_than_its_line() -> None:
    assert clean("before\n\x1b]0;never closed\nafter") == "before\n\nafter"


@given(st.one_of(st.text(), _HOSTILE))
def test_no_control_character_is_left(text: str) -> None:
    left = {each for each in clean(text) if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"}}

    assert left <= {"\n", "\t"}


@given(st.one_of(st.text(), _HOSTILE))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text())
def test_a_line_is_one_line(text: str) -> None:
    assert len(clean_line(text).splitlines()) <= 1


@given(st.text(), st.integers(1, 40))
def test_a_cut_line_fits(text: str, limit: int) -> None:
    assert width(cut(clean_line(text), limit)) <= limit


def test_wide_characters_take_two_columns_and_combining_ones_none() -> None:
    assert width("日本") == 4
    assert width("e\u0301") == 1
    assert cut("日本語", 5) == "日本…"


def test_what_cannot_be_seen_is_shown_as_its_escape() -> None:
    assert visible("a\tb\u200bc\x07\u2066é") == "a\tb\\u200bc\\x07\\u2066é"
