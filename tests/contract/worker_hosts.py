"""The hosts that the suite runs against."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from factory.clock import SystemClock
from factory.errors import HostUnavailable
from factory.integrations.docker_host import DockerHost, Made
from factory.integrations.process_host import ProcessHost
from factory.integrations.process_host_choice import Choice
from factory.worker_ports import Observed, WorkerHost, WorkerOrder
from tests.contract import worker_program
from tests.docker_engine import own_engine, removed_afterwards, worker_image
from tests.fakes.clock import ManualClock
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorker, FakeWorkerHost
from tests.hub import hub as hubs
from tests.machine import machine, remote_host

MakeHost = Callable[[str], WorkerHost]
"""A host for an instance; all that one adapter makes share a machine."""

_PROGRAM = Path(worker_program.__file__).read_text("utf-8")


class SteppingFake(FakeWorkerHost):
    """Does the steps of `worker_program` as far as they can be seen through the port."""

    def start(self, order: WorkerOrder) -> Observed:
        if order.name not in self.workers:
            super().start(order)
            words = iter(order.arguments)
            for step in words:
                self._does(order, step, words)
        return super().start(order)

    def _does(self, order: WorkerOrder, step: str, words: Iterator[str]) -> None:
        match step:
            case "wait":
                self.leaves(order.name, "ready", b"")
            case "ignore-term":
                self.workers[order.name].heeds_term = False
            case "exit":
                self.ends(order.name, int(next(words)))
            case "kill-itself":
                self.ends(order.name, -9, "It was killed.")
            case _:
                self.leaves(order.name, file := next(words), _content(order, step, file, words))


def _content(order: WorkerOrder, step: str, file: str, words: Iterator[str]) -> bytes | None:
    match step:
        case "write":
            return next(words).encode()
        case "count":
            return b"+"
        case "copy":
            return order.files[file]
        case "environment":
            return "\n".join(f"{name}={value}" for name, value in order.environment).encode()
        case "link":
            next(words)
    return None


@contextmanager
def fake_hosts() -> Iterator[MakeHost]:
    workers: dict[str, FakeWorker] = {}
    yield lambda instance: SteppingFake(workers, instance)


@contextmanager
def process_hosts(choice: Choice) -> Iterator[MakeHost]:
    """Process hosts on one root, or a skip where this machine cannot isolate in that way."""
    python = readable_python() if choice == "uid" else Path(sys.executable)
    with worker_root() as root:

        def make(instance: str) -> ProcessHost:
            return ProcessHost(root, instance, python, choice, ManualClock(), command=(str(python), "-I", "-c", _PROGRAM))

        host = make("trial")
        try:
            _ = host.isolation
        except HostUnavailable as error:
            pytest.skip(f"{choice} does not work here: {error}")
        yield make


@contextmanager
def docker_hosts() -> Iterator[MakeHost]:
    """Hosts of containers on one engine, or a skip where none answers."""
    command = ("python3", "-I", "-c", _PROGRAM)
    with own_engine() as engine, removed_afterwards(engine) as prefix:
        yield lambda instance: DockerHost(engine, f"{prefix}{instance}", Made(worker_image(), command=command), SystemClock())


@contextmanager
def remote_hosts() -> Iterator[MakeHost]:
    """Hosts elsewhere: a factory's gateway and a machine for each instance, all on loopback, running plain processes."""
    with worker_root() as root, ExitStack() as machines:
        hub = machines.enter_context(hubs(root.parent, FakeHostStore()))
        python, made = Path(sys.executable), set[str]()

        def make(instance: str) -> WorkerHost:
            if instance not in made:
                there = ProcessHost(root, instance, python, "unconfined", ManualClock(), command=(str(python), "-I", "-c", _PROGRAM))
                machines.enter_context(machine(hub, root.parent / instance, instance, there))
                made.add(instance)
            return remote_host(hub, instance)

        yield make


@contextmanager
def worker_root() -> Iterator[Path]:
    """A folder that others can get to, which pytest's own are not; ends whatever still runs in it."""
    top = Path(tempfile.mkdtemp(prefix="hosts-"))
    top.chmod(0o711)
    root = top / "workers"
    try:
        yield root
    finally:
        _stop_everything(root)
        shutil.rmtree(top)


def readable_python() -> Path:
    """An interpreter that every user can run: the tests' own is often in somebody's home."""
    for folder in ("/usr/bin", "/usr/local/bin"):
        python = shutil.which("python3", path=folder)
        if python and os.geteuid() == 0:
            return Path(python)
    pytest.skip("a uid of its own needs root and an interpreter of the system")


def _stop_everything(root: Path) -> None:
    for instance in ("test", "other"):
        host = ProcessHost(root, instance, Path(sys.executable), "unconfined", ManualClock())
        for worker in host.list_owned():
            host.stop(worker.name, 0)
            host.remove(worker.name)
