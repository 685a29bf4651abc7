"""The proxy for hosts of the list: tunnels, of which only host and port can be ruled, and plain requests, which are ruled whole."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from urllib.parse import urlsplit

import h11
import httpcore2

from factory.domain.egress import Route, Rule, allows_tunnel, route, split_host
from factory.integrations.egress_accounts import Account, Exhausted
from factory.integrations.egress_dial import Blocked, Dialler, Unreachable
from factory.integrations.egress_http import CHUNK, Client, TooLarge, header, passed_on
from factory.integrations.egress_relay import NoAnswer, asked, hand_on
from factory.transport.half_close import end_of

log = logging.getLogger(__name__)

MAX_BODY = 8 * 1024 * 1024
TUNNEL_IDLE_SECONDS = 300.0
_BODYLESS = {b"GET", b"HEAD"}


class Proxy:
    """Lets workers to the hosts of the list.

    Args:
        servers: connects through the same dialler.
    """

    def __init__(self, rules: Sequence[Rule], dialler: Dialler, servers: httpcore2.AsyncConnectionPool) -> None:
        self._rules, self._dialler, self._servers = tuple(rules), dialler, servers

    async def tunnel(self, request: h11.Request, client: Client, account: Account) -> None:
        """CONNECT. Raises what `Client` does; everything else is an answer."""
        target = split_host(request.target.decode("ascii"), 0)
        if target is None:
            await client.refuse(400, "CONNECT needs HOST:PORT")
            return
        host, port = target
        if not allows_tunnel(self._rules, host, port):
            await _blocked(client, account, f"{host}:{port}" if port != 443 else host, "egress_allow does not name it")  # noqa: PLR2004
            return
        try:
            reader, writer = await self._dialler.connect(host, port)
        except Blocked as why:
            await _blocked(client, account, host, str(why))
        except Unreachable as why:
            await client.refuse(502, str(why))
        else:
            await _join(client, reader, writer, account)

    async def forward(self, request: h11.Request, client: Client, account: Account) -> None:
        """A request for `http://HOST/PATH`. Raises what `Client` does; everything else is an answer."""
        try:
            asked_for = urlsplit(request.target.decode("ascii"))
        except ValueError:
            asked_for = urlsplit("")
        target = split_host(asked_for.netloc, 80)
        if target is None:
            await client.refuse(400, "a proxy needs http://HOST/PATH")
            return
        host, port = target
        method = request.method.decode()
        where = route(self._rules, method, host, port, asked_for.path or "/")
        if where is None:
            named = any(rule.scheme and rule.names(host) for rule in self._rules)
            why = f"egress_allow does not let {method} there" if named else "egress_allow does not name it"
            await _blocked(client, account, host, why)
            return
        path = f"{asked_for.path or '/'}{f'?{asked_for.query}' if asked_for.query else ''}"
        await self._forward(request, client, account, where, path)

    async def _forward(self, request: h11.Request, client: Client, account: Account, where: Route, path: str) -> None:
        at = f"[{where.host}]" if ":" in where.host else where.host
        url = f"{where.scheme}://{at}:{where.port}{path}"
        usual = where.port == (443 if where.scheme == "https" else 80)
        headers = [(b"host", (at if usual else f"{at}:{where.port}").encode()), *passed_on(request.headers, b"host", b"expect")]
        content = None if request.method in _BODYLESS else _counted(client, account)
        if content is not None and not header(request.headers, b"content-length"):
            headers.append((b"transfer-encoding", b"chunked"))
        account.carry(up=len(path))
        try:
            async with asked(self._servers, bytes(request.method), url, headers, content) as response:
                await hand_on(response, client, lambda piece: account.carry(down=len(piece)))
        except Blocked as why:
            await _blocked(client, account, where.host, str(why))
        except (NoAnswer, Unreachable, TooLarge) as why:
            if client.has_begun:
                raise
            await client.refuse(413 if isinstance(why, TooLarge) else 502, str(why))
        else:
            await client.rest()


async def _counted(client: Client, account: Account) -> AsyncIterator[bytes]:
    async for piece in client.body(MAX_BODY):
        account.carry(up=len(piece))
        yield piece


async def _blocked(client: Client, account: Account, host: str, why: str) -> None:
    account.block(host)
    log.warning("worker %s may not reach %s: %s", account.grant.worker, host, why)
    await client.refuse(403, f"a worker of this factory may not reach {host}: {why}")


async def _join(client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, account: Account) -> None:
    """Carries bytes both ways until both ends are through, or nothing has come for too long."""
    try:
        await client.rest()
        early = await client.become_tunnel()
        if early:
            writer.write(early)

        def up(size: int) -> None:
            client.up += size
            account.carry(up=size)

        def down(size: int) -> None:
            client.down += size
            account.carry(down=size)

        up(len(early))
        async with asyncio.TaskGroup() as both:
            both.create_task(_carry(client.reader, writer, up))
            both.create_task(_carry(reader, client.writer, down))
    except* (OSError, TimeoutError, Exhausted) as ended:
        log.info("a tunnel of worker %s was cut: %r", account.grant.worker, ended.exceptions[0])
    finally:
        writer.close()
        client.cut()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[int], None]) -> None:
    while data := await asyncio.wait_for(source.read(CHUNK), TUNNEL_IDLE_SECONDS):
        count(len(data))
        sink.write(data)
        await asyncio.wait_for(sink.drain(), TUNNEL_IDLE_SECONDS)
    # The other way may go on: whoever has sent all of its request still waits for the answer.
    await asyncio.wait_for(end_of(sink), TUNNEL_IDLE_SECONDS)
