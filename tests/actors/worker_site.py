"""A worker's actor with a host without processes, and the agent's and the queue's side of its conversations."""

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar, cast

from actors.background import Background
from actors.way_out import WayOutTerms
from actors.worker import WorkerActor
from actors.worker_orders import EngineAccess, WorkerTerms
from factory.domain.lease import LeaseTerms
from factory.errors import FactoryError, HostAway, HostUnavailable, NoSpace
from factory.protocol.attempt_mail import Finish, Recorded
from factory.protocol.codec import Decoder, encode
from factory.protocol.delivery_mail import Prepared
from factory.protocol.gateway_mail import Inbound, Outbound
from factory.protocol.lock_mail import LockVerdict
from factory.protocol.mailbox import Lease, Ok, Work
from factory.protocol.version import VERSION
from factory.protocol.worker import Accept, Answer, Done, Envelope, FromAgent, GateSpec, Hello, Welcome
from factory.worker_ports import Life, Meter, Observed, WorkerOrder
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.fakes.worker_host import FakeWorkerHost

H = 5.0
NO_ACCESS = EngineAccess()
LEASE = Lease("0123456789", 2)
NAME = LEASE.worker
WORK = Work(LEASE, "/repo", "main", "Greet", "# Greet\n\n- [ ] hello\n", "command:true", "operator", "assigned", files=("a.py",))
BASE, COMMIT = "b" * 40, "c" * 40
PREPARED = Prepared(LEASE, "/mirror", BASE, (GateSpec("unit", "make test"),))
BUNDLE = b"a bundle"
DONE = Done(
    bundle="result.bundle", sha256=hashlib.sha256(BUNDLE).hexdigest(), size=len(BUNDLE), commit=COMMIT, commits=1, iterations=2,
    tokens=30, files_changed=1, last_event=1,
)  # fmt: skip

T = TypeVar("T")


class Host(FakeWorkerHost):
    """Has no room sometimes, or is away."""

    full = False
    away = False
    dead = False

    def start(self, order: WorkerOrder) -> Observed:
        self._check()
        return super().start(order)

    def poll(self, name: str) -> Observed:
        if self.away or self.dead:
            raise HostUnavailable("The engine does not answer.")
        return super().poll(name)

    def collect(self, name: str, file: str, target: Path, limit: int) -> int:
        self._check()
        return super().collect(name, file, target, limit)

    def _check(self) -> None:
        if self.dead:
            raise HostAway("The Docker engine does not answer: nothing listens there.")
        if self.full:
            raise NoSpace("The worker cannot be started: the disk of the host anvil is full.")


class Copies:
    """Stands where the actor wants its `Background`: jobs are done when their results are asked for."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Hashable, Callable[[], Any]]] = []

    def submit(self, key: Hashable, job: Callable[[], Any]) -> bool:
        self.jobs.append((key, job))
        return True

    def drain(self) -> list[tuple[Hashable, Any]]:
        jobs, self.jobs = self.jobs, []
        return [(key, _outcome(job)) for key, job in jobs]

    def close(self, seconds: float) -> None:
        """There is no thread."""


def _outcome(job: Callable[[], Any]) -> Any:
    try:
        return job()
    except (FactoryError, OSError) as error:
        return error


class Site:
    """Everyone whom the actor speaks with. `folder` holds the spool and the logs."""

    def __init__(self, folder: Path, work: Work = WORK, access: EngineAccess = NO_ACCESS, way_out: WayOutTerms | None = None) -> None:
        self._access, self._way_out = access, way_out
        self.clock, self.mail, self.host, self.work = ManualClock(), RecordingMailbox(), Host(), work
        self.meter: Meter | None = None
        self.results, self.logs = folder / "results", folder / "logs"
        self.results.mkdir()
        self.mail.answers = {
            "locks": lambda _: LockVerdict(granted=True), "queue": lambda _: Ok(), "gateway": lambda _: Ok(),
        }  # fmt: skip
        # Without a learner, which no worker needs, an assignment is sent at once.
        self.mail.full = {"learner"}
        self._decode: Decoder[Answer] = Decoder(Answer)
        self.actor = self.new_actor(work)

    def new_actor(self, work: Work) -> WorkerActor:
        """Another actor of the same lease, as after a crash; what was said before is forgotten."""
        terms = WorkerTerms(
            endpoint="ipc:///link/gateway.sock", server_key="s" * 40, lease=LeaseTerms(H), iteration_timeout=60.0, stuck_after=3,
            stop_grace=2.0, results=self.results, logs=self.logs, max_result=1_000, access=self._access, way_out=self._way_out,
        )  # fmt: skip
        self.mail.take()
        self.copies, self.slow = Copies(), False
        self.actor = WorkerActor(
            mailbox=self.mail, clock=self.clock, host=self.host, work=work, terms=terms, background=cast("Background", self.copies),
            meter=self.meter,
        )  # fmt: skip
        return self.actor

    # -- how far it is ------------------------------------------------------------------------------------------------

    def launched(self) -> "Site":
        """A worker whose agent has said nothing yet."""
        self.actor.on_start()
        self.actor.on_mail(PREPARED)
        self.copies_end()
        assert self.life is Life.RUNNING
        return self

    def working(self) -> "Site":
        """An agent with its assignment; what was said until here is forgotten."""
        self.launched().hears(Hello("1.0", "boot", "idle"))
        self.hears(Accept(), seq=1)
        self.actor.on_mail(Recorded(LEASE, 1, "ok"))
        sid = self.sid
        self.mail.take()
        self._sid = sid
        return self

    def finishing(self) -> "Site":
        """An agent whose result was taken and reported."""
        self.working().host.leaves(NAME, DONE.bundle, BUNDLE)
        self.hears(DONE, seq=9)
        assert self.finishes()[-1].outcome == "done"
        return self

    # -- who speaks with it -------------------------------------------------------------------------------------------

    _sid = ""

    @property
    def sid(self) -> str:
        welcomes = self.said(Welcome)
        return welcomes[-1].sid if welcomes else self._sid

    def hears(self, body: FromAgent, seq: int = 0, sid: str | None = None, version: str = VERSION) -> None:
        """The agent says something, in its session and of our version unless another is given."""
        session = "" if isinstance(body, Hello) else self.sid if sid is None else sid
        envelope = Envelope(LEASE.item, LEASE.epoch, body, seq, session, version)
        self.actor.on_mail(Inbound(LEASE, encode(envelope)))
        if not self.slow:
            self.copies_end()

    def copies_end(self) -> None:
        """What is being copied is there; at once, unless a test has made it `slow`."""
        self.actor.on_ready(self.actor.sources()[0])

    def ticks(self, heartbeats: float, *, beating: FromAgent | None = None) -> None:
        """Regular ticks for so long, with a word of the agent before each where one is given."""
        for _ in range(round(heartbeats * 2)):
            self.clock.advance(H / 2)
            if beating is not None:
                self.hears(beating)
            self.actor.on_tick()
            if not self.slow:
                self.copies_end()

    # -- what came of it ----------------------------------------------------------------------------------------------

    def said(self, kind: type[T]) -> list[T]:
        """What the agent was told, of one kind."""
        bodies = (self._decode(mail.frame).body for mail in self.mail.to("gateway", Outbound))
        return [body for body in bodies if isinstance(body, kind)]

    def to_queue(self, kind: type[T]) -> list[T]:
        return self.mail.to("queue", kind)

    def finishes(self) -> list[Finish]:
        return self.to_queue(Finish)

    def asked(self, kind: type[T]) -> list[T]:
        return [mail for _, mail in self.mail.asked if isinstance(mail, kind)]

    @property
    def life(self) -> Life:
        return self.host.poll(NAME).life

    @property
    def left(self) -> bool:
        return self.actor._leaves

    @property
    def spooled(self) -> Path:
        return self.results / f"{NAME}.bundle"

    def log(self) -> bytes:
        return (self.logs / LEASE.item / f"{LEASE.epoch}.log").read_bytes()

    def kinds(self) -> list[tuple[str, Any]]:
        """Address and kind of what was told, in order."""
        return [(address, type(mail)) for address, mail in self.mail.told]
