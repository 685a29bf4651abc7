"""The link of agents on this machine: bytes from a unix socket to the factory's TCP address and back, unread.

What an agent says is for the factory alone, under the agent's own key; so a worker needs no network, wherever it runs. A connection
that cannot be made is closed, and the agent tries again by itself.
"""

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_MOST = 600
"""Connections at once: of each worker two, while it reconnects."""
_CONNECT_SECONDS = 10.0
_PIECE = 65_536
_START_SECONDS = 10.0
_ANYBODY = 0o666


class Relay:
    """Runs in a thread of its own, from `start` to `close`.

    Args:
        path: of the socket; its folder decides who gets to it.
        host, port: of the factory.
    """

    def __init__(self, path: Path, host: str, port: int) -> None:
        self._path, self._target = path, (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._listening = threading.Event()
        self._open = 0
        self._stop: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Raises `OSError` where the socket cannot be had."""
        self._thread.start()
        if not self._listening.wait(_START_SECONDS):
            raise OSError(f"the socket {self._path} could not be bound")

    def close(self) -> None:
        if self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set_result, None)
            self._stop = None
            self._thread.join(_START_SECONDS)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asked = self._loop.create_future()
        # A killed one has left its file.
        self._path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._accept, path=str(self._path))
        self._path.chmod(_ANYBODY)
        self._listening.set()
        await asked
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self._path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= _MOST:
            writer.close()
            return
        self._open += 1
        try:
            await self._between(reader, writer)
        except (OSError, TimeoutError) as error:
            log.debug("an agent's connection has ended: %s", error)
        finally:
            self._open -= 1
            writer.close()

    async def _between(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.wait_for(asyncio.open_connection(*self._target), _CONNECT_SECONDS)
        try:
            ways = [asyncio.create_task(_pour(reader, far_writer)), asyncio.create_task(_pour(far_reader, writer))]
            # Either end closing ends both: this protocol knows no half-closed connection.
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
        finally:
            far_writer.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
