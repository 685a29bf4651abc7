"""The way out of a worker that has no network: listens on this worker's own loopback, and carries bytes to the factory's socket.

Who is let where is decided there. Here each connection is only begun with the line that says whose it is. Where the factory's end is
away for a moment, which it is while it starts anew, a connection waits for it instead of failing.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

from factory.domain.way_out import greeting
from factory.protocol.way_out import PLACE, WayOutFile
from factory.transport.half_close import end_of

PATIENCE_SECONDS = 30.0
"""For the factory's end to come back. Its own restarts take a second or two; engines wait longer than this for an answer."""
_RETRY_SECONDS = 0.2
_CHUNK = 64 * 1024
_BACKLOG = 128
_STOP_SECONDS = 2.0
_PROXY = ("HTTP_PROXY", "HTTPS_PROXY")
_NO_PROXY = "127.0.0.1,localhost,::1"

_log = logging.getLogger(__name__)


class Forwarder:
    """Runs on a thread of its own until it is closed.

    Attributes:
        environment: for engine and gates: where the proxy is, and what the factory wants them to have beside it.
        secrets: texts that no log may hold.
    """

    def __init__(self, told: WayOutFile) -> None:
        self._told = told
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listening.settimeout(0)
        self._loop = asyncio.new_event_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._open: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="way out", daemon=True)
        self._thread.start()

    @property
    def environment(self) -> Mapping[str, str]:
        here = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        given = {**dict.fromkeys(_PROXY, here), "NO_PROXY": _NO_PROXY}
        # Some programs know the one, some the other.
        given |= {name.lower(): value for name, value in given.items()}
        return given | {name: value.replace(PLACE, here) for name, value in self._told.environment.items()}

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._told.token,) if self._told.token else ()

    def close(self) -> None:
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(_STOP_SECONDS)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accepted, sock=self._listening)
        try:
            await self._ended
        finally:
            server.close()
            # More than once: a connection that was just being accepted may have come meanwhile.
            while tasks := set(self._open):
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # Also where it never began: what is cancelled before has no `finally`.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        outside: asyncio.StreamWriter | None = None
        try:
            back, outside = await self._connected()
            outside.write(greeting(self._told.worker, self._told.token))
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, outside))
                both.create_task(_pump(back, writer))
        except* (OSError, TimeoutError) as ended:
            _log.info("a connection of the way out broke: %s", ended.exceptions[0])
        finally:
            # Aborted, so that a broken one is seen as such; after both ways have come to their end there is nothing left to lose.
            if outside is not None:
                outside.transport.abort()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        until = self._loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await asyncio.open_unix_connection(self._told.socket)
            except OSError:
                if self._loop.time() >= until:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends. The other way goes on: whoever has asked all of its question still waits for the answer."""
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    await end_of(sink)
