"""Ends one way of a connection of asyncio, with nothing lost of what was sent."""

import asyncio
from contextlib import suppress


async def end_of(sink: asyncio.StreamWriter) -> None:
    """Says that no more comes, once the system has taken everything: what a transport keeps, up to 64 KiB, goes with it when it is aborted.

    Raises:
        OSError: the other end has gone.
    """
    sink.transport.set_write_buffer_limits(high=0)
    await sink.drain()
    with suppress(OSError):
        sink.write_eof()
