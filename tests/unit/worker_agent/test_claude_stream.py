import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.worker_agent.claude_runs import CAPTURES, NAMES, events, told
from worker_agent.engines.claude_stream import Event, Lines, Story, parse
from worker_agent.engines.claude_words import readable, said
from worker_agent.redaction import Redaction

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_TYPES = ("system", "assistant", "user", "result", "rate_limit_event", "stream_event", "brand_new")
_SUBTYPES = ("init", "api_retry", "success", "hook_response", "")
_FIELDS = (
    "message", "rate_limit_info", "modelUsage", "usage", "permission_denials", "errors", "result", "is_error", "tool_result_meta",
    "error", "total_cost_usd", "num_turns", "api_error_status", "claude_code_version",
)  # fmt: skip


def event(type: str, **data: Any) -> Event:  # noqa: A002 - the name in the stream
    return Event(type, str(data.get("subtype", "")), {"type": type, **data})


def assistant(number: str, tokens: int, model: str = "m") -> Event:
    return event("assistant", message={"id": number, "model": model, "usage": {"input_tokens": tokens, "output_tokens": 1}})


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return (data[start:end] for start, end in itertools.pairwise(places))


@given(st.lists(st.binary(max_size=20).map(lambda each: each.replace(b"\n", b""))), st.lists(st.integers(0, 500)))
def test_lines_are_the_same_however_the_stream_is_cut(texts: list[bytes], cuts: list[int]) -> None:
    lines = Lines()

    found = [line for piece in pieces(b"\n".join(texts), cuts) for line in lines.feed(piece)] + list(lines.end())

    assert found == [text for text in texts if text]


def test_a_line_over_the_limit_is_skipped_and_the_next_one_is_read() -> None:
    lines = Lines(limit=10)

    found = [line for piece in (b"abc\n" + b"x" * 8, b"x" * 8, b"x\nnext", b"\n") for line in lines.feed(piece)]

    assert found == [b"abc", b"next"]


@pytest.mark.parametrize("line", [b"", b"Warning: no", b"[1]", b"7", b'{"type": 3}', b'{"no": "type"}', b'{"type": "x"', b"\xff\xfe"])
def test_what_is_no_event_is_skipped(line: bytes) -> None:
    assert parse(line) is None


@given(st.sampled_from(_TYPES), st.sampled_from(_SUBTYPES), st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=6))
def test_no_event_can_break_the_story_or_the_log(type: str, subtype: str, fields: dict[str, Any]) -> None:  # noqa: A002
    line = json.dumps({"type": type, "subtype": subtype, **fields}).encode()
    found = parse(line)
    assert found is not None

    story = told([found])

    assert story.tokens >= 0
    assert all(each.isprintable() or each == "\n" for each in readable(found))


@pytest.mark.parametrize("name", NAMES)
def test_every_captured_stream_is_read_to_its_result(name: str) -> None:
    story = told(events(name))

    assert story.result is not None
    assert story.version.count(".") == 2
    assert story.last == "result"


def test_a_retry_is_no_sign_of_life() -> None:
    story = told([event("system", subtype="init")])

    story.hear(event("system", subtype="api_retry", error="overloaded"))

    assert (story.signs, story.retried) == (1, "overloaded")


def test_an_unknown_event_is_a_sign_of_life_and_nothing_else() -> None:
    story = told([event("brand_new", error="rate_limit", is_error=True)])

    assert (story.signs, story.last, story.complaint, story.result) == (1, "", None, None)


def test_a_message_that_comes_in_several_events_is_counted_once() -> None:
    story = told([assistant("a", 100), assistant("a", 100), assistant("b", 50)])

    assert story.tokens == 152


def test_the_result_counts_per_model_and_leaves_out_what_came_from_the_cache() -> None:
    models = {"big": {"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 900}, "small": {"cacheCreationInputTokens": 7}}
    story = told([event("result", subtype="success", modelUsage=models, usage={"input_tokens": 1}, is_error=False)])

    assert story.result is not None
    assert (story.result.tokens, story.result.cached_tokens) == (22, 900)


def test_usage_stands_in_where_no_model_is_told() -> None:
    story = told([event("result", subtype="success", usage={"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5})])

    assert story.tokens == 7


def test_what_a_tool_printed_is_not_taken_for_the_programs_own_words() -> None:
    lie = {"content": [{"type": "tool_result", "content": "You've hit your usage limit", "is_error": True}]}

    story = told([event("user", message=lie, error="rate_limit", api_error_status=429)])

    assert (story.complaint, story.limit) == (None, None)


def test_a_limit_that_was_shut_before_the_model_answered_is_open() -> None:
    shut = event("rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 5})

    assert told([shut]).limit is not None
    assert told([shut, assistant("a", 1)]).limit is None


@pytest.mark.parametrize("info", [{"status": "allowed_warning", "resetsAt": 5}, {"status": "rejected", "isUsingOverage": True}])
def test_a_warning_and_a_paid_overage_shut_nothing(info: dict[str, Any]) -> None:
    assert told([event("rate_limit_event", rate_limit_info=info)]).limit is None


@pytest.mark.parametrize("name", NAMES)
def test_the_log_folds_every_event_to_short_printable_lines(name: str) -> None:
    shown = "".join(readable(each) for each in events(name)).splitlines()

    assert shown
    assert max(map(len, shown)) <= 300
    results = [each for each in events(name) if each.type == "user"]
    assert len(shown) <= 2 * len((CAPTURES / f"{name}.jsonl").read_bytes().splitlines()) + 41 * len(results)


def came_back(text: str, *, is_error: bool = False) -> list[str]:
    block = {"type": "tool_result", "content": text, "is_error": is_error}
    return readable(event("user", message={"content": [block]})).splitlines()


def test_what_a_tool_printed_is_in_the_log_as_it_stood() -> None:
    assert came_back("def f():\n\treturn  1  \n\n# end\x1b[2J\n") == ["  def f():", "      return  1", "  ", "  # end [2J"]
    assert came_back("one\ntwo", is_error=True) == ["  failed: one", "  two"]


def test_of_much_output_the_first_lines_are_in_the_log_and_how_much_is_missing() -> None:
    shown = came_back("".join(f"line {number:04}\n" for number in range(1_000)))

    assert shown[:40] == [f"  line {number:04}" for number in range(40)]
    assert shown[40:] == ["  (+960 lines, 9,600 characters)"]


def test_of_long_lines_the_beginning_is_in_the_log_and_no_more_than_four_kibibytes_of_all() -> None:
    assert came_back("x" * 1_000) == [f"  {'x' * 297}\N{HORIZONTAL ELLIPSIS}", "  (+703 characters)"]
    shown = came_back("\n".join(["x" * 500] * 60))
    assert shown[-1] == "  (+47 lines, 26,186 characters)"
    assert sum(len(line.encode()) + 1 for line in shown[:-1]) <= 4_096


def test_a_key_is_hidden_in_every_line_of_an_output_also_where_that_is_cut() -> None:
    key, redaction = "sk-ant-0123456789abcdef", Redaction(["sk-ant-0123456789abcdef"])
    printed = "\n".join(["KEY=", f"KEY={key}", "x" * 292 + key, *["y" * 290] * 11, "z" * 250 + key])
    line = json.dumps({"type": "user", "message": {"content": [{"type": "tool_result", "content": printed}]}}).encode()
    pieces = [line[place : place + 7] for place in range(0, len(line), 7)]
    hidden = b"".join([*map(redaction.feed, pieces), redaction.end()])
    found = parse(hidden)
    assert found is not None

    shown = readable(found)

    assert shown.splitlines()[:3] == ["  KEY=", "  KEY=[hidden]", f"  {'x' * 292}[hidd\N{HORIZONTAL ELLIPSIS}"]
    assert "sk-" not in shown


@given(st.text(max_size=2_000), st.booleans())
def test_no_output_of_a_tool_is_long_in_the_log_and_nothing_is_missing_unsaid(text: str, is_error: bool) -> None:
    shown = came_back(text, is_error=is_error)

    assert all(line.startswith("  ") and line.isprintable() and len(line) <= 300 for line in shown)
    assert len(shown) <= 41
    assert len("\n".join(shown).encode()) <= 4_096 + 60
    if not (shown and shown[-1].startswith("  (+")):
        words = (f"failed: {text}" if is_error else text).split()
        assert "".join(filter(str.isprintable, "".join(words))) == "".join("".join(shown).split())


def test_control_characters_do_not_reach_the_log() -> None:
    assert said(b"\x1b[31mred\x07\r\n") == "[31mred\n"


def test_a_new_story_knows_nothing() -> None:
    assert (Story().tokens, Story().last) == (0, "")
