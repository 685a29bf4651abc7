"""The embedded server when something dies, fills up or was left behind."""

import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from factory.errors import StoreFull, StoreUnavailable
from factory.storage import embedded_boot
from factory.storage.embedded import EmbeddedServer
from factory.storage.embedded_postmaster import pid_file
from factory.storage.embedded_socket import socket_file
from tests.clusters import give_cluster
from tests.databases import short_folder
from tests.integration.holders import holder
from tests.waiting import eventually

_MOUNT_SECONDS = 10
_START_SECONDS = 60


@pytest.fixture
def root() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder / "server"


@pytest.fixture
def new(root: Path) -> Iterator[EmbeddedServer]:
    """One whose database is not made yet."""
    one = EmbeddedServer(root)
    yield one
    one.stop()


@pytest.fixture
def server(root: Path, new: EmbeddedServer) -> EmbeddedServer:
    give_cluster(root)
    return new


def _pid(server: EmbeddedServer) -> int:
    pid = server.postmaster_pid()
    assert pid is not None
    return pid


def _kill(server: EmbeddedServer) -> None:
    os.kill(_pid(server), signal.SIGKILL)
    assert server.wait_for_death(10)


def test_a_killed_holder_leaves_a_server_that_the_next_one_takes_over_and_stops(root: Path, server: EmbeddedServer) -> None:
    with holder(root) as first:
        pid = first.postmaster_pid()
        first.kill()

    server.start()

    assert _pid(server) == pid
    assert server.stop(), "the killed holder is not counted any more"


def test_a_killed_server_is_noticed_and_comes_back_with_its_data(server: EmbeddedServer) -> None:
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    pid = _pid(server)

    _kill(server)

    assert not server.is_running()
    with psycopg.connect(server.start()) as connection:
        row = connection.execute("SELECT answer FROM kept").fetchone()
    assert row == (42,)
    assert _pid(server) != pid


def test_a_killed_server_with_open_sessions_comes_back(server: EmbeddedServer) -> None:
    dsn = server.start()
    with psycopg.connect(dsn) as idle, psycopg.connect(dsn) as writing:
        idle.execute("SELECT 1")
        writing.execute("CREATE TABLE lost AS SELECT generate_series(1, 10000)")

        _kill(server)

        with psycopg.connect(server.start()) as connection:
            row = connection.execute("SELECT to_regclass('lost')").fetchone()
        idle.close()
        writing.close()
    assert row == (None,)


def test_holder_and_server_killed_together_leave_nothing_in_the_way(root: Path, server: EmbeddedServer) -> None:
    with holder(root) as first:
        pid = first.postmaster_pid()
        first.kill()
        os.kill(pid, signal.SIGKILL)
        # A signal takes effect a moment later; who starts within that moment is told by the death watch.
        eventually(lambda: not server.is_running())

    server.start()

    assert _pid(server) != pid
    assert server.stop()


def test_the_socket_of_a_dead_server_that_is_still_to_be_closed_is_waited_for(root: Path, server: EmbeddedServer) -> None:
    with _listening(root) as left:
        closing = Thread(target=_accept_one_and_close, args=(left,))
        closing.start()

        server.start()

        closing.join(timeout=_START_SECONDS)
    assert server.stop()


def test_a_server_that_is_none_of_this_machine_s_is_left_alone(root: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_boot, "GOING_SECONDS", 0.1)
    with _listening(root), pytest.raises(StoreUnavailable, match="outside this container"):
        server.start()


def _accept_one_and_close(listening: socket.socket) -> None:
    listening.accept()[0].close()
    listening.close()


@contextmanager
def _listening(root: Path) -> Iterator[socket.socket]:
    """Where the server of a short folder listens."""
    (root / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(socket_file(root / "run")))
        listening.listen()
        yield listening


def test_the_descriptor_of_the_death_watch_turns_readable(server: EmbeddedServer) -> None:
    server.start()
    descriptor = server.death_fd()
    if descriptor is None:
        pytest.skip("this system has no pidfd; the watch polls")
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(0) == []

    os.kill(_pid(server), signal.SIGKILL)

    assert eventually(lambda: poll.poll(0))


def test_a_living_server_is_not_taken_for_dead(server: EmbeddedServer) -> None:
    server.start()

    assert not server.wait_for_death(0.05)


def test_a_pid_file_whose_pid_went_to_another_program_is_passed_over(server: EmbeddedServer) -> None:
    server.start()
    lines = pid_file(server._root / "data").read_text().splitlines()
    _kill(server)
    pid_file(server._root / "data").write_text("\n".join([str(os.getpid()), *lines[1:]]))

    server.start()

    assert server.is_running()


def test_a_start_waits_for_a_server_that_is_still_shutting_down(server: EmbeddedServer) -> None:
    with ThreadPoolExecutor(1) as pool:
        with psycopg.connect(server.start()):
            old = _pid(server)
            os.kill(old, signal.SIGTERM)  # smart: it goes when the last session has gone
            eventually(lambda: not server.is_running())
            starting = pool.submit(server.start)
        starting.result(_START_SECONDS)

    assert server.is_running()
    assert _pid(server) != old


def test_the_rest_of_a_killed_initdb_is_cleared_away(new: EmbeddedServer, root: Path) -> None:
    (root / "data.new" / "base").mkdir(parents=True)
    (root / "initdb.secret").write_text("old")

    new.start()

    assert new.is_running()
    assert not (root / "data.new").exists()
    assert not (root / "initdb.secret").exists()


def test_a_server_that_cannot_start_says_why_and_is_not_held(root: Path) -> None:
    give_cluster(root)
    server = EmbeddedServer(root, settings={"shared_buffers": "nonsense"})

    with pytest.raises(StoreUnavailable, match=r"did not start: configuration file") as caught:
        server.start()

    assert "\n" not in str(caught.value)
    assert not server.stop()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with short_folder() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0711", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, timeout=_MOUNT_SECONDS).returncode != 0:
            pytest.skip("only root with the right to mount can make a small disk")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=_MOUNT_SECONDS)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_made(small_disk: Path) -> None:
    root = small_disk / "server"

    with pytest.raises(StoreFull, match="No space left on device") as caught:
        EmbeddedServer(root).start()

    assert "\n" not in str(caught.value)
    assert not list(root.glob("data*"))
    assert not list(root.glob("*secret*"))
