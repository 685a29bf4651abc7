"""One connection of a worker as HTTP/1.1: what h11 understands of it, within bounds of size and time."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from http import HTTPStatus

import h11

Headers = Sequence[tuple[bytes, bytes]]

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers."""
CHUNK = 64 * 1024
MAX_REST = 64 * 1024
"""Bytes of a body that nobody wants."""
IDLE_SECONDS = 120.0
"""Between two requests, and between two pieces of a body."""
WRITE_SECONDS = 120.0
"""For a worker to take what it asked for, a buffer's worth at a time."""

_KNOWN = frozenset(HTTPStatus)
_OF_ONE_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip


class Gone(Exception):
    """The worker hung up, or was too slow."""


class TooLarge(Exception):
    """What was sent is larger than it may be."""


class Client:
    """A worker's end of one connection.

    Attributes:
        up, down: bytes of the bodies of the current request and its answer.
        status: of that answer; 0 before there is one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self.up = self.down = self.status = 0

    async def request(self) -> h11.Request | None:
        """The next one, None where no more comes. Raises `Gone`, `h11.RemoteProtocolError`."""
        self.up = self.down = self.status = 0
        event = await self._event()
        return event if isinstance(event, h11.Request) else None

    async def body(self, limit: int) -> AsyncIterator[bytes]:
        """The body of the current request. Raises `Gone`, `TooLarge`, `h11.RemoteProtocolError`."""
        while isinstance(event := await self._event(), h11.Data):
            self.up += len(event.data)
            if self.up > limit:
                raise TooLarge(f"a request here has at most {limit:,} bytes")
            yield bytes(event.data)

    async def rest(self) -> None:
        """Reads away what is left of the request, a body that nobody wants included. Raises `Gone`, `TooLarge`."""
        while self._wire.their_state is h11.SEND_BODY:
            async for _ in self.body(MAX_REST):
                pass

    async def start(self, status: int, headers: Headers) -> None:
        """Begins an answer. Raises `Gone`."""
        self.status = status
        reason = HTTPStatus(status).phrase if status in _KNOWN else ""
        await self._send(h11.Response(status_code=status, headers=list(headers), reason=reason))

    async def send(self, data: bytes) -> None:
        self.down += len(data)
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def answer(self, status: int, content_type: str, body: bytes, *more: tuple[str, str]) -> None:
        """A whole answer."""
        given = {"content-type": content_type, "content-length": str(len(body)), **dict(more)}
        await self.start(status, [(name.encode(), value.encode()) for name, value in given.items()])
        # To HEAD there is a head alone.
        if body and self._wire.their_state is not h11.ERROR and not self._asks_for_head:
            await self.send(body)
        await self.end()

    async def refuse(self, status: int, sentence: str, *more: tuple[str, str]) -> None:
        """A sentence in the place of an answer. What was sent beside it is nobody's, so the connection ends."""
        # Closed with something unread the socket would be reset, and the sentence lost on its way.
        with suppress(TooLarge, h11.RemoteProtocolError):
            await self.rest()
        await self.answer(status, "application/json", json.dumps({"message": sentence}).encode(), ("connection", "close"), *more)

    def next(self) -> bool:
        """Whether another request may come on this connection; both sides are through with the current one."""
        if self._wire.our_state is not h11.DONE or self._wire.their_state is not h11.DONE:
            return False
        self._wire.start_next_cycle()
        return True

    async def become_tunnel(self) -> bytes:
        """Says yes to CONNECT, and returns what was sent behind it already."""
        await self.start(200, ())
        return self._wire.trailing_data[0]

    @property
    def has_begun(self) -> bool:
        """Whether a part of an answer is under way, which nothing else can follow."""
        return self._wire.our_state not in {h11.IDLE, h11.SEND_RESPONSE}

    def cut(self) -> None:
        """Ends the connection so that the worker sees that something is missing."""
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(WRITE_SECONDS):
                await self.writer.wait_closed()

    _asks_for_head = False

    async def _event(self) -> object:
        while (event := self._wire.next_event()) is h11.NEED_DATA:
            if self._wire.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._wire.receive_data(await self._read())
        if isinstance(event, h11.Request):
            self._asks_for_head = event.method == b"HEAD"
        return event

    async def _read(self) -> bytes:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await self.reader.read(CHUNK)
        except (OSError, TimeoutError) as error:
            raise Gone from error

    async def _send(self, event: h11.Event) -> None:
        data = self._wire.send(event)
        if not data:
            return
        try:
            self.writer.write(data)
            async with asyncio.timeout(WRITE_SECONDS):
                await self.writer.drain()
        except (OSError, TimeoutError) as error:
            raise Gone from error


def passed_on(headers: Headers, *without: bytes) -> list[tuple[bytes, bytes]]:
    """The headers that concern more than one hop, without those that are named, in lower case."""
    named = {word.strip().lower() for name, value in headers if name.lower() == b"connection" for word in value.split(b",")}
    dropped = _OF_ONE_HOP | named | set(without)
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def header(headers: Headers, wanted: bytes) -> str:
    """The first value of a header, empty where there is none."""
    return next((value.decode("latin-1") for name, value in headers if name.lower() == wanted), "")
