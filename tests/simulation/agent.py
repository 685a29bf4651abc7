"""A worker's process: the agent's side of the link as the real session decides it, and a script of what the agent does."""

from collections.abc import Callable
from typing import Any

from factory.protocol.codec import Decoder, encode
from factory.protocol.mailbox import Lease
from factory.protocol.worker import Accept, Ack, Answer, Assign, Event, LockAnswer, Pong, Reject, Stop, ToAgent, Welcome
from tests.simulation.kernel import Kernel
from tests.simulation.net import Net
from tests.simulation.script import Script
from worker_agent.contact import EXIT_ABANDONED, EXIT_OK, EXIT_REJECTED, EXIT_STOPPED
from worker_agent.session import Said, Session, Step

_decode: Decoder[Answer] = Decoder(Answer)

_SHORTEST_SECONDS = 0.05
"""As the real link waits at least while something is due that it may not send."""


class SimAgent:
    """One process on the host.

    Attributes:
        frozen_until: stopped until then; what comes meanwhile waits.
        hung_at: since when the main loop does not tick, None while it does.
        ended: called with the exit code.
        acked: called with the number of each event that the factory says it has stored.
    """

    def __init__(
        self, kernel: Kernel, net: Net, lease: Lease, key: str, *, heartbeat: float, well: bool, ended: Callable[[int], object]
    ) -> None:
        self._kernel, self._net = kernel, net
        self.lease, self.name, self.key = lease, lease.worker, key
        self.alive, self.frozen_until = True, 0.0
        self.hung_at: float | None = None
        self.heard_at = kernel.here()
        self.acked: Callable[[Lease, int], object] = lambda *_: None
        self._ended = ended
        self._timer: float | None = None
        self._events: dict[int, int] = {}
        self.session = Session(lease.item, lease.epoch, f"boot-{self.name}", heartbeat, kernel.here())
        self.script = Script(kernel.plan("agent", self.name), self, well=well)
        self.after(self.script.startup, self._connect)

    def after(self, seconds: float, action: Callable[..., object], *arguments: Any) -> None:
        """Does it then, or when the process goes on again; never once it has ended."""
        self._kernel.at(self._kernel.current.lag + seconds, self._do, action, arguments)

    def _do(self, action: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        if not self.alive:
            return
        if self.frozen_until > self._kernel.now:
            self._kernel.at(self.frozen_until - self._kernel.now, self._do, action, arguments)
            return
        action(*arguments)

    def die(self) -> None:
        self.alive = False

    def exit(self, code: int) -> None:
        if self.alive:
            self.alive = False
            self._ended(code)

    # -- the link -----------------------------------------------------------------------------------------------------

    def receive(self, frame: bytes) -> None:
        self._do(self._hear, (frame,))

    def say(self, body: Said) -> None:
        self._carry_out(self.session.said(body, self._kernel.now))
        if isinstance(body, Event):
            self._events[self.session.spool.last_seq] = self.session.last_event

    def _connect(self) -> None:
        if not self.script.mute:
            self._carry_out(self.session.connected(self._kernel.now))

    def _hear(self, frame: bytes) -> None:
        self.heard_at = self._kernel.now
        answer = _decode(frame)
        if isinstance(answer.body, Ack) and answer.body.result == "ok" and answer.body.seq in self._events:
            self.acked(self.lease, self._events[answer.body.seq])
        self._carry_out(self.session.heard(answer, self._kernel.now))

    def _carry_out(self, happened: tuple[Session, Step]) -> None:
        self.session, step = happened
        for envelope in step.send:
            self._net.up(self, encode(envelope))
        for body in step.deliver:
            self._take(body)
        self._plan()

    def _plan(self) -> None:
        now = self._kernel.now
        due = max(self.session.next_due, now + _SHORTEST_SECONDS)
        if self.alive and due < now + 1e6 and (self._timer is None or due < self._timer - _SHORTEST_SECONDS):
            self._timer = due
            self.after(due - now, self._pass, due)

    def _pass(self, timer: float) -> None:
        if timer != self._timer:
            return
        self._timer = None
        now = self._kernel.now
        if self.session.is_abandoned(now) and self.hung_at is None:
            self.exit(EXIT_ABANDONED)
            return
        self._carry_out(self.session.passed(now, now if self.hung_at is None else self.hung_at))

    # -- the main loop ------------------------------------------------------------------------------------------------

    def _take(self, body: ToAgent) -> None:
        if self.hung_at is not None:
            return
        match body:
            case Assign():
                self.say(Accept())
                self.script.begin(body)
            case LockAnswer():
                self.script.locked(body)
            case Ack(_, "ok"):
                self.exit(EXIT_OK)
            case Reject() | Ack(_, "refused"):
                self.exit(EXIT_REJECTED)
            case Stop() | Welcome() | Ack():
                self.exit(EXIT_STOPPED)
            case Pong(verdict) if verdict == "stop":
                self.exit(EXIT_STOPPED)
            case _:
                pass
