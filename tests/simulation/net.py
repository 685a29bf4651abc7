"""What lies between agents and the gateway: it loses, doubles, delays, reorders and cuts; and the gateway's end of it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from factory.transport.worker_link import Received
from factory.transport.zap import Enrolment
from tests.simulation.kernel import Kernel
from tests.simulation.seats import Seat

_FLIGHT_SECONDS = 0.005


class Peer(Protocol):
    """A worker's process, as far as the link sees it."""

    name: str
    key: str

    def receive(self, frame: bytes) -> None: ...


@dataclass(slots=True)
class Net:
    """Likelihoods per frame, and who is cut off until when, by worker and direction.

    Attributes:
        slow: seconds that a delayed frame takes at most.
    """

    kernel: Kernel
    loss: float = 0.0
    double: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    cut: dict[tuple[str, bool], float] = field(default_factory=dict)
    link: "SimLink | None" = None

    def carry(self, worker: str, frame: bytes, deliver: Callable[[bytes], None], *, upward: bool) -> None:
        kernel = self.kernel
        if kernel.chance(self.loss) or kernel.here() < self.cut.get((worker, upward), 0.0):
            return
        for _ in range(2 if kernel.chance(self.double) else 1):
            flight = kernel.random.random() * (self.slow if kernel.chance(self.late) else _FLIGHT_SECONDS)
            kernel.at(kernel.current.lag + flight, deliver, frame)

    def up(self, peer: Peer, frame: bytes) -> None:
        """From a worker to whichever gateway is there when it arrives."""
        self.carry(peer.name, frame, lambda payload: self.link.take(peer, payload) if self.link else None, upward=True)


class SimLink:
    """Stands where the gateway wants its `WorkerLink`. Gone with the process that it was made in."""

    def __init__(self, net: Net, seat: Seat) -> None:
        self._net, self._seat, self._generation = net, seat, seat.generation
        self._enrolment = Enrolment()
        self._routes: dict[str, Peer] = {}
        self._received: deque[Received] = deque()
        net.link = self

    def pollables(self) -> list["SimLink"]:
        return [self]

    def has_work(self) -> bool:
        return bool(self._received)

    def enrol(self, worker: str, public_key: str) -> None:
        self._enrolment.enrol(worker, public_key)

    def revoke(self, worker: str) -> None:
        self._enrolment.revoke(worker)
        self._routes.pop(worker, None)

    def take(self, peer: Peer, payload: bytes) -> None:
        """A frame arrives at the socket."""
        if self._seat.generation == self._generation and self._enrolment.worker(peer.key) == peer.name:
            self._routes[peer.name] = peer
            self._received.append(Received(peer.name, payload))
            self._seat.wake()

    def drain(self) -> list[Received]:
        taken = [one for one in self._received if self._enrolment.key(one.worker)]
        self._received.clear()
        return taken

    def send(self, worker: str, payload: bytes) -> bool:
        self._seat.step()
        peer = self._routes.get(worker)
        if peer is not None:
            self._net.carry(worker, payload, peer.receive, upward=False)
        return peer is not None

    def close(self) -> None:
        """Nothing to close."""
