"""The way out for tests: the real server on a real socket, a worker's end of it, and servers outside that do as they are told."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from factory.domain.budget import Caps, Spend
from factory.domain.egress import parse_network, parse_rule
from factory.domain.way_out import secret_for
from factory.egress_ports import Grant, Outlay
from factory.integrations.egress_dial import Resolve, by_system
from factory.integrations.egress_model import ModelAccess
from factory.integrations.egress_server import EgressServer, Rules
from factory.paths import fresh_folder
from factory.protocol.way_out import WayOutFile
from tests.waiting import eventually
from worker_agent.way_out_forwarder import Forwarder

WORKER = "0123456789-1"
OTHER = "0123456789-2"
KEY = b"k" * 32
MODEL_KEY = "sk-ant-api03-canary-of-the-machine"
SECONDS = 30
NO_CAPS, NOTHING = Caps(), Spend()
MODEL = "claude-sonnet-5-5"


@dataclass(frozen=True, slots=True)
class Request:
    """What a server outside was sent. Names of headers in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Upstream:
    """A server on loopback that answers each connection's one request as `act` does.

    Args:
        keeps: all of its requests.

    Attributes:
        requests: what came, in order.
    """

    def __init__(self, act: Callable[[Request, socket.socket], None], *, keeps: bool = False) -> None:
        self.requests: list[Request] = []
        self._act, self._keeps = act, keeps
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        # A thread that waits to accept is not woken by closing under it.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(SECONDS)

    def _serve(self) -> None:
        while True:
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(taken,), daemon=True).start()

    def _one(self, taken: socket.socket) -> None:
        with taken:
            taken.settimeout(SECONDS)
            try:
                self._answer(taken)
                while self._keeps:
                    self._answer(taken)
            except OSError:
                return  # whoever asked has hung up, which is what some are told to do

    def _answer(self, taken: socket.socket) -> None:
        request = _read(taken)
        self.requests.append(request)
        self._act(request, taken)


def _read(taken: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(taken)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _more(taken)
    return Request(line, headers, body)


def _more(taken: socket.socket) -> bytes:
    piece = taken.recv(65_536)
    if not piece:
        raise OSError("no more is asked")
    return piece


def answering(status: str, body: bytes, **headers: str) -> Callable[[Request, socket.socket], None]:
    """The same answer to everything."""
    given = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {**given, **headers}.items())

    def act(_: Request, taken: socket.socket) -> None:
        taken.sendall(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)

    return act


def message(tokens: int = 1_000, model: str = MODEL) -> bytes:
    """A message of the model's, as a document."""
    usage = {"input_tokens": 10, "output_tokens": tokens}
    return json.dumps({"type": "message", "model": model, "content": [], "usage": usage}).encode()


@contextmanager
def upstream(act: Callable[[Request, socket.socket], None], *, keeps: bool = False) -> Iterator[Upstream]:
    server = Upstream(act, keeps=keeps)
    try:
        yield server
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        told: dict[str, Any] = json.loads(self.body)
        return str(told["error"]["message"] if "error" in told else told["message"])


def port_of(forwarder: Forwarder) -> int:
    return int(urlsplit(forwarder.environment["HTTP_PROXY"]).port or 0)


def ask(port: int, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    """One request to a forwarder, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def call(port: int, body: dict[str, Any] | None = None, path: str = "/v1/messages", **headers: str) -> Answer:
    """A call of the model through a forwarder."""
    asked = json.dumps({"model": MODEL, "max_tokens": 5, "messages": [], **(body or {})}).encode()
    return ask(port, "POST", f"/anthropic{path}", asked, content_type="application/json", **headers)


@dataclass
class Site:
    """A server with its socket in `folder`, and the worker's end that `WORKER` has."""

    folder: Path
    model: ModelAccess
    rules: Rules
    server: EgressServer = field(init=False)
    forwarder: Forwarder = field(init=False)
    outlays: dict[str, Outlay] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = EgressServer(self.folder / "egress.sock", KEY, self.rules, self.model)
        self.forwarder = self.forwarder_of(WORKER)

    def forwarder_of(self, worker: str, secret: str | None = None) -> Forwarder:
        shown = secret_for(KEY, worker) if secret is None else secret
        return Forwarder(WayOutFile(str(self.folder / "egress.sock"), worker, shown))

    @property
    def port(self) -> int:
        return port_of(self.forwarder)

    def grant(
        self, worker: str = WORKER, *, caps: Caps = NO_CAPS, spent: Spend = NOTHING, model: bool = True, seconds: float = 3600.0
    ) -> None:
        self.server.grant(Grant(worker, model, caps, spent, seconds))

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        return ask(self.port, method, target, body, **headers)

    def call(self, body: dict[str, Any] | None = None, path: str = "/v1/messages", **headers: str) -> Answer:
        """A call of the model."""
        return call(self.port, body, path, **headers)

    def connect(self, target: str, port: int | None = None) -> tuple[int, socket.socket]:
        """A tunnel: the status, and the connection behind it."""
        connection = socket.create_connection(("127.0.0.1", port or self.port), SECONDS)
        connection.sendall(f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(1)):
            head += piece
        return int(head.split(b" ")[1]) if head else 0, connection

    def status(self, target: str, port: int | None = None) -> int:
        """What a tunnel is answered with; 0 where there is no answer."""
        status, connection = self.connect(target, port)
        connection.close()
        return status

    def outlay(self, until: Callable[[Outlay], bool], worker: str = WORKER) -> Outlay:
        """What is told of a worker, once it is so."""

        def told() -> Outlay | None:
            self.outlays |= {outlay.worker: outlay for outlay in self.server.news()}
            found = self.outlays.get(worker)
            return found if found is not None and until(found) else None

        return eventually(told, SECONDS, lambda: f"the outlay of {worker}, it is {self.outlays.get(worker)}")

    def close(self) -> None:
        self.forwarder.close()
        self.server.stop()


def resolving(**hosts: Sequence[str]) -> Resolve:
    """Names with underscores for dots → their addresses; everything else as the machine has it."""
    known = {name.replace("_", "."): addresses for name, addresses in hosts.items()}

    async def resolve(host: str, port: int) -> Sequence[str]:
        return known[host] if host in known else await by_system(host, port)

    return resolve


@contextmanager
def way_out(
    model: ModelAccess | None = None,
    allow: Sequence[str] = (),
    private: Sequence[str] = (),
    resolve: Resolve = by_system,
    *,
    start: bool = True,
) -> Iterator[Site]:
    """A site whose worker is vouched for."""
    folder = fresh_folder("wo-")
    rules = Rules(tuple(map(parse_rule, allow)), tuple(map(parse_network, private)), resolve)
    site = Site(folder, model or ModelAccess("http://127.0.0.1:9", MODEL_KEY), rules)
    try:
        if start:
            site.server.start()
            site.grant()
        yield site
    finally:
        site.close()
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
