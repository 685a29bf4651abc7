"""What systemd is told, over a real datagram socket such as its own."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.integrations.systemd import Systemd


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(30)
        line.bind(str(tmp_path / "s"))
        yield line


def test_each_state_is_a_datagram(manager: socket.socket) -> None:
    told = Systemd({"NOTIFY_SOCKET": manager.getsockname()})

    told.ready()
    told.alive()
    told.stopping()

    assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_name_is_understood(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.settimeout(30)
        line.bind(f"\0{tmp_path}")
        Systemd({"NOTIFY_SOCKET": f"@{tmp_path}"}).ready()

        assert line.recv(100) == b"READY=1"


def test_a_manager_that_does_not_read_is_not_waited_for(manager: socket.socket) -> None:
    told = Systemd({"NOTIFY_SOCKET": manager.getsockname()})

    for _ in range(2_000):
        told.alive()

    assert manager.recv(100) == b"WATCHDOG=1"


def test_a_manager_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "none")}).alive()
    Systemd({}).alive()
