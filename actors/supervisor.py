"""The root process: starts the tree, watches it, restarts what dies as `domain.supervision_decide` says, and stops it all.

One thread and no business logic. It waits for its inbox, for signals and for what its children say; whatever must happen
later is a `due` time of a node. It never waits for a single child, so the death of any other is noticed at any time, and so is
the wish to stop. What follows from an end is `restarts`, from a child that hangs `health`, from an operator's word `steering`.

planned ──► starting ──► running ──► stopping ──► stopped, or stopped by operator
               ▲  │         │            ▲
               │  ▼         ▼            └── at any time, from every state that has a process
              waiting ◄─────┘ ──► gave up (edge: tried anew after a while; core: the factory stops)
"""

import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

import structlog

from actors.children import Children, Orders
from actors.health import HealthCheck
from actors.launcher import Child, Launcher, Leaving, Notice
from actors.node import Node, State
from actors.restarts import Restarter
from actors.signals import Signals
from actors.steering import Steering
from actors.stopping import FactoryStop
from actors.tree import worker_child
from factory.domain.health import HealthTerms
from factory.domain.ids import parse_worker_id
from factory.domain.supervision import POLICIES, ChildSpec, Level, LevelPolicy, check
from factory.domain.supervision_decide import Exit
from factory.errors import InvalidInput
from factory.ports import Clock
from factory.protocol import mailbox as mail
from factory.protocol.codec import encode
from factory.protocol.commands import Reply, SteerActor
from factory.transport.health_link import remove_health
from factory.transport.loop import Loop, Source
from factory.transport.mailbox_link import MailboxServer, remove_mailbox

NAME = "supervisor"
"""Its address."""

MAX_WORKER_ACTORS = 200
"""Each is a process of some megabytes. The limits of the operator are far below; this bounds a dispatcher gone wrong."""

CHORE_SECONDS = 10.0
"""Between calls of `chores`; also the longest that the loop waits for nothing."""

EXIT_ASKED, EXIT_GAVE_UP, EXIT_AT_ONCE = 0, 1, 1
"""Asked to stop and stopped; a core child could not be kept alive; asked twice, so that children were killed."""

WORKER_SHUTDOWN_SECONDS = 15.0
"""A worker's usual grace of five seconds, the sweep of what is left of it, and a busy machine."""

HEARTBEAT_SECONDS = 5.0
"""The default of the setting."""

log = structlog.get_logger(__name__)


def _nothing() -> None:
    """The callbacks of those who want none."""


class Supervisor:
    """The tree of processes. For the main thread of a process that has no other children of multiprocessing.

    Args:
        specs: the children that are always there, in start order. Raises `InvalidTree` where they cannot be a tree.
        launcher: makes their processes.
        orders: what each process is started with.
        run_dir: the folder of the inboxes.
        clock: for all times.
        policies: of the levels.
        heartbeat: H in seconds, for the bounds within which children must answer.
        worker_shutdown: seconds that a worker's actor has to stop.
        on_up: called once, when every child has been ready, or is one that the factory can do without.
        chores: called every `CHORE_SECONDS`; must be quick.
        on_stop: called when the factory begins to stop, perhaps more than once.
        on_hangup: called on SIGHUP; where it returns nothing true, the signal asks to stop like the others.

    Attributes:
        verdict: why the factory stopped by itself, one sentence; empty where it was asked to.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        launcher: Launcher,
        orders: Orders,
        run_dir: Path,
        clock: Clock,
        policies: Mapping[Level, LevelPolicy] = POLICIES,
        heartbeat: float = HEARTBEAT_SECONDS,
        worker_shutdown: float = WORKER_SHUTDOWN_SECONDS,
        on_up: Callable[[], None] = _nothing,
        chores: Callable[[], object] = _nothing,
        on_stop: Callable[[], None] = _nothing,
        on_hangup: Callable[[], object] = _nothing,
    ) -> None:
        check(specs, policies)
        self._nodes = {spec.name: Node(spec) for spec in specs}
        self._launcher, self._run_dir, self._clock, self._policies = launcher, run_dir, clock, policies
        self._on_up, self._chores, self._on_stop, self._on_hangup = on_up, chores, on_stop, on_hangup
        self._worker_shutdown = worker_shutdown
        self._loop = Loop()
        self._children = Children(self._loop, launcher, clock, orders, self._ended)
        self._restarter = Restarter(
            self._nodes, self._children, clock=clock, policies=policies, on_give_up=self._gave_up, forget=self._forget
        )  # fmt: skip
        self._health = HealthCheck(self._loop, run_dir, clock, HealthTerms(heartbeat), self._children)
        self._stop = FactoryStop(self._nodes, self._children, clock, policies)
        self._steering = Steering(self._nodes, self._children, clock, self._forget, lambda: self._stop.mode)
        self._up = False
        self._next_chores = clock.monotonic() + CHORE_SECONDS
        self._asked_by_signal = False
        self._code = EXIT_ASKED
        self.verdict = ""

    def run(self) -> int:
        """Runs until the factory is asked to stop or gives up, and leaves no process behind. Returns the exit code."""
        with Signals(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            inbox = MailboxServer(self._run_dir, NAME, mail.SupervisorMail)
            self._loop.add(signals)
            self._loop.add(inbox)
            try:
                self._go_on()
                while not self._stop.done():
                    self._step(inbox, signals)
            finally:
                self._children.kill_all()
                self._health.close()
                inbox.close()
                self._launcher.stop()
        return self._code

    def _step(self, inbox: MailboxServer, signals: Signals) -> None:
        for source in self._loop.wait(self._until_due()):
            self._hear(source, inbox, signals)
        self._on_time()
        self._go_on()

    def _hear(self, source: Source, inbox: MailboxServer, signals: Signals) -> None:
        if isinstance(source, Child):
            self._children.hear(source)
        elif isinstance(source, Notice):
            self._children.expect_end(source.child)
        elif isinstance(source, Leaving):
            self._children.collect(source)
        elif source is signals:
            self._heed(signals.drain())
        elif source is inbox:
            self._read(inbox)
        else:
            self._health.hear(source)

    def _go_on(self) -> None:
        if not self._stop.begun:
            self._restarter.go_on()
            self._go_on_starting()

    # -- time ---------------------------------------------------------------------------------------------------------

    def _until_due(self) -> float:
        times = [node.due for node in self._nodes.values() if node.due is not None]
        times += [*self._restarter.due(), self._health.due(), self._children.due(), self._next_chores]
        return max(0.0, min(times) - self._clock.monotonic())

    def _on_time(self) -> None:
        now = self._clock.monotonic()
        for node in list(self._nodes.values()):
            if node.due is not None and node.due <= now:
                self._due(node)
        self._children.go_on()
        self._health.look(self._nodes.values())
        if now >= self._next_chores:
            self._next_chores = now + CHORE_SECONDS
            self._chores()

    def _due(self, node: Node) -> None:
        if node.process is not None:
            self._children.overdue(node)
        elif node.state in {State.WAITING, State.GAVE_UP}:
            self._children.launch(node)

    # -- start --------------------------------------------------------------------------------------------------------

    def _go_on_starting(self) -> None:
        for node in self._nodes.values():
            if node.state is State.PLANNED:
                self._children.launch(node)
            if not node.settled(fatal=self._policies[node.spec.level].fatal):
                return
        if not self._up:
            self._up = True
            self._on_up()

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _ended(self, node: Node, end: Exit) -> None:
        if self._stop.begun:
            log.debug("child.stopped", child=node.spec.name, reason=end.reason)
            # Who was killed leaves its address behind, and what others told it would hold up their own end.
            self._forget(node)
            node.enter(State.STOPPED, self._clock.monotonic())
        else:
            self._restarter.ended(node, end)

    def _gave_up(self, reason: str) -> None:
        self.verdict = f"The factory stops: {reason}"
        log.critical("factory.gives_up", reason=reason)
        self._begin_stop("now", EXIT_GAVE_UP)

    def _forget(self, node: Node) -> None:
        # A worker's name came in by mail: whatever it is, it must not end the root, and the whole factory with it.
        for remove in (remove_mailbox, remove_health):
            try:
                remove(self._run_dir, node.spec.name)
            except (InvalidInput, OSError) as error:
                log.warning("child.mailbox_stays", child=node.spec.name, reason=str(error))

    # -- stop ---------------------------------------------------------------------------------------------------------

    def _heed(self, numbers: Iterable[signal.Signals]) -> None:
        for number in numbers:
            if number is signal.SIGHUP and not self._stop.begun and self._on_hangup():
                continue
            # A terminal that is closed sends SIGHUP, and its shell often SIGTERM right after it: that is one wish.
            if self._asked_by_signal and number is not signal.SIGHUP:
                log.warning("factory.stops_at_once")
                self._code = EXIT_AT_ONCE
                self._stop.at_once()
            self._asked_by_signal = self._asked_by_signal or number is not signal.SIGHUP
            log.info("factory.stops", signal=number.name)
            self._begin_stop("now", EXIT_ASKED)

    def _begin_stop(self, mode: mail.StopMode, code: int) -> None:
        if not self._stop.begun:
            self._code = code
        self._stop.begin(mode)
        if self._stop.begun:
            self._restarter.forget_regroups()
            self._on_stop()

    # -- mail ---------------------------------------------------------------------------------------------------------

    def _read(self, inbox: MailboxServer) -> None:
        for letter in inbox.drain():
            answer = self._answer(letter.mail)
            if letter.reply_to is not None:
                inbox.reply(letter.reply_to, answer)

    def _answer(self, asked: mail.SupervisorMail) -> mail.Mail | Reply:
        match asked:
            case mail.StartWorkerActor(work):
                return self._start_worker(work)
            case mail.Children():
                now = self._clock.monotonic()
                return mail.Tree(tuple(node.seen(now) for node in self._nodes.values()), self._stop.mode)
            case SteerActor():
                return Reply("unavailable", "the factory is stopping") if self._stop.begun else self._steering.steer(asked)
            case mail.Shutdown(mode):
                return self._shut_down(mode)
        assert_never(asked)

    def _shut_down(self, mode: mail.StopMode) -> mail.Mail:
        if objection := self._stop.objection(mode):
            return mail.Refused(objection)
        log.info("factory.stops", asked_by="mail", mode=mode)
        self._begin_stop(mode, EXIT_ASKED)
        return mail.Ok()

    def _start_worker(self, work: mail.Work) -> mail.Mail:
        spec = worker_child(work.lease, self._worker_shutdown)
        if parse_worker_id(work.lease.worker) is None:
            return mail.Refused(f"{work.lease.worker[:80]!r} is no name of a worker", "invalid")
        if self._stop.begun:
            return mail.Stopping()
        if spec.name in self._nodes:
            return mail.Ok()
        if sum(node.spec.level is Level.WORKERS for node in self._nodes.values()) >= MAX_WORKER_ACTORS:
            return mail.Unavailable(f"{MAX_WORKER_ACTORS} worker actors are there already")
        node = self._nodes[spec.name] = Node(spec, argument=encode(work))
        self._children.launch(node)
        return mail.Ok() if node.process is not None else mail.Unavailable(node.reason)
