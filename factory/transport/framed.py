"""Messages over a stream between two processes of this machine: four bytes of length before each. Never blocks."""

import socket
import struct
from collections.abc import Iterator

from factory.protocol.codec import MAX_FRAME, BadMessage

_LENGTH = struct.Struct(">I")
_PIECE = 65_536


class Framed:
    """One end of a stream socket. For one thread.

    Attributes:
        is_over: the other end says nothing more, and all that it said was received.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.settimeout(0)
        self._out, self._in = bytearray(), bytearray()
        self.is_over = False

    @property
    def unsent(self) -> int:
        """Bytes that the other end has not taken yet."""
        return len(self._out)

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, frame: bytes) -> None:
        """Hands over what goes now; the rest with the next call of any kind."""
        self._out += _LENGTH.pack(len(frame)) + frame
        self.flush()

    def flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._end.send(self._out)]
        except BlockingIOError:
            return
        except OSError:
            # It has gone; what it said before can still be read.
            self._out.clear()

    def receive(self) -> Iterator[bytes]:
        """The whole messages that are here. Raises `BadMessage` where they are none."""
        self.flush()
        self._read()
        while (frame := self._next()) is not None:
            yield frame

    def finish(self) -> None:
        """Says nothing more, and goes on listening."""
        self.flush()
        try:
            self._end.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has gone already

    def close(self) -> None:
        self._end.close()

    def _read(self) -> None:
        try:
            while piece := self._end.recv(_PIECE):
                self._in += piece
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self.is_over = True

    def _next(self) -> bytes | None:
        if len(self._in) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._in)
        if length > MAX_FRAME:
            msg = f"a frame of {length} bytes, the wire takes {MAX_FRAME}"
            raise BadMessage(msg)
        if len(self._in) < _LENGTH.size + length:
            return None
        frame = bytes(self._in[_LENGTH.size : _LENGTH.size + length])
        del self._in[: _LENGTH.size + length]
        return frame
