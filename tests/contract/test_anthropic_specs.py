"""The real SDK against an API of our own: what it is asked, what it costs, and what its refusals mean."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from factory.domain.spec_draft import SCHEMA
from factory.integrations.anthropic_specs import DECLINED, MAX_WAIT_SECONDS, SET_UP_SECONDS, wait_of
from factory.spec_ports import BadSpec, Cost, SpecUnavailable
from tests.contract.spec_writers import ANSWER, MODEL, ORDER, anthropic
from tests.model_api import ModelApi, Reply, failure, message, model_api


@pytest.fixture
def api() -> Iterator[ModelApi]:
    with model_api() as api:
        yield api


def refused(api: ModelApi, *replies: Reply) -> SpecUnavailable:
    api.replies.extend(replies)
    with pytest.raises(SpecUnavailable) as raised:
        anthropic(api.url).write(ORDER)
    assert len(api.requests) == len(replies)
    return raised.value


def test_one_request_asks_for_structured_output_with_the_issue_quoted(api: ModelApi) -> None:
    api.replies.append(message(json.dumps(ANSWER)))

    written = anthropic(api.url, token=lambda: "f3nc3").write(ORDER)

    ((path, headers, body),) = api.requests
    assert (path, headers["authorization"]) == ("/v1/messages", "Bearer sk-ant-canary")
    assert (body["model"], body["max_tokens"], "stream" in body) == (MODEL, 4_000, False)
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": json.loads(json.dumps(SCHEMA))}}
    assert "<issue-f3nc3>\nGreet people\n\n- say hello" in body["messages"][0]["content"]
    assert "sk-ant" not in json.dumps(body)
    assert (written.by, written.cost) == (MODEL, Cost(MODEL, 1_207, 340, 5_801))


def test_the_address_which_may_hold_a_password_is_not_logged(api: ModelApi, caplog: pytest.LogCaptureFixture) -> None:
    api.replies.append(message(json.dumps(ANSWER)))

    with caplog.at_level("INFO"):
        anthropic(api.url.replace("//", "//me:canary@")).write(ORDER)

    assert "canary" not in caplog.text


def test_a_fence_is_never_used_twice(api: ModelApi) -> None:
    api.replies += [message(json.dumps(ANSWER)), message(json.dumps(ANSWER))]
    writer = anthropic(api.url)

    writer.write(ORDER)
    writer.write(ORDER)

    first, second = (body["messages"][0]["content"].splitlines()[0] for _, _, body in api.requests)
    assert first != second


@pytest.mark.parametrize("status", [429, 529, 500, 503, 408, 409])
def test_an_outage_or_a_limit_is_waited_for_as_long_as_was_asked(api: ModelApi, status: int) -> None:
    error = refused(api, failure(status, retry_after="37"))

    assert (error.retry_after, error.everyone) == (37.0, True)
    assert f"{status}: not now" in str(error)


def test_without_a_time_nobody_says_one(api: ModelApi) -> None:
    assert refused(api, failure(529)).retry_after == 0.0


@pytest.mark.parametrize(
    ("status", "said"), [(401, "invalid x-api-key"), (403, "no"), (404, "model: x"), (402, "pay"), (400, "Your credit balance is too low")]
)
def test_what_a_person_has_to_mend_is_waited_for_and_says_how(api: ModelApi, status: int, said: str) -> None:
    error = refused(api, failure(status, said))

    assert error.retry_after == SET_UP_SECONDS
    assert "check ANTHROPIC_API_KEY" in str(error)
    assert "sk-ant" not in str(error)


@pytest.mark.parametrize(
    "reply", [Reply(cut=True), Reply(body=b"<html>proxy</html>"), Reply(502, b"<html>bad gateway</html>"), Reply(body=b"[1")]
)
def test_what_is_in_between_and_answers_rubbish_is_an_outage(api: ModelApi, reply: Reply) -> None:
    assert refused(api, reply).everyone


def test_nobody_there_is_an_outage() -> None:
    with model_api() as gone:
        url = gone.url
    with pytest.raises(SpecUnavailable, match="cannot be reached"):
        anthropic(url).write(ORDER)


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_timeout(api: ModelApi) -> None:
    held = threading.Event()
    api.replies.append(Reply(held=held))

    with pytest.raises(SpecUnavailable, match="did not answer in time"):
        anthropic(api.url, timeout=0.2).write(ORDER)
    held.set()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_question_that_is_not_taken_concerns_its_item_alone(api: ModelApi, status: int) -> None:
    api.replies.append(failure(status, "prompt is too long"))

    with pytest.raises(BadSpec, match="prompt is too long"):
        anthropic(api.url).write(ORDER)


@pytest.mark.parametrize(("reply", "sentence"), [(message("{", stop="max_tokens"), "longer than 4,000 tokens"), (message(""), "no JSON")])
def test_an_answer_that_is_none_has_cost_something(api: ModelApi, reply: Reply, sentence: str) -> None:
    api.replies.append(reply)

    with pytest.raises(BadSpec, match=sentence) as raised:
        anthropic(api.url).write(ORDER)

    assert raised.value.cost == Cost(MODEL, 1_207, 340, 5_801)


def test_a_model_that_declines_is_a_question_to_a_person(api: ModelApi) -> None:
    api.replies.append(message("", stop="refusal"))

    assert anthropic(api.url).write(ORDER).finished.questions == (DECLINED,)


def test_a_complaint_about_the_last_answer_is_told(api: ModelApi) -> None:
    api.replies.append(message(json.dumps(ANSWER)))

    anthropic(api.url).write(replace(ORDER, complaint="The answer is no JSON."))

    assert "Your last answer could not be used: The answer is no JSON." in api.requests[0][2]["messages"][0]["content"]


_NOW = 1_700_000_000.0
_NOON, _LATER = "Wed, 15 Nov 2023 12:00:00 GMT", "Wed, 15 Nov 2023 12:00:30 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after": "999999"}, MAX_WAIT_SECONDS),
        ({"retry-after": _LATER, "date": _NOON}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:14:00 GMT"}, 40.0),
    ],
)
def test_the_wait_is_read_from_seconds_or_a_date(headers: dict[str, str], seconds: float) -> None:
    assert wait_of(headers, _NOW) == pytest.approx(seconds)
