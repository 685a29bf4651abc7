"""The hash chain and the fold."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.events import (
    GENESIS,
    LIFECYCLE,
    EventType,
    NewEvent,
    digest,
    fold,
    is_agent_kind,
    item_stream,
    operator_stream,
    worker_stream,
)

EVENT = NewEvent("item:0123456789", EventType.CLAIMED, {"epoch": 1, "holder": "x"}, {"tag": 1}, {"meta": 2}, epoch=1, number=4)
TYPES = {kind.value for kind in EventType}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def stored(value: Any) -> Any:
    """As the database gives a document back: its numbers are decimal ones, which have no exponent and no negative zero."""
    match value:
        case dict():
            return {key: stored(inner) for key, inner in value.items()}
        case list():
            return [stored(inner) for inner in value]
        case float():
            return json.loads(format(abs(Decimal(repr(value))) if value == 0 else Decimal(repr(value)), "f"))
        case _:
            return value


def test_the_same_event_at_the_same_place_has_the_same_hash():
    assert digest(EVENT, 1, 5, GENESIS) == digest(replace(EVENT), 1, 5, GENESIS)
    assert len(digest(EVENT, 1, 5, GENESIS)) == len(GENESIS)


CHANGES: list[dict[str, Any]] = [
    {"stream": "item:other"}, {"type": EventType.STARTED}, {"data": {"epoch": 2, "holder": "x"}}, {"tags": {}}, {"metadata": {}},
    {"epoch": 2}, {"number": None}, {"data": {"epoch": "1", "holder": "x"}},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_whatever_is_changed_changes_the_hash(change: dict[str, Any]):
    assert digest(replace(EVENT, **change), 1, 5, GENESIS) != digest(EVENT, 1, 5, GENESIS)


def test_place_time_and_the_one_before_are_part_of_the_hash():
    hashes = {digest(EVENT, *place) for place in [(1, 5, GENESIS), (2, 5, GENESIS), (1, 6, GENESIS), (1, 5, b"\1" * 32)]}

    assert len(hashes) == 4


def test_moving_content_between_data_tags_and_metadata_changes_the_hash():
    moved = replace(EVENT, data=EVENT.tags, tags=EVENT.data)

    assert digest(moved, 1, 5, GENESIS) != digest(EVENT, 1, 5, GENESIS)


def test_the_order_of_keys_does_not_matter():
    assert digest(replace(EVENT, data={"holder": "x", "epoch": 1}), 1, 5, GENESIS) == digest(EVENT, 1, 5, GENESIS)


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_the_hash_survives_the_way_through_the_database(data: dict[str, Any]):
    assert digest(replace(EVENT, data=stored(data)), 1, 5, GENESIS) == digest(replace(EVENT, data=data), 1, 5, GENESIS)


def test_folding_nothing_gives_empty_columns():
    assert fold([]) == dict.fromkeys(LIFECYCLE)


def test_the_last_word_on_each_column_counts_and_nothing_else_is_folded():
    row = fold([{"status": "queued", "epoch": 0, "title": "t"}, {"status": "assigned", "epoch": 1, "holder": "w"}, {"holder": None}])

    assert row == {"status": "assigned", "epoch": 1, "attempts": None, "priority": None, "holder": None, "reason": None}


@given(st.lists(st.dictionaries(st.sampled_from([*LIFECYCLE, "agent"]), st.integers())), st.integers(0, 10))
def test_a_fold_can_be_continued_from_where_it_was(changes: list[dict[str, Any]], place: int):
    head, tail = changes[:place], changes[place:]

    assert fold(changes) == fold([{key: value for key, value in fold(head).items() if value is not None}, *tail])


def test_streams_of_different_things_never_have_the_same_name():
    assert len({item_stream("x"), worker_stream("x"), operator_stream("x")}) == 3


@pytest.mark.parametrize("kind", ["ATTEMPT.ITERATION.STARTED", "ATTEMPT.WORKSPACE.READY", "ATTEMPT.GATE_RUN.FAILED"])
def test_an_agent_speaks_of_its_attempt(kind: str):
    assert is_agent_kind(kind)


@pytest.mark.parametrize(
    "kind", [*sorted(TYPES), "", "ATTEMPT", "ATTEMPT.A", "ATTEMPT.A.B.C", "attempt.a.b", "ATTEMPT.A.B\n", "ATTEMPT.A.B\0", "ATTEMPT..B",
             "ATTEMPT." + "A" * 100 + ".B"], ids=repr
)  # fmt: skip
def test_an_agent_cannot_speak_in_the_factorys_name(kind: str):
    assert not is_agent_kind(kind)
