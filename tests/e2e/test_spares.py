"""The factory's own spares: who has become an actor answers as one, and who waits knows nothing."""

import os
import signal

import psutil

from factory.transport.mailbox_link import inbox_folder
from tests.real_factory import RealFactory, real_factory
from tests.waiting import eventually

_SECONDS = 60.0
_SECRET = "sk-the-operators-own"


def _spares(factory: RealFactory) -> set[int]:
    root = factory.pids()["root"]
    server = next(child for child in psutil.Process(root).children() if "forkserver" in " ".join(child.cmdline()))
    known = set(factory.pids().values())
    return {process.pid for process in server.children() if process.status() != psutil.STATUS_ZOMBIE} - known


def _two(factory: RealFactory) -> set[int]:
    def found() -> set[int] | None:
        spares = _spares(factory)
        return spares if len(spares) == 2 else None

    return eventually(found, _SECONDS, factory.log)


def test_a_killed_core_actor_comes_back_as_one_of_the_spares_and_a_stop_leaves_none():
    with real_factory({"ANTHROPIC_API_KEY": _SECRET}) as factory:
        factory.up()
        spares = _two(factory)
        assert all(_SECRET not in psutil.Process(pid).environ().values() for pid in spares)
        first = factory.pids()["queue"]

        os.kill(first, signal.SIGKILL)

        eventually(lambda: factory.pids().get("queue", first) != first, _SECONDS, factory.log)
        assert factory.pids()["queue"] in spares
        assert factory.item(factory.submit(factory.remote("sample")))
        _two(factory)
        factory.down()
        assert factory.processes() == []
        # Sockets that a spare had opened for an actor that it did not become.
        assert [path.name for path in inbox_folder(factory.paths.run).iterdir()] == []
