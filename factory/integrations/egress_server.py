"""The way out's server: one unix socket for all workers, on a thread of its own.

Each connection begins with the line of `domain.way_out`; behind it is HTTP/1.1:

    CONNECT host:port          a tunnel, where the list allows host and port
    METHOD http://host/path    a request, where the list allows host, method and path
    METHOD /anthropic/path     the model's API, under the key that only this process has
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h11

from factory.domain.egress import Network, Rule
from factory.domain.way_out import MAX_GREETING, greeted
from factory.egress_ports import Grant, Outlay
from factory.errors import Broken
from factory.integrations.egress_accounts import Account, Exhausted, Ledger
from factory.integrations.egress_dial import CheckedBackend, Dialler, Resolve, by_system
from factory.integrations.egress_http import Client, Gone, TooLarge
from factory.integrations.egress_model import PREFIX, ModelAccess, ModelProxy
from factory.integrations.egress_proxy import Proxy
from factory.integrations.egress_relay import NoAnswer, operators_proxy, pool

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 512
MAX_STRANGERS = 64
"""Connections that have not shown whose they are; beyond them the oldest is closed, so that none can keep the others out."""
GREETING_SECONDS = 5.0
VOUCH_SECONDS = 20.0
"""A worker that shows its own secret waits so long until somebody vouches for it: after a restart of this process it is known again
by the next beat of its actor."""
SWEEP_SECONDS = 1.0
STOP_SECONDS = 3.0
_BACKLOG = 256
_ANYBODY = 0o666
"""Workers run under other user ids; what they show decides."""
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be reached. `private`: networks of the operator's own in which hosts of the list may lie."""

    allowed: Sequence[Rule] = ()
    private: Sequence[Network] = ()
    resolve: Resolve = field(default=by_system)


class EgressServer:
    """The adapter of `egress_ports.WayOutServer`.

    Args:
        path: of the socket, in a folder that workers are given.
        key: what workers' secrets are made of.
    """

    def __init__(self, path: Path, key: bytes, rules: Rules, model: ModelAccess) -> None:
        self._path, self._key, self._rules, self._model = path, key, rules, model
        self._ledger = Ledger()
        self._strangers: OrderedDict[asyncio.Task[None], None] = OrderedDict()
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread: threading.Thread | None = None

    # -- from the actor's thread --------------------------------------------------------------------------------------

    def start(self) -> str:
        listening = self._listening()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="way out", daemon=True)
        self._thread.start()
        return str(self._path)

    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        if self._thread is None:
            return
        self._later(self._end)
        self._thread.join(STOP_SECONDS)
        if not self._thread.is_alive():
            self._ledger.close()

    def pollable(self) -> int:
        return self._ledger.pollable()

    def grant(self, grant: Grant) -> None:
        self._later(lambda: self._ledger.grant(grant, self._loop.time()))

    def revoke(self, worker: str) -> None:
        self._later(lambda: self._ledger.revoke(worker))

    def news(self) -> Sequence[Outlay]:
        return self._ledger.news()

    def _later(self, job: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # its loop has ended, which `is_alive` tells
            self._loop.call_soon_threadsafe(job)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _listening(self) -> socket.socket:
        hidden = self._path.with_suffix(".new")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            hidden.unlink(missing_ok=True)
            listening.bind(str(hidden))
            hidden.chmod(_ANYBODY)
            listening.listen(_BACKLOG)
            # In one step, over what a predecessor left: a worker finds the one or the other.
            hidden.replace(self._path)
        except OSError as error:
            listening.close()
            raise Broken(f"The way out cannot be opened at {self._path}: {error.strerror or error}.") from None
        listening.settimeout(0)
        return listening

    # -- in the server's own ------------------------------------------------------------------------------------------

    def _run(self, listening: socket.socket) -> None:
        try:
            self._loop.run_until_complete(self._serve(listening))
        finally:
            self._loop.close()

    async def _serve(self, listening: socket.socket) -> None:
        dialler = Dialler(self._rules.private, self._rules.resolve)
        async with pool(CheckedBackend(dialler)) as servers, pool(proxy=operators_proxy(self._model.url)) as providers:
            proxy, model = Proxy(self._rules.allowed, dialler, servers), ModelProxy(self._model, providers)
            accept = lambda reader, writer: self._accepted(reader, writer, proxy, model)  # noqa: E731 - it needs both of them
            serving = await asyncio.start_unix_server(accept, sock=listening)
            sweeping = asyncio.create_task(self._sweep())
            try:
                await self._ended
            finally:
                serving.close()
                await self._end_all({sweeping})

    async def _end_all(self, tasks: set[asyncio.Task[None]]) -> None:
        while tasks:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            # A connection that was just being accepted may have come meanwhile.
            tasks = set(self._open)

    async def _sweep(self) -> None:
        last = self._loop.time()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self._loop.time()
            self._ledger.expire(now, max(now - last - 2 * SWEEP_SECONDS, 0.0))
            last = now

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: Proxy, model: ModelProxy) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._connection(reader, writer, proxy, model))
        self._open.add(task)
        self._strangers[task] = None
        task.add_done_callback(self._through)
        # Also where it never began: what is cancelled before has no `finally`.
        task.add_done_callback(lambda _: writer.transport.abort())
        if len(self._strangers) > MAX_STRANGERS:
            next(iter(self._strangers)).cancel()

    def _through(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._strangers.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a connection of the way out broke", exc_info=error)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, proxy: Proxy, model: ModelProxy) -> None:
        client = Client(reader, writer)
        try:
            account = await self._introduced(reader)
            if account is None:
                client.cut()
                return
            with account.connected() as room:
                if room:
                    await self._requests(client, account, proxy, model)
        except (Gone, NoAnswer, Exhausted, TooLarge, OSError, h11.ProtocolError) as error:
            # An answer that is under way ends in the middle, so that nobody takes a part of it for the whole.
            log.info("a connection of the way out was cut: %r", error)
            client.cut()
        finally:
            await client.close()

    async def _introduced(self, reader: asyncio.StreamReader) -> Account | None:
        """The account of whoever is there; None for a stranger, and where nobody vouches for it."""
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, TimeoutError):
            return None
        worker = greeted(line, self._key) if len(line) <= MAX_GREETING else None
        if worker is None:
            log.warning("somebody without the secret of a worker asked to be let out")
            return None
        if task is not None:
            self._strangers.pop(task, None)
        return await self._vouched(worker)

    async def _vouched(self, worker: str) -> Account | None:
        account = await self._ledger.vouched(worker, VOUCH_SECONDS)
        if account is None:
            log.warning("nobody vouches for worker %s, which asked to be let out", worker)
        return account

    async def _requests(self, client: Client, account: Account, proxy: Proxy, model: ModelProxy) -> None:
        while True:
            try:
                request = await client.request()
            except h11.RemoteProtocolError as error:
                with contextlib.suppress(h11.LocalProtocolError):
                    await client.refuse(400, f"this is not HTTP/1.1: {error}")
                return
            if request is None:
                return
            try:
                await self._answer(request, client, account, proxy, model)
            finally:
                _note(request, client, account)
            if not client.next():
                return

    async def _answer(self, request: h11.Request, client: Client, account: Account, proxy: Proxy, model: ModelProxy) -> None:
        target = request.target
        if not account.may_ask(self._loop.time()):
            await client.refuse(429, "too many requests of one attempt", ("retry-after", "1"))
        elif request.method == b"CONNECT":
            await proxy.tunnel(request, client, account)
        elif target.startswith(b"http://"):
            await proxy.forward(request, client, account)
        elif target == PREFIX.encode() or target.startswith(f"{PREFIX}/".encode()):
            await model.answer(request, client, account)
        else:
            await client.refuse(404, "the way out knows CONNECT, http://HOST/PATH and the model's API")


def _note(request: h11.Request, client: Client, account: Account) -> None:
    """One line a request: what was asked of whom, never a header, a query, a body, or what stands before an @."""
    scheme, found, rest = request.target.decode("ascii", "replace").partition("?")[0].rpartition("://")
    target = f"{scheme}{found}{rest.rpartition('@')[2]}"[:_SHOWN]
    log.info(
        "way out: worker=%s %s %s status=%d sent=%d received=%d",
        account.grant.worker, request.method.decode("ascii", "replace")[:20], target, client.status, client.up, client.down,
    )  # fmt: skip
