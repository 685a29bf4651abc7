"""What a call of the model took and cost, and when there is no room for another one."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.budget import Caps, Spend, admission, reservation
from factory.domain.model_prices import AS_OF, DEAREST, Tokens, cost, price_of
from factory.domain.model_usage import MAX_KEPT, UsageReader

STREAM = "text/event-stream; charset=utf-8"
USAGE = {"input_tokens": 11, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 1}


def events(*values: Mapping[str, object]) -> bytes:
    return b"".join(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values)


START = {"type": "message_start", "message": {"model": "claude-sonnet-5-5", "usage": USAGE}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 300}}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 42, "input_tokens": None}}


@given(st.lists(st.integers(1, 400), max_size=30))
def test_a_stream_is_counted_whatever_pieces_it_comes_in(cuts: list[int]) -> None:
    whole, reader, at = events(START, TEXT, END, {"type": "message_stop"}), UsageReader(STREAM), 0

    for size in cuts:
        reader.feed(whole[at : at + size])
        at += size
    reader.feed(whole[at:])

    assert reader.result() == ("claude-sonnet-5-5", Tokens(11, 42, 5, 7))


def test_a_stream_that_is_hung_up_on_counts_what_was_seen_of_it() -> None:
    reader = UsageReader(STREAM)

    reader.feed(events(START, TEXT))

    assert reader.result()[1] == Tokens(11, 100, 5, 7)


def test_a_stream_that_cannot_be_read_is_estimated_by_its_length() -> None:
    reader = UsageReader(STREAM)

    reader.feed(b"\x1f\x8b" + b"z" * 298)

    assert reader.result()[1] == Tokens(output=100)


def test_a_document_is_counted_as_it_says() -> None:
    reader = UsageReader("application/json")
    usage = {
        **USAGE, "output_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 3}, "server_tool_use": {"web_search_requests": 2},
        "speed": "fast", "inference_geo": "us",
    }  # fmt: skip

    reader.feed(json.dumps({"model": "claude-opus-5-5", "usage": usage}).encode())

    assert reader.result() == ("claude-opus-5-5", Tokens(11, 9, 5, 4, 3, 2, fast=True, in_us=True))


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b"", 0), (b"nothing", 2), (b"[1]", 1), (b'{"usage": 7}', 4), (b'{"usage": {"output_tokens": "many"}}', 0),
        (b'{"usage": {"output_tokens": -5}}', 0), (b'{"usage": {"output_tokens": true}}', 0), (b"[" * 99_999, 33_333),
    ],
)  # fmt: skip
def test_a_document_without_usage_is_estimated_and_never_fails(body: bytes, tokens: int) -> None:
    reader = UsageReader("application/json")

    reader.feed(body)

    assert reader.result() == ("", Tokens(output=tokens))


def test_what_is_kept_of_an_answer_is_bounded() -> None:
    reader = UsageReader("application/json")

    for _ in range(40):
        reader.feed(b"x" * (MAX_KEPT // 8))

    assert len(reader._rest) <= MAX_KEPT
    assert reader.result()[1].output == 5 * MAX_KEPT // 3


@pytest.mark.parametrize(
    ("model", "tokens", "micros"),
    [
        ("claude-sonnet-5-5", Tokens(1_000_000), 2_000_000),
        ("claude-sonnet-5-5[1m]", Tokens(output=1_000_000), 10_000_000),
        ("claude-opus-5-5", Tokens(1_000, 1_000, 1_000, 1_000, 1_000), 4_000 + 20_000 + 200 + 5_000 + 8_000),
        ("claude-haiku-5-5", Tokens(100_000), 10_000),
        ("claude-haiku-5-5", Tokens(100_000, 1_000, 1), 50_001 + 2_500),
        ("claude-opus-4-5-20251101", Tokens(1_000_000), 5_000_000),
        ("claude-opus-4-20250514", Tokens(1_000_000), 15_000_000),
        ("claude-sonnet-4-5", Tokens(1_000_000), 3_000_000),
        ("claude-sonnet-5-5", Tokens(searches=3), 30_000),
        ("claude-opus-5-5", Tokens(1_000_000, fast=True), 8_000_000),
        ("claude-opus-4-6", Tokens(1_000_000, fast=True), 30_000_000),
        ("claude-sonnet-5-5", Tokens(1_000_000, in_us=True), 2_200_000),
        ("claude-sonnet-5-5", Tokens(cache_read=1), 1),
    ],
)
def test_calls_cost_what_the_list_says(model: str, tokens: Tokens, micros: int) -> None:
    assert cost(model, tokens) == micros


def test_an_unknown_model_counts_as_the_dearest_and_the_list_has_a_date() -> None:
    assert price_of("claude-epos-9") is price_of("") is DEAREST
    assert AS_OF.startswith("20")


def test_a_cap_is_told_in_a_sentence_once_it_is_reached_f48() -> None:
    """F48."""
    spent = Spend(tokens=1_500, micros=2_000_000)

    assert Caps().exceeded(spent) == Caps(1_501, 2_000_001).exceeded(spent) == ""
    assert Caps(micros=2_000_000).exceeded(spent) == "over_budget: the attempt has used $2.00 of $2.00 (attempt_cost_cap)"
    assert Caps(tokens=1_000).exceeded(spent) == "over_budget: the attempt has used 1,500 of 1,000 tokens (attempt_token_cap)"


def test_an_account_that_is_told_twice_counts_once_and_keeps_the_later() -> None:
    assert Spend(5, 9, 2).at_least(Spend(7, 8, 2)) == Spend(7, 9, 2)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 40_000), st.integers(0, 30_000)), max_size=60),
    st.integers(1, 3_000_000),
)
def test_calls_at_once_pass_the_cap_by_one_of_them_at_most_f48(steps: list[tuple[bool, int, int]], cap: int) -> None:
    """F48: whatever order calls come and end in, and as long as none is larger than what was reserved for it."""
    caps, spent, under_way, dearest = Caps(micros=cap), Spend(), list[Spend](), 0
    for begins, body, output in steps:
        reserved = reservation("claude-sonnet-5-5", body)
        if begins and admission(caps, spent, under_way) == "now":
            under_way.append(reserved)
        elif under_way:
            expected = under_way.pop(0)
            took = Spend().with_call("claude-sonnet-5-5", Tokens(output=min(output, 16_000)))
            spent = Spend(spent.tokens + took.tokens, spent.micros + min(took.micros, expected.micros))
            dearest = max(dearest, expected.micros)
    while under_way:
        spent = Spend(spent.tokens, spent.micros + under_way[0].micros)
        dearest = max(dearest, under_way.pop(0).micros)

    assert spent.micros < cap + dearest
    assert admission(caps, spent, []) == ("never" if spent.micros >= cap else "now")
