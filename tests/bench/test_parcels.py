"""A large result on its way from another machine to the factory, beside the same bytes over plain TCP on loopback."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory.cli.client import ask, new_command
from factory.cli.own_factory import OwnFactory
from factory.integrations.remote_host import RemoteHost
from factory.paths import Paths
from factory.protocol.commands import SteerHost
from factory.transport.mailbox_link import MailboxClient
from factory.worker_host.joining import join
from factory.worker_ports import WorkerOrder
from tests.bench.measures import Row, Table, milliseconds, taking_turns
from tests.fakes.worker_host import FakeWorkerHost
from tests.machine import FACTS, Machine
from tests.remote_worker import free_port
from tests.waiting import eventually

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

_ROUNDS = 3
_BYTES = 100_000_000
_PIECE = 256 * 1024
_SECONDS = 60.0
_NAME, _WORKER, _FILE = "anvil", "bundle", "result"


@pytest.fixture
def host(paths: Paths, environ: dict[str, str], folder: Path) -> Iterator[RemoteHost]:
    """A machine whose one worker has left a result of that size."""
    given = {**environ, "FACTORY_WORKER_LISTEN": f"tcp://127.0.0.1:{free_port()}", "FACTORY_WORKER_ADDRESS": "127.0.0.1"}
    workers = FakeWorkerHost()
    workers.start(WorkerOrder(_WORKER, ("run",), {}))
    workers.leaves(_WORKER, _FILE, secrets.token_bytes(_BYTES))
    machine = Machine(folder / "anvil", workers)
    with OwnFactory(paths, given, folder=folder):
        *_, address, word = ask(paths, SteerHost(new_command(), "enroll", _NAME, "bench"))["line"].split()
        join(machine.home, address, word, FACTS)
        machine.start()
        client = MailboxClient(paths.run)
        remote = RemoteHost(_NAME, lambda: client)
        try:
            eventually(lambda: remote.isolation.value == FACTS.isolation, _SECONDS, "the machine is here")
            yield remote
        finally:
            client.close()
            machine.stop()


def test_a_hundred_megabytes_come_over_the_link(host: RemoteHost, folder: Path, table: Table) -> None:
    target = folder / "arrived"

    spans = taking_turns({"link": lambda: _collected(host, target), "tcp": lambda: _plain(target)}, _ROUNDS)

    what = "a result of 100 MB from another machine, until it is here and checked"
    table.add(Row(what, "ms", spans["link"], "the same bytes over plain TCP into a file", spans["tcp"]))


def _collected(host: RemoteHost, target: Path) -> float:
    took = milliseconds(lambda: host.collect(_WORKER, _FILE, target, 2 * _BYTES))
    return _checked(target, took)


def _plain(target: Path) -> float:
    content = os.urandom(_PIECE)
    with _receiving(target) as address:
        took = milliseconds(lambda: _send(address, content))
    return _checked(target, took)


def _send(address: tuple[str, int], content: bytes) -> None:
    """Returns when the other end has all of it in its file."""
    with socket.create_connection(address, _SECONDS) as way:
        left = _BYTES
        while left:
            left -= way.send(memoryview(content)[: min(left, _PIECE)])
        way.shutdown(socket.SHUT_WR)
        assert way.recv(1) == b"k"


@contextmanager
def _receiving(target: Path) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taking = threading.Thread(target=_take, args=(listener, target))
        taking.start()
        yield listener.getsockname()
        taking.join(_SECONDS)


def _take(listener: socket.socket, target: Path) -> None:
    way, _ = listener.accept()
    with way, target.open("wb") as file:
        while piece := way.recv(_PIECE):
            file.write(piece)
        file.flush()
        way.sendall(b"k")


def _checked(target: Path, took: float) -> float:
    assert target.stat().st_size == _BYTES
    target.unlink()
    return took
