"""Asks a server outside and hands its answer on as it comes, unchanged but for what concerns one hop."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2

from factory.integrations.egress_http import Client, Gone, Headers, passed_on

READ_SECONDS = 660.0
"""Without a word from a server: a model may think for ten minutes, though it sends signs of life before."""
_POOL = 128
_KEPT_SECONDS = 30.0
_TIMES = {"connect": 15.0, "read": READ_SECONDS, "write": 60.0, "pool": 30.0}


class NoAnswer(Exception):
    """The server could not be asked, or broke off; the sentence says how."""


def pool(
    backend: httpcore2.AsyncNetworkBackend | None = None, proxy: httpcore2.Proxy | None = None
) -> httpcore2.AsyncConnectionPool:  # fmt: skip
    """Connections that are kept for a while: a model is called many times a minute. HTTP/2 would have one of them hold up all."""
    return httpcore2.AsyncConnectionPool(
        max_connections=_POOL, max_keepalive_connections=_POOL // 4, keepalive_expiry=_KEPT_SECONDS, network_backend=backend, proxy=proxy
    )


def operators_proxy(url: str) -> httpcore2.Proxy | None:
    """The proxy through which the operator's own programs would ask for this; None where they would ask themselves."""
    where = urlsplit(url)
    found = getproxies().get(where.scheme)
    return httpcore2.Proxy(found) if found and not proxy_bypass(where.hostname or "") else None


@asynccontextmanager
async def asked(
    servers: httpcore2.AsyncConnectionPool, method: bytes, url: str, headers: Headers, content: bytes | AsyncIterator[bytes] | None
) -> AsyncIterator[httpcore2.Response]:
    """The server's answer, whose body is still to come. Raises `NoAnswer`; what the caller raises inside is left as it is."""
    try:
        async with servers.stream(method, url, headers=list(headers), content=content, extensions={"timeout": _TIMES}) as response:
            yield response
    except httpcore2.LocalProtocolError as error:
        # Its sentence quotes what was to be sent, a key among it.
        raise NoAnswer(f"{type(error).__name__}: what was to be sent is no HTTP/1.1") from None
    except (
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.TimeoutException,
        httpcore2.UnsupportedProtocol,
        httpcore2.ProxyError,
    ) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}"[:300]) from error


async def hand_on(
    response: httpcore2.Response, client: Client, heard: Callable[[bytes], None], is_wanted: Callable[[], bool] = lambda: False
) -> None:
    """The answer, piece by piece as it comes; `heard` is given each before it goes on.

    Args:
        is_wanted: asked where the worker has hung up: whether `heard` has to have more of the answer all the same.
    """
    gone = await _gone(client.start(response.status, passed_on(response.headers)))
    if gone is None or is_wanted():
        async for piece in response.aiter_stream():
            heard(piece)
            gone = gone or await _gone(client.send(piece))
            if gone is not None and not is_wanted():
                break
    if gone is not None:
        raise gone
    await client.end()


async def _gone(sending: Awaitable[None]) -> Gone | None:
    try:
        await sending
    except Gone as gone:
        return gone
    return None
