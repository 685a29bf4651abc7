"""The model's API through the way out: whose key it is called with, what is counted, and where it ends."""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Mapping

import pytest

from factory.domain.budget import Caps, Spend
from factory.integrations.egress_model import ModelAccess
from tests.integration.way_out_site import MODEL_KEY, SECONDS, Request, answering, message, upstream, way_out
from tests.waiting import eventually

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
START = {"type": "message_start", "message": {"model": "claude-sonnet-5-5", "usage": {"input_tokens": 20, "output_tokens": 1}}}
END = {"type": "message_delta", "usage": {"output_tokens": 30}}


def chunk(event: Mapping[str, object] | None) -> bytes:
    data = b"" if event is None else f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def access(port: int) -> ModelAccess:
    return ModelAccess(f"http://127.0.0.1:{port}/base", MODEL_KEY)


def test_the_key_is_added_outside_and_what_the_worker_shows_goes_no_further_s4() -> None:
    """S4."""
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        site.call(path="/v1/messages?beta=true", x_api_key="placeholder", authorization="Bearer stolen", cookie="a=b", anthropic_beta="one")

        (request,) = api.requests
        assert request.line == "POST /base/v1/messages?beta=true HTTP/1.1"
        assert request.headers["x-api-key"] == MODEL_KEY
        assert not {"authorization", "cookie"} & request.headers.keys()
        assert (request.headers["accept-encoding"], request.headers["anthropic-beta"]) == ("identity", "one")
        assert json.loads(request.body)["model"] == "claude-sonnet-5-5"


def test_a_stream_comes_piece_by_piece_and_is_counted() -> None:
    go_on = threading.Event()

    def act(_: Request, taken: socket.socket) -> None:
        taken.sendall(CHUNKED + chunk(START))
        go_on.wait(SECONDS)
        taken.sendall(chunk(END) + chunk(None))

    with upstream(act) as api, way_out(access(api.port)) as site:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
        connection.request("POST", "/anthropic/v1/messages", b'{"model": "m"}')
        response = connection.getresponse()
        first = response.read1(65_536)
        assert not go_on.is_set()
        assert b"message_start" in first
        go_on.set()

        assert b"message_delta" in response.read()
        assert response.getheader("content-type") == "text/event-stream"
        connection.close()
        assert site.outlay(lambda outlay: outlay.spent.calls == 1).spent == Spend(50, 20 * 2 + 30 * 10, 1)


def test_what_the_worker_hangs_up_on_is_charged_all_the_same_f48() -> None:
    """F48."""
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 3_000}}

    def act(_: Request, taken: socket.socket) -> None:
        taken.sendall(CHUNKED + chunk(START))
        for _each in range(2_000):
            taken.sendall(chunk(text))

    with upstream(act) as api, way_out(access(api.port)) as site:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
        connection.request("POST", "/anthropic/v1/messages", b'{"model": "m"}')
        connection.getresponse().read1(10)
        connection.close()

        spent = site.outlay(lambda outlay: outlay.spent.calls == 1).spent

        assert spent.tokens >= 1_000


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("429 Too Many Requests", {"retry_after": "7", "anthropic_ratelimit_unified_reset": "1790000000", "x_should_retry": "false"}),
        ("429 Too Many Requests", {}),
        ("529 Overloaded", {"request_id": "req_1"}),
        ("401 Unauthorized", {}),
        ("503 Service Unavailable", {"retry_after": "1"}),
    ],
)
def test_refusals_of_the_provider_pass_as_they_are_and_cost_nothing_f47(status: str, headers: dict[str, str]) -> None:
    """F47."""
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"This is  exactly it."}}'
    with upstream(answering(status, body, **headers)) as api, way_out(access(api.port)) as site:
        answer = site.call()

        assert (answer.status, answer.body) == (int(status[:3]), body)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        assert {name: answer.headers.get(name) for name in told} == told
        assert site.call().status == int(status[:3])
        assert site.server.news() == ()


def test_at_the_cap_the_next_call_is_refused_in_words_and_not_made_f48() -> None:
    """F48: stopped at most one turn after the cap."""
    with upstream(answering("200 OK", message(1_000))) as api, way_out(access(api.port)) as site:
        site.grant(caps=Caps(micros=15_000))

        answers = [site.call() for _ in range(4)]

        # A call costs 10,020 millionths: the second crosses the cap and is the last.
        assert [answer.status for answer in answers] == [200, 200, 400, 400]
        assert answers[2].error == "over_budget: the attempt has used $0.02 of $0.01 (attempt_cost_cap)"
        assert len(api.requests) == 2
        outlay = site.outlay(lambda outlay: outlay.refused == 2)
        assert (outlay.spent.calls, outlay.over) == (2, answers[2].error)


def test_what_was_spent_before_a_restart_counts_f48() -> None:
    """F48."""
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        site.grant(caps=Caps(tokens=5_000), spent=Spend(tokens=5_000))

        assert "5,000 of 5,000 tokens" in site.call().error
        # A word from before it does not give anything back.
        site.grant(caps=Caps(tokens=5_000), spent=Spend(tokens=1))
        assert site.call().status == 400
        assert api.requests == []


def test_near_the_cap_calls_go_one_after_the_other_f48() -> None:
    """F48."""
    go_on, body = threading.Event(), message(1_000)

    def act(_: Request, taken: socket.socket) -> None:
        go_on.wait(SECONDS)
        answering("200 OK", body)(_, taken)

    with upstream(act) as api, way_out(access(api.port)) as site:
        site.grant(caps=Caps(micros=5_000))
        statuses: list[int] = []
        callers = [threading.Thread(target=lambda: statuses.append(site.call().status)) for _ in range(4)]
        for caller in callers:
            caller.start()
        eventually(lambda: len(api.requests) == 1, SECONDS)

        go_on.set()
        for caller in callers:
            caller.join(SECONDS)

        assert sorted(statuses) == [200, 400, 400, 400]
        assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/files"), ("POST", "/v1/messages/batches"), ("GET", "/v1/messages"), ("DELETE", "/v1/models/x"), ("GET", "/v1/files"),
        ("POST", "/v1/messages/../files"), ("POST", "/v1/messages%2f..%2ffiles"), ("GET", "/v1/organizations/api_keys"),
        ("POST", "//v1/messages"),
    ],
)  # fmt: skip
def test_of_the_models_api_only_calls_are_let_through_s10(method: str, path: str) -> None:
    """S10: method and path."""
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        answer = site.ask(method, f"/anthropic{path}", b"{}" if method == "POST" else None)

        assert (answer.status, api.requests) == (404, [])


@pytest.mark.parametrize(
    "body",
    [
        {"mcp_servers": [{"type": "url", "url": "https://evil.example"}]},
        {"tools": [{"name": "Bash"}, {"type": "web_fetch_20250910", "name": "web_fetch"}]},
        {"tools": [{"type": "mcp_toolset"}]},
        {"tools": "all"},
    ],
)
def test_the_provider_is_not_made_to_open_what_the_agent_chose_s10(body: dict[str, object]) -> None:
    """S10."""
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        assert (site.call(body).status, api.requests) == (400, [])
        assert site.call({"tools": [{"name": "Bash", "input_schema": {}}], "mcp_servers": None}).status == 200


def test_counting_tokens_and_looking_at_models_is_free() -> None:
    with upstream(answering("200 OK", b'{"input_tokens": 5}')) as api, way_out(access(api.port)) as site:
        site.grant(caps=Caps(tokens=1), spent=Spend(tokens=1))

        assert [site.call(path="/v1/messages/count_tokens").status, site.ask("GET", "/anthropic/v1/models").status] == [200, 200]
        assert site.ask("HEAD", "/anthropic/").status == 200
        assert len(api.requests) == 3


def test_what_only_checks_a_result_does_not_reach_the_model() -> None:
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        site.grant(model=False)

        assert (site.call().status, api.requests) == (403, [])


def test_an_owners_token_passes_and_nobody_elses() -> None:
    with upstream(answering("200 OK", message())) as api, way_out(ModelAccess(f"http://127.0.0.1:{api.port}", token="the-owners")) as site:
        assert site.call(authorization="Bearer the-owners", x_api_key="another").status == 200
        assert [site.call(authorization="Bearer another").status, site.call(x_api_key="key").status] == [401, 401]

        (request,) = api.requests
        assert request.headers["authorization"] == "Bearer the-owners"
        assert "x-api-key" not in request.headers


def test_a_provider_that_is_away_is_an_outage_and_one_that_breaks_off_a_broken_answer() -> None:
    with way_out(ModelAccess("http://127.0.0.1:1", MODEL_KEY)) as site:
        assert (site.call().status, "cannot be reached" in site.call().error) == (502, True)

    def breaks(_: Request, taken: socket.socket) -> None:
        taken.sendall(CHUNKED + chunk(START))

    with upstream(breaks) as api, way_out(access(api.port)) as site, pytest.raises(http.client.IncompleteRead):
        site.call()


def test_a_request_larger_than_the_providers_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.integrations.egress_model.MAX_BODY", 1_000)
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        answer = site.call({"system": "x" * 2_000})

        assert (answer.status, api.requests) == (413, [])


def test_one_worker_can_have_only_so_much_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.integrations.egress_accounts.MAX_HELD", 1_000)
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        assert [site.call({"system": "x" * 2_000}).status, site.call().status] == [413, 200]
        assert len(api.requests) == 1


def test_the_log_has_each_request_and_neither_header_nor_query_nor_body(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        site.call({"system": "canary-body"}, path="/v1/messages?canary=query", x_header="canary-header")
        site.ask("GET", "http://canary-user:canary-word@host.example/path?canary=query")
        eventually(lambda: caplog.text.count("way out: worker=") == 2, SECONDS)

    assert "POST /anthropic/v1/messages status=200" in caplog.text
    assert "GET http://host.example/path status=400" in caplog.text
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("factory"))
    assert not any(word in ours for word in ("canary", MODEL_KEY))


def test_requests_follow_each_other_on_one_connection() -> None:
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=SECONDS)
        for _ in range(3):
            connection.request("POST", "/anthropic/v1/messages", b'{"model": "m"}')
            assert json.loads(connection.getresponse().read())["model"] == "claude-sonnet-5-5"
        connection.close()
        assert len(api.requests) == 3
