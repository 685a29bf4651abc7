"""Connections to GitHub, bounded as a whole: the library bounds only the wait for the next byte, which may come for ever.

A timer shuts the connection down under the thread that reads it, at whatever byte it is: handshake, headers or body.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import requests
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, Requester, RequestsResponse
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager

MAX_BYTES = 32 * 1024**2
"""Of one answer, unpacked. A page of thirty pull requests has some hundred KiB, of a hundred long ones a few MiB."""
_CHUNK = 64 * 1024


class TooLong(requests.RequestException):
    """The time of the job is over, or an answer has no end."""


class Deadline:
    """The time of one job, over all its calls. Shuts down the connections that are open when it is over."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._guard = threading.Lock()
        self._lines: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def start(self) -> None:
        self._timer.start()

    def watch(self, descriptor: int) -> None:
        """Shuts this connection down too. Kept by a descriptor of its own: the other one may be closed, and be another's by then."""
        with self._guard:
            line = socket.socket(fileno=os.dup(descriptor))
            self._lines.append(line)
            if self.over:
                _shut(line)

    def check(self) -> None:
        """Raises `TooLong` once it is over: no further call may begin."""
        if self.over:
            raise TooLong

    def close(self) -> None:
        self._timer.cancel()
        with self._guard:
            while self._lines:
                self._lines.pop().close()

    def _end(self) -> None:
        with self._guard:
            self.over = True
            for line in self._lines:
                _shut(line)


def _shut(line: socket.socket) -> None:
    # Its other end may have left already.
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


_deadline: ContextVar[Deadline | None] = ContextVar("deadline of the job of this thread", default=None)


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Bounds all calls that this thread makes to GitHub meanwhile, once `use_bounded_lines` was called.

    A name that cannot be resolved and an address that does not answer have bounds of their own, which come on top.
    """
    deadline = Deadline(seconds)
    before = _deadline.set(deadline)
    deadline.start()
    try:
        yield deadline
    finally:
        _deadline.reset(before)
        deadline.close()


def use_bounded_lines() -> None:
    """Makes the library connect through this module, in the whole process."""
    Requester.injectConnectionClasses(_Plain, _Secure)


def _watch(descriptor: int) -> None:
    if deadline := _deadline.get():
        deadline.watch(descriptor)


class _WatchedConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _watch(self.sock.fileno())


class _WatchedSecureConnection(HTTPSConnection):
    def connect(self) -> None:
        # The handshake is not watched: Python bounds it as a whole by the timeout of one read.
        super().connect()
        _watch(self.sock.fileno())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _WatchedConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _WatchedSecureConnection


class _Adapter(HTTPAdapter):
    """Also the way through a proxy is watched."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as the base class has them
        super().init_poolmanager(*arguments, **options)
        _use_watched(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> ProxyManager:  # noqa: ANN401 - as the base class has them
        manager: ProxyManager = super().proxy_manager_for(*arguments, **options)
        _use_watched(manager)
        return manager


def _use_watched(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Bounded:
    """What both kinds of the library's connections do otherwise here. The attributes are theirs."""

    protocol: str
    session: requests.Session
    retry: Any
    host: str
    port: int
    url: str
    verb: str
    input: Any
    headers: dict[str, str]
    timeout: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as the library calls it
        super().__init__(*arguments, **options)
        self.session.mount(f"{self.protocol}://", _Adapter(max_retries=self.retry))

    def getresponse(self) -> RequestsResponse:
        """Raises `TooLong`."""
        deadline = _deadline.get()
        if deadline:
            deadline.check()
        address = f"{self.protocol}://{self.host}:{self.port}{self.url}"
        answer = self.session.request(
            self.verb, address, data=self.input, headers=self.headers, timeout=self.timeout, allow_redirects=False, stream=True
        )
        with answer:
            return _Answer(answer, _read(answer))


def _read(answer: requests.Response) -> bytes:
    whole = bytearray()
    for piece in answer.iter_content(_CHUNK):
        whole += piece
        if len(whole) > MAX_BYTES:
            raise TooLong
    return bytes(whole)


class _Answer(RequestsResponse):
    """One that was read already, in the encoding that JSON has."""

    def __init__(self, answer: requests.Response, data: bytes) -> None:
        super().__init__(answer)
        self._data = data

    def read(self) -> str:
        return self._data.decode(errors="replace")


class _Plain(_Bounded, HTTPRequestsConnectionClass):
    pass


class _Secure(_Bounded, HTTPSRequestsConnectionClass):
    pass
