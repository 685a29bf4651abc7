"""Requests and replies as bytes, and how a line is cut."""

import socket
import struct
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from factory.standin.message import Asked, Reply

if TYPE_CHECKING:
    from factory.standin.server import Server

_MAX_BODY = 512 * 1024**2
_LEFT_OUT = 40
"""Bytes of an answer that is cut."""


class Lost(Exception):
    """The line is to be cut, after a while. reply: of which a part is sent first."""

    def __init__(self, reply: Reply | None = None, seconds: float = 0.0) -> None:
        super().__init__()
        self.reply, self.seconds = reply, seconds


class Handler(BaseHTTPRequestHandler):
    server: "Server"
    protocol_version = "HTTP/1.1"
    # An answer is its headers and its body in two writes, which the other side would wait some time for.
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Nothing: the ledger tells what happened."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self._send(self.server.reply(Asked(self.command, self.path, headers, self._read())))
        except Lost as lost:
            self._lose(lost)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def _lose(self, lost: Lost) -> None:
        if lost.reply:
            whole = self._bytes(lost.reply)
            self.wfile.write(whole[: len(whole) - _LEFT_OUT])
            self.wfile.flush()
        self.server.over.wait(lost.seconds)
        # Ends the connection with a reset instead of a farewell.
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def _read(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(min(int(self.headers.get("content-length") or 0), _MAX_BODY))
        whole = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(whole)

    def _send(self, reply: Reply) -> None:
        self.wfile.write(self._bytes(reply))
        self.wfile.flush()

    def _bytes(self, reply: Reply) -> bytes:
        headers: Mapping[str, str] = {"Date": formatdate(usegmt=True), **reply.headers}
        length = {} if reply.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED} else {"Content-Length": str(len(reply.body))}
        lines = [f"{name}: {value}" for name, value in {**headers, **length}.items()]
        first = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"
        return "\r\n".join([first, *lines, "", ""]).encode("latin1") + reply.body
