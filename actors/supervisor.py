"""The root process: starts the tree, watches it, restarts what dies as `domain.supervision` decides, and stops it all.

One thread and no business logic. It waits for its inbox, for signals and for the lifelines of its children; whatever
must happen later is a `due` time of a node. It never waits for a single child, so the death of any other is noticed at
any time, and so is the wish to stop.

planned ──► starting ──► running ──► stopping ──► stopped
               ▲  │         │            ▲
               │  ▼         ▼            └── at any time, from every state that has a process
              waiting ◄─────┘ ──► gave up (edge: tried anew after a while; core: the factory stops)
"""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import assert_never

import structlog

from actors.children import Children, Orders
from actors.launcher import Child, Launcher
from actors.node import Node, State
from actors.signals import Signals
from actors.tree import worker_child
from factory.domain.ids import parse_worker_id
from factory.domain.supervision import (
    POLICIES,
    ChildSpec,
    Exit,
    GiveUp,
    History,
    LetGo,
    Level,
    Restart,
    check,
    decide,
    restarted_with,
    stop_order,
)
from factory.errors import InvalidInput
from factory.ports import Clock
from factory.protocol import mailbox as mail
from factory.protocol.codec import encode
from factory.transport.loop import Loop
from factory.transport.mailbox_link import MailboxServer, remove_mailbox

NAME = "supervisor"
"""Its address."""

MAX_WORKER_ACTORS = 200
"""Each is a process of some megabytes. The limits of the operator are far below; this bounds a dispatcher gone wrong."""

CHORE_SECONDS = 10.0
"""Between calls of `chores`; also the longest that the loop waits for nothing."""

EXIT_ASKED, EXIT_GAVE_UP, EXIT_AT_ONCE = 0, 1, 1
"""Asked to stop and stopped; a core child could not be kept alive; asked twice, so that children were killed."""

log = structlog.get_logger(__name__)


WORKER_SHUTDOWN_SECONDS = 15.0
"""A worker's usual grace of five seconds, the sweep of what is left of it, and a busy machine."""


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
        worker_shutdown: seconds that a worker's actor has to stop.
        on_up: called once, when every child has been ready, or is one that the factory can do without.
        chores: called every `CHORE_SECONDS`; must be quick.
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
        worker_shutdown: float = WORKER_SHUTDOWN_SECONDS,
        on_up: Callable[[], None] = _nothing,
        chores: Callable[[], object] = _nothing,
        on_hangup: Callable[[], object] = _nothing,
    ) -> None:
        check(specs)
        self._nodes = {spec.name: Node(spec) for spec in specs}
        self._launcher, self._run_dir, self._clock = launcher, run_dir, clock
        self._on_up, self._chores, self._on_hangup = on_up, chores, on_hangup
        self._worker_shutdown = worker_shutdown
        self._loop = Loop()
        self._children = Children(self._loop, launcher, clock, orders, self._ended)
        self._restarts: dict[Level, tuple[float, ...]] = {}
        self._up = False
        self._next_chores = clock.monotonic() + CHORE_SECONDS
        # What is still to be stopped, a batch after the other; None while nobody wants it to stop.
        self._batches: list[list[Node]] | None = None
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
                while self._batches is None or self._batches:
                    self._step(inbox, signals)
            finally:
                self._children.kill_all()
                inbox.close()
                self._launcher.stop()
        return self._code

    def _step(self, inbox: MailboxServer, signals: Signals) -> None:
        for source in self._loop.wait(self._until_due()):
            if isinstance(source, Child):
                self._children.hear(source)
            elif source is signals:
                self._heed(signals.drain())
            else:
                self._read(inbox)
        self._on_time()
        self._go_on()

    def _go_on(self) -> None:
        if self._batches is None:
            self._go_on_starting()
        else:
            self._go_on_stopping(self._batches)

    # -- time ---------------------------------------------------------------------------------------------------------

    def _until_due(self) -> float:
        times = [node.due for node in self._nodes.values() if node.due is not None]
        return max(0.0, min([*times, self._next_chores]) - self._clock.monotonic())

    def _on_time(self) -> None:
        now = self._clock.monotonic()
        for node in list(self._nodes.values()):
            if node.due is not None and node.due <= now:
                self._due(node)
        if now >= self._next_chores:
            self._next_chores = now + CHORE_SECONDS
            self._chores()

    def _due(self, node: Node) -> None:
        if node.process is not None:
            self._children.overdue(node)
        elif node.state in {State.WAITING, State.GAVE_UP}:
            node.restarts += 1
            self._children.launch(node)

    # -- start --------------------------------------------------------------------------------------------------------

    def _go_on_starting(self) -> None:
        if self._up:
            return
        for node in self._nodes.values():
            if node.state is State.PLANNED:
                self._children.launch(node)
            if not node.settled():
                return
        self._up = True
        self._on_up()

    # -- ends ---------------------------------------------------------------------------------------------------------

    def _ended(self, node: Node, end: Exit) -> None:
        now = self._clock.monotonic()
        if self._batches is not None:
            log.debug("child.stopped", child=node.spec.name, reason=end.reason)
            node.enter(State.STOPPED, now)
            return
        history = History(node.strikes, self._restarts.get(node.spec.level, ()))
        decision = decide(node.spec, end, history, now)
        match decision:
            case Restart():
                self._restart(node, decision, now)
            case GiveUp():
                self._give_up(node, decision, now)
            case LetGo():
                self._let_go(node, now)
            case _:
                assert_never(decision)

    def _restart(self, node: Node, decision: Restart, now: float) -> None:
        spec = node.spec
        log.warning("child.restarts", child=spec.name, reason=node.reason, seconds=decision.after)
        self._restarts[spec.level] = decision.history.restarts
        node.strikes = decision.history.strikes
        siblings = [name for name, other in self._nodes.items() if other.spec.level is spec.level]
        for name in restarted_with(POLICIES[spec.level].strategy, siblings, spec.name):
            self._nodes[name].enter(State.WAITING, now, now + decision.after)

    def _give_up(self, node: Node, decision: GiveUp, now: float) -> None:
        self._forget_mailbox(node)
        node.strikes = ()
        if decision.escalate:
            node.enter(State.STOPPED, now)
            self.verdict = f"The factory stops: {decision.reason}"
            log.critical("factory.gives_up", reason=decision.reason)
            self._begin_stop(EXIT_GAVE_UP)
        else:
            log.error("child.given_up", child=node.spec.name, reason=decision.reason, retry_seconds=decision.retry_after)
            node.enter(State.GAVE_UP, now, now + decision.retry_after)

    def _let_go(self, node: Node, now: float) -> None:
        log.info("child.ended", child=node.spec.name, reason=node.reason)
        node.enter(State.STOPPED, now)
        self._forget_mailbox(node)
        if node.spec.level is Level.WORKERS:
            del self._nodes[node.spec.name]

    def _forget_mailbox(self, node: Node) -> None:
        # A worker's name came in by mail: whatever it is, it must not end the root, and the whole factory with it.
        try:
            remove_mailbox(self._run_dir, node.spec.name)
        except (InvalidInput, OSError) as error:
            log.warning("child.mailbox_stays", child=node.spec.name, reason=str(error))

    # -- stop ---------------------------------------------------------------------------------------------------------

    def _heed(self, numbers: Sequence[signal.Signals]) -> None:
        for number in numbers:
            if number is signal.SIGHUP and self._batches is None and self._on_hangup():
                continue
            # A terminal that is closed sends SIGHUP, and its shell often SIGTERM right after it: that is one wish.
            if self._asked_by_signal and number is not signal.SIGHUP:
                self._stop_at_once()
            self._asked_by_signal = self._asked_by_signal or number is not signal.SIGHUP
            log.info("factory.stops", signal=number.name)
            self._begin_stop(EXIT_ASKED)

    def _begin_stop(self, code: int) -> None:
        if self._batches is not None:
            return
        self._code = code
        for node in self._nodes.values():
            if node.process is None:
                node.enter(State.STOPPED, self._clock.monotonic())
        alive = [node.spec for node in self._nodes.values() if node.process is not None]
        self._batches = [[self._nodes[spec.name] for spec in batch] for batch in stop_order(alive)]

    def _go_on_stopping(self, batches: list[list[Node]]) -> None:
        while batches:
            for node in batches[0]:
                if node.process is not None and node.state is not State.STOPPING:
                    self._children.ask_to_stop(node)
            if any(node.process is not None for node in batches[0]):
                return
            del batches[0]

    def _stop_at_once(self) -> None:
        log.warning("factory.stops_at_once")
        self._code = EXIT_AT_ONCE
        for node in self._nodes.values():
            if node.process is not None:
                node.enter(State.STOPPING, self._clock.monotonic())
                self._children.kill(node)

    # -- mail ---------------------------------------------------------------------------------------------------------

    def _read(self, inbox: MailboxServer) -> None:
        for letter in inbox.drain():
            answer = self._answer(letter.mail)
            if letter.reply_to is not None:
                inbox.reply(letter.reply_to, answer)

    def _answer(self, asked: mail.SupervisorMail) -> mail.Mail:
        match asked:
            case mail.StartWorkerActor(work):
                return self._start_worker(work)
            case mail.Children():
                now = self._clock.monotonic()
                return mail.Tree(tuple(node.seen(now) for node in self._nodes.values()))
            case mail.Shutdown():
                log.info("factory.stops", asked_by="mail")
                self._begin_stop(EXIT_ASKED)
                return mail.Ok()
        assert_never(asked)

    def _start_worker(self, work: mail.Work) -> mail.Mail:
        spec = worker_child(work.lease, self._worker_shutdown)
        if parse_worker_id(work.lease.worker) is None:
            return mail.Refused(f"{work.lease.worker[:80]!r} is no name of a worker", "invalid")
        if self._batches is not None:
            return mail.Unavailable("the factory is stopping")
        if spec.name in self._nodes:
            return mail.Ok()
        if sum(node.spec.level is Level.WORKERS for node in self._nodes.values()) >= MAX_WORKER_ACTORS:
            return mail.Unavailable(f"{MAX_WORKER_ACTORS} worker actors are there already")
        node = self._nodes[spec.name] = Node(spec, argument=encode(work))
        self._children.launch(node)
        return mail.Ok() if node.process is not None else mail.Unavailable(node.reason)
