"""The factory's side of remote workers in a thread: the gateway and the actor of hosts, on real sockets, without the other actors."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors.background import Background
from actors.base import FactoryActor
from actors.gateway import Gateway
from actors.host_enrolment import Doors
from actors.hosts import HostsActor
from factory.clock import SystemClock
from factory.errors import ActorUnavailable
from factory.host_ports import HostStore, Parcel, Sources
from factory.parcels import Arrivals
from factory.protocol.commands import Reply, SteerHost
from factory.protocol.gateway_mail import Enrolled, Enrolment
from factory.transport.curve import KeyPair
from factory.transport.enrol_desk import EnrolDesk
from factory.transport.loop import Loop
from factory.transport.worker_link import WorkerLink

HEARTBEAT = 0.2
_SECONDS = 60.0
_TURN = 0.02


class NoSources:
    """For workers that clone nothing."""

    def pack(self, repo: str, commits: Sequence[str], haves: Sequence[str]) -> Parcel:
        raise AssertionError(f"nobody should want {repo}")

    def tidy(self) -> None:
        """Nothing is there."""


class Hub:
    """Turns its actors until `close`. It is the mailbox of everybody."""

    def __init__(self, folder: Path, store: HostStore, sources: Sources | None = None) -> None:
        self.passes: Callable[[object], object] = lambda mail: mail
        """What becomes of mail on its way between the actors."""
        self.store, self._folder, self._sources = store, folder, sources or NoSources()
        self.keys = KeyPair.generate()
        self._mails: queue.SimpleQueue[tuple[str, Any, Future[Any] | None]] = queue.SimpleQueue()
        self._actors: dict[str, FactoryActor] = {}
        self._leaves = False
        self.link = WorkerLink(f"ipc://{folder}/gateway.sock", self.keys, HEARTBEAT, listen="tcp://127.0.0.1:*")
        self.desk = EnrolDesk("tcp://127.0.0.1:*", self.keys, self.link.admission)
        self.gateway = Gateway(mailbox=self, clock=SystemClock(), link=self.link, heartbeat=HEARTBEAT, enrolment=self.desk)
        self.hosts = self._hosts()
        self._actors = {"gateway": self.gateway, "hosts": self.hosts}
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.link.listening.rpartition(":")[2])

    def join_words(self, name: str, *labels: str) -> tuple[str, str]:
        """Address and token, as the join line has them."""
        reply = self.ask("hosts", SteerHost("c", "enroll", name, "test", labels), _SECONDS)
        assert isinstance(reply, Reply)
        assert reply.code == "ok", reply
        address, token = reply.data["line"].split()[2:]
        return address, token

    def forget(self) -> None:
        """The actor of hosts dies, and a new one takes its place."""
        done: Future[Any] = Future()
        self._mails.put(("hub", None, done))
        done.result(_SECONDS)

    def add(self, address: str, actor: FactoryActor) -> None:
        """One more actor, which has no sources."""
        # Another one: the thread may just be going through it.
        self._actors = {**self._actors, address: actor}

    def tell(self, address: str, mail: object) -> bool:
        self._mails.put((address, self.passes(mail), None))
        return True

    def ask(self, address: str, mail: object, timeout: float) -> object:
        if isinstance(mail, Enrolled):
            return Enrolment({})
        future: Future[Any] = Future()
        self._mails.put((address, mail, future))
        try:
            return future.result(timeout)
        except TimeoutError:
            raise ActorUnavailable(address) from None

    def close(self) -> None:
        self._leaves = True
        self._thread.join(_SECONDS)
        for actor in self._actors.values():
            actor.on_stop()

    def _hosts(self) -> HostsActor:
        doors = Doors(self.keys.public, self.desk.endpoint, self.port)
        return HostsActor(
            mailbox=self, clock=SystemClock(), store=self.store, sources=self._sources, arrivals=Arrivals(self._folder / "in"),
            background=Background(1), doors=doors, heartbeat=HEARTBEAT,
        )  # fmt: skip

    def _replace_hosts(self) -> None:
        self._actors["hosts"].on_stop()
        self.hosts = self._actors["hosts"] = self._hosts()
        self.hosts.on_start()

    def _run(self) -> None:
        loop, clock = Loop(), SystemClock()
        for source in self.gateway.sources():
            loop.add(source)
        for actor in self._actors.values():
            actor.on_start()
        ticked = clock.monotonic()
        while not self._leaves:
            for source in loop.wait(_TURN):
                self.gateway.on_ready(source)
            self._deliver()
            self._actors["hosts"].on_ready(self._actors["hosts"].sources()[0])
            if clock.monotonic() - ticked >= HEARTBEAT / 2:
                ticked = clock.monotonic()
                for actor in self._actors.values():
                    actor.on_tick()

    def _deliver(self) -> None:
        while not self._mails.empty():
            address, mail, future = self._mails.get()
            if address == "hub":
                self._replace_hosts()
            answer = self._actors[address].on_mail(mail) if address in self._actors else None
            if future is not None:
                future.set_result(answer)


@contextmanager
def hub(folder: Path, store: HostStore, sources: Sources | None = None) -> Iterator[Hub]:
    made = Hub(folder, store, sources)
    try:
        yield made
    finally:
        made.close()
