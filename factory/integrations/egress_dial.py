"""Connections to hosts that a worker named: resolved here, looked at, and made to exactly the address that was looked at."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore2

from factory.domain.egress import Network, address_refusal

CONNECT_SECONDS = 15.0
RESOLVE_SECONDS = 10.0

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses."""


class Blocked(Exception):
    """The host is not to be reached from a worker; the sentence's end says why."""


class Unreachable(Exception):
    """The host may be reached, and cannot be now."""


async def by_system(host: str, port: int) -> Sequence[str]:
    """As this machine resolves names. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Dialler:
    """Resolves and checks.

    Args:
        private: networks of the operator's own that may be reached although they are private.
    """

    def __init__(self, private: Iterable[Network], resolve: Resolve = by_system) -> None:
        self._private, self._resolve = tuple(private), resolve

    async def address(self, host: str, port: int) -> str:
        """The address to connect to. Raises `Blocked`, `Unreachable`."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self._resolve(host, port)
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{host} cannot be resolved ({_words(error)})") from None
        if not found:
            raise Unreachable(f"{host} has no address")
        for address in found:
            # Also where only one of several is wrong: nobody gives a public service an address of that kind by mistake.
            if why := address_refusal(address, self._private):
                raise Blocked(f"{host} is at {address}: {why}")
        return found[0]

    async def connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection. Raises `Blocked`, `Unreachable`."""
        address = await self.address(host, port)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(address, port)
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{host}:{port} cannot be reached ({_words(error)})") from None


def _words(error: OSError) -> str:
    return error.strerror or str(error) or "no answer"


class CheckedBackend(httpcore2.AnyIOBackend):
    """Connects as a dialler says; TLS still asks for the name, since that is above it."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        address = await self._dialler.address(host, port)
        return await super().connect_tcp(address, port, timeout, local_address, socket_options)
