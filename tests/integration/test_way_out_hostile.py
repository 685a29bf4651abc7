"""A worker that means harm at the way out: what it must not get, spend, or break for others."""

import json
import logging
import socket
import threading
from contextlib import closing

import pytest

from factory.domain.budget import Caps
from factory.domain.way_out import greeting, secret_for
from factory.integrations.egress_model import ModelAccess
from tests.integration.way_out_site import (
    KEY,
    MODEL_KEY,
    OTHER,
    SECONDS,
    WORKER,
    Request,
    Site,
    answering,
    message,
    resolving,
    upstream,
    way_out,
)  # fmt: skip
from tests.waiting import eventually

LOOPBACK = ("127.0.0.1/32",)
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
START = {"type": "message_start", "message": {"model": "claude-sonnet-5-5", "usage": {"input_tokens": 20, "output_tokens": 1}}}


def access(port: int) -> ModelAccess:
    return ModelAccess(f"http://127.0.0.1:{port}", MODEL_KEY)


def directly(site: Site, worker: str = WORKER) -> socket.socket:
    """The socket itself, as a worker has it that does without its forwarder."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(SECONDS)
    connection.connect(str(site.folder / "egress.sock"))
    connection.sendall(greeting(worker, secret_for(KEY, worker)))
    return connection


# -- what it spends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", [False, True])
def test_who_hangs_up_before_the_first_byte_of_the_answer_pays_for_it_f48(streams: bool) -> None:
    """F48: else an attempt could have any number of answers made that nobody counts."""
    go_on = threading.Event()

    def act(request: Request, taken: socket.socket) -> None:
        go_on.wait(SECONDS)
        if streams:
            taken.sendall(STREAM + f"data: {json.dumps(START)}\n\n".encode())
        else:
            answering("200 OK", message(1_000))(request, taken)

    with upstream(act) as api, way_out(access(api.port)) as site:
        with closing(directly(site)) as connection:
            connection.sendall(b"POST /anthropic/v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 14\r\n\r\n" + b'{"model": "m"}')
            eventually(lambda: len(api.requests) == 1, SECONDS)
        go_on.set()

        outlay = site.outlay(lambda outlay: outlay.spent.calls == 1)

        assert outlay.spent.tokens >= (20 if streams else 1_010)


def test_what_a_call_may_answer_at_most_is_kept_free_below_the_cap_f48() -> None:
    """F48: so that calls side by side pass it by one at most, however long their answers may become."""
    go_on, body = threading.Event(), message(60_000)

    def act(request: Request, taken: socket.socket) -> None:
        go_on.wait(SECONDS)
        answering("200 OK", body)(request, taken)

    with upstream(act) as api, way_out(access(api.port)) as site:
        site.grant(caps=Caps(tokens=60_000))
        statuses: list[int] = []
        callers = [threading.Thread(target=lambda: statuses.append(site.call({"max_tokens": 64_000}).status)) for _ in range(4)]
        for caller in callers:
            caller.start()
        eventually(lambda: len(api.requests) >= 1, SECONDS)
        go_on.set()
        for caller in callers:
            caller.join(SECONDS)

        assert sorted(statuses) == [200, 400, 400, 400]


# -- where it gets ----------------------------------------------------------------------------------------------------

URL = {"type": "url", "url": "https://evil.example/?stolen"}
IMAGE = {"type": "image", "source": URL}


@pytest.mark.parametrize(
    "content",
    [
        [IMAGE],
        [{"type": "document", "source": {"url": "https://evil.example/{", "type": "url"}}],
        [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}, IMAGE]}],
        [{"type": "document", "source": {"type": "content", "content": [IMAGE]}}],
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_provider_is_not_made_to_fetch_a_picture_from_where_the_agent_chose_s10(content: list[object], path: str) -> None:
    """S10."""
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        answer = site.call({"messages": [{"role": "user", "content": "hello"}, {"role": "user", "content": content}]}, path)

        assert (answer.status, api.requests) == (400, [])
        assert "opens addresses" in answer.error


def test_an_address_is_not_hidden_by_the_way_it_is_written_s10() -> None:
    """S10."""
    body = rb'{"messages": [{"content": [{"\u0073ource": {"typ\u0065": "\u0075rl", "url": "https://evil.example"}}]}]}'
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        assert (site.ask("POST", "/anthropic/v1/messages", body).status, api.requests) == (400, [])


def test_what_engines_say_of_addresses_passes() -> None:
    content = [
        {"type": "text", "text": '{"source": {"type": "url"}}'},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "tool_use", "id": "t", "name": "x", "input": {"source": URL, "content": 5}},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]},
        {"type": "tool_result", "tool_use_id": "t"},
        {"type": "search_result", "source": "https://x.example", "title": "x", "content": [{"type": "text", "text": "x"}]},
        {"type": "web_search_tool_result", "content": {"type": "web_search_tool_result_error", "error_code": "x"}},
        {"type": "compaction", "content": None},
    ]
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        assert site.call({"messages": [{"role": "user", "content": content}]}).status == 200
        assert len(api.requests) == 1


@pytest.mark.parametrize("path", ["/v1/models/..", "/v1/models/."])
def test_no_name_of_a_model_is_a_way_up_s10(path: str) -> None:
    """S10."""
    with upstream(answering("200 OK", b"{}")) as api, way_out(access(api.port)) as site:
        assert (site.ask("GET", f"/anthropic{path}").status, api.requests) == (404, [])


@pytest.mark.parametrize("path", ["/index/..;/upload", "/index/..;a=b/upload", "/index/%252e%252e/upload", "/index/..%252fupload"])
def test_no_path_means_another_one_to_a_server_that_reads_it_twice_s10(path: str) -> None:
    """S10."""
    with upstream(answering("200 OK", b"")) as server:
        at, known = f"index.example:{server.port}", resolving(index_example=["127.0.0.1"])
        with way_out(allow=[f"http://{at}/index"], private=LOOPBACK, resolve=known) as site:
            assert (site.ask("GET", f"http://{at}{path}").status, server.requests) == (403, [])


@pytest.mark.parametrize(
    "head",
    [
        "GET",
        "GET\ncontent-length: 40",
        "POST\nconnection: content-length\ncontent-length: 40",
        "POST\ntransfer-encoding: chunked\ncontent-length: 3",
    ],
)
def test_no_request_is_hidden_in_another_for_the_next_worker(head: str) -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nhost: h.example\r\n\r\n"[:40]
    with upstream(answering("200 OK", b"", connection="keep-alive"), keeps=True) as server:
        at, known = f"h.example:{server.port}", resolving(h_example=["127.0.0.1"])
        with way_out(allow=[f"GET|POST http://{at}"], private=LOOPBACK, resolve=known) as site:
            method, *headers = head.split("\n")
            with closing(directly(site)) as sly:
                lines = "".join(f"{line}\r\n" for line in headers)
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden) if "chunked" in head else hidden
                sly.sendall(f"{method} http://{at}/ HTTP/1.1\r\nhost: h\r\n{lines}\r\n".encode() + body)
                sly.shutdown(socket.SHUT_WR)
                sly.recv(4_096)
            assert site.ask("GET", f"http://{at}/own").status == 200
            assert [request.line for request in server.requests if "/own" in request.line] == ["GET /own HTTP/1.1"]
            assert not any(request.body.startswith(b"GET /hidden") and "content-length" not in request.headers
                           and "transfer-encoding" not in request.headers for request in server.requests)  # fmt: skip


# -- what it learns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [f"{MODEL_KEY}\n", f"{MODEL_KEY}\r\nx: y", f" {MODEL_KEY}", f"{MODEL_KEY}\0"])
def test_a_key_that_cannot_be_sent_is_told_to_nobody_s4(key: str, caplog: pytest.LogCaptureFixture) -> None:
    """S4."""
    with caplog.at_level(logging.INFO), way_out(ModelAccess("http://127.0.0.1:1", key)) as site:
        answer = site.call()

    assert MODEL_KEY.encode() not in answer.body
    assert MODEL_KEY not in caplog.text


def test_a_proxy_of_the_operators_that_refuses_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    with upstream(answering("407 Proxy Authentication Required", b"")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:canary@127.0.0.1:{proxy.port}")
        with way_out(ModelAccess("https://model.example", MODEL_KEY)) as site:
            answer = site.call()

    assert (answer.status, b"canary" in answer.body) == (502, False)


# -- what it breaks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/anthropic/v1/messages", "http://h.example/", "/nothing"])
def test_a_body_that_is_no_http_is_no_fault_of_the_factory(target: str, caplog: pytest.LogCaptureFixture) -> None:
    known = resolving(h_example=["127.0.0.1"])
    with way_out(allow=["POST http://h.example"], private=LOOPBACK, resolve=known) as site, closing(directly(site)) as sly:
        sly.sendall(f"POST {target} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n".encode())
        while sly.recv(4_096):
            pass
        assert site.ask("GET", "/nothing").status == 404

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("pieces", [b'"mcp_servers": [%s1]' % (b"1," * 600_000), b'"tools": [%s{}]' % (b"{}," * 600_000)])
def test_what_is_small_to_write_and_large_to_read_is_refused(pieces: bytes) -> None:
    with upstream(answering("200 OK", message())) as api, way_out(access(api.port)) as site:
        answer = site.ask("POST", "/anthropic/v1/messages", b'{"model": "m", %s}' % pieces)

        assert (answer.status, api.requests) == (400, [])


def test_who_is_not_vouched_for_takes_only_so_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("factory.integrations.egress_server.VOUCH_SECONDS", 10.0 * SECONDS)
    monkeypatch.setattr("factory.integrations.egress_server.MAX_CONNECTIONS", 8)
    monkeypatch.setattr("factory.integrations.egress_accounts.MAX_CONNECTIONS", 3)
    with way_out() as site:
        waiting = [directly(site, OTHER) for _ in range(8)]

        # The first three wait on; the others are sent away and make room.
        assert all(connection.recv(1) == b"" for connection in waiting[3:])
        assert site.ask("GET", "/nothing").status == 404
        for connection in waiting:
            connection.close()
