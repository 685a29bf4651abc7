"""One worker's actor: prepares, starts or adopts it, speaks with its agent, and ends it when its lease is over.

The rules are in `factory.domain.worker`; here each input is translated and each effect carried out.
The worker itself outlives this actor: it belongs to its lease, and the next actor of the same lease adopts it.
"""

import logging
from typing import Any, assert_never

import msgspec

from actors import worker_meter, worker_start, worker_watch
from actors.background import Background
from actors.base import FactoryActor
from actors.recollection import Recollection
from actors.result_desk import ResultDesk
from actors.way_out import WayOut
from actors.worker_conversation import Conversation
from actors.worker_meter import WorkerMeter
from actors.worker_orders import NoAccess, WorkerTerms, assignment, finish_of_no_worker, finish_of_report, how_it_ended, worker_order
from actors.worker_start import WorkerStart
from actors.worker_watch import WorkerWatch
from factory.domain import worker as life
from factory.domain.hosts import LOCAL
from factory.domain.locks import condition
from factory.domain.meter import Figures
from factory.errors import HostAway, HostUnavailable
from factory.ports import Clock, Mailbox
from factory.protocol.attempt_mail import Finish, Noted, Recorded, Renew, Renewed, Stalled, Starting, WorkerGone
from factory.protocol.codec import BadMessage
from factory.protocol.delivery_mail import Prepare, Prepared, PrepareFailed
from factory.protocol.egress_mail import WentOut
from factory.protocol.gateway_mail import Distrusted, Enrol, Inbound, Revoke
from factory.protocol.learner_mail import Recalled
from factory.protocol.lease_mail import LeaseEnded, NoneMade
from factory.protocol.lock_mail import Acquire, LockVerdict
from factory.protocol.mailbox import Ok, Refused, Stale, Work
from factory.protocol.worker import Done, Notes, Stop
from factory.transport.curve import KeyPair
from factory.transport.loop import Source
from factory.worker_ports import Life, Meter, Observed, WorkerHost

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""Queue, locks and gateway answer in milliseconds; what is not answered is asked again on the tick.

Never longer than a heartbeat: whoever waits cannot keep the lease meanwhile.
"""


class WorkerActor(FactoryActor):
    """Looks after the worker of one lease and leaves when nothing of it is left."""

    def __init__(
        self, *, mailbox: Mailbox, clock: Clock, host: WorkerHost, work: Work, terms: WorkerTerms, background: Background,
        meter: Meter | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox=mailbox, clock=clock)
        self._host, self._work, self._terms = host, work, terms
        self._lease, self._name = work.lease, work.lease.worker
        self._lease_terms = terms.lease
        self._patience = min(_ASK_SECONDS, terms.lease.heartbeat)
        self._life, self._begin = life.begin(clock.monotonic())
        self._prepared: Prepared | None = None
        self._recollection = Recollection(mailbox, work)
        self._base = work.base_commit
        self._launched = False
        self._dismissed = ""
        self._finish: Finish | None = None
        self._lease_until = clock.monotonic() + self._lease_terms.lease
        self._background = background
        self._watch = WorkerWatch(host, work.lease.worker, background)
        self._start = WorkerStart(host, background, terms.lease.heartbeat)
        self._results = ResultDesk(host, work.lease, terms, background)
        self._meter = WorkerMeter(meter, work.lease.worker, background, terms.lease.heartbeat)
        self._way_out = WayOut(mailbox, work, terms.lease, terms.way_out, model=terms.access.calls_model(work.engine))
        self._agent = Conversation(mailbox, work.lease, terms, self, Notes(work.noted, work.notes))
        self.tick_every = terms.lease.heartbeat / 2

    # -- beginning and end --------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        self._recollection.ask()
        # While its host does not say, it is taken to run: a host that is away says nothing about its workers. But none was made of which
        # the queue was not told before, with the commit that it begins with.
        running = self._work.status == "running"
        seen = self._watch.now() or Observed(self._name, Life.RUNNING if running or self._work.base_commit else Life.GONE)
        if seen.life is Life.RUNNING:
            self._launched = True
            self._life = life.adopt(self.clock.monotonic(), running=running)
            self._ask_for_repository()
        elif running or seen.life is Life.EXITED:
            self._launched = True
            self.decide(how_it_ended(seen))
        else:
            self._carry_out(self._begin)

    def on_stop(self) -> None:
        """The factory stops: the work is given back unused and the worker ended. Killed before that, it is adopted later."""
        # What is under way gets a moment to end, for a last look at what came of it.
        self._background.close(self._start.patience)
        self._errands_ended()
        if not self.ended:
            self._report(self._finish or Finish(self._lease, 0, "given_back", "the factory was stopped"))
            self._end_worker("the factory was stopped")
        elif self._start.under_way:
            self._end_worker(self._dismissed)

    def on_mail(self, mail: Any) -> None:
        match mail:
            case Inbound(_, frame):
                self._agent.hear(frame)
            case Recorded():
                self._recorded(mail)
            case Noted(_, notes, number):
                self._agent.note(Notes(number, notes))
            case Renewed(_, seconds):
                self._lease_until = self.clock.monotonic() + seconds
            case WentOut() if (finish := self._way_out.hear(mail, self.clock.monotonic())) is not None:
                self.end(finish)
            case LeaseEnded(_, reason):
                self.decide(life.LeaseLost(reason))
            case Prepared():
                self._repository_ready(mail)
            case Recalled() if self._recollection.answered(mail) and self._life.phase is life.Phase.ASSIGNED:
                self._assign()
            case Distrusted(_, reason):
                self.end(Finish(self._lease, 0, "policy", reason))
            case PrepareFailed(_, failure, reason):
                self._no_repository(Finish(self._lease, 0, failure, reason))

    def sources(self) -> list[Source]:
        return [self._background]

    def on_ready(self, source: Source) -> None:  # noqa: ARG002 - there is one
        self._errands_ended()

    def on_tick(self) -> None:
        if self._results.copying and not self.ended:
            self._await_result(self._results.copying)
        elif self._start.under_way:
            self._await_start()
        elif self._launched and not self.ended:
            self._watch.look()
        elif self._life.phase is life.Phase.STARTING:
            self._launch()
        if self._launched and not self.ended:
            self._way_out.vouch()
            self._meter.look(self.clock.monotonic())
        self.decide(life.Tick())

    # -- rules and effects --------------------------------------------------------------------------------------------

    def decide(self, event: life.Input) -> None:
        self._life, effects = life.decide(self._life, event, self.clock.monotonic(), self._lease_terms)
        self._carry_out(effects)

    def end(self, finish: Finish) -> None:
        """Reports an end; the first one stands."""
        if self._finish is None and not self.ended:
            self._finish = finish
            self.decide(life.Reported(finish.outcome, finish.reason))

    def _carry_out(self, effects: tuple[life.Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case life.Prepare():
                    self._ask_for_repository()
                case life.Launch():
                    self._launch()
                case life.Assign():
                    self._assign()
                case life.KeepLease():
                    self.mailbox.tell("queue", Renew(self._lease, self._life.phase, figures=self.figures))
                case life.Report() as report:
                    self._report(self._finish or finish_of_report(self._lease, report))
                case life.Stalled(seconds):
                    self.mailbox.tell("queue", Stalled(self._lease, seconds))
                case life.Dismiss(reason):
                    self._dismiss(reason)
                case _:
                    assert_never(effect)

    def _report(self, finish: Finish) -> None:
        self._finish = finish
        self.mailbox.tell("queue", finish)

    def _dismiss(self, reason: str) -> None:
        self._agent.say(Stop(reason or "the attempt is over", self._terms.stop_grace))
        self._dismissed = reason
        # Ended while it is being made, it would be there right after, and nobody would look after it.
        if not self._start.under_way or self._start.overdue(self.clock.monotonic()):
            self._go()

    def _go(self) -> None:
        self._end_worker(self._dismissed)
        self.leave()

    def _end_worker(self, reason: str) -> None:
        left = self._left_behind()
        self._way_out.shut()
        self.mailbox.tell("gateway", Revoke(self._lease))
        if left:
            # Its lease is over, its key is worth nothing, and the dispatcher removes it once the host is back.
            log.warning("worker %s is left where it is: %s", self._name, left)
        else:
            self.mailbox.tell("queue", WorkerGone(self._lease, reason or "its attempt is over"))

    def _looked(self, seen: Observed | None) -> None:
        """Its host has said how it is. Once its result is being copied that is nothing to wait for or to fail on."""
        if seen is None or self.ended or self._results.copying:
            return
        if seen.life is not Life.RUNNING:
            self.decide(how_it_ended(seen))
        elif seen.waits:
            self.decide(life.Postponed())

    def _left_behind(self) -> str:
        """Ends and removes the worker; why that is not to be had now, where another machine has it that cannot be reached."""
        try:
            self._host.stop(self._name, self._terms.stop_grace)
            self._host.remove(self._name)
        except HostUnavailable as error:
            if self._work.host in {"", LOCAL}:
                raise
            return str(error)
        return ""

    # -- before there is an agent -------------------------------------------------------------------------------------

    def _ask_for_repository(self) -> None:
        self.mailbox.tell("delivery", Prepare(self._lease, self._work.repo, self._work.base_branch))

    def _no_repository(self, finish: Finish) -> None:
        # An agent at work has its clone, and an answer to an earlier question says nothing new: neither is worth an attempt.
        if self._prepared is None and self._life.phase is not life.Phase.RUNNING:
            self.end(finish)

    def _repository_ready(self, mail: Prepared) -> None:
        self._prepared = mail
        # An adopted worker started from the commit that the branch had then, not from today's.
        self._base = self._base or mail.base_commit
        if self._life.phase is not life.Phase.PREPARING:
            return
        verdict = self.locks(self._work.files) if self._work.files else LockVerdict(granted=True)
        match verdict:
            case LockVerdict(granted=True):
                self.decide(life.Prepared())
            case LockVerdict(holders=holders):
                reason = "locked: " + ", ".join(holders[:5])
                self.end(Finish(self._lease, 0, "waits", reason, condition=condition(self._work.repo)))
            case Stale():
                self.decide(life.LeaseLost("the lease is over"))
            case Refused(reason):
                self.end(Finish(self._lease, 0, "policy", reason))

    def _launch(self) -> None:
        if self._prepared is None or self._launched or self._start.under_way:
            return
        keys = KeyPair.generate()
        starting = Starting(self._lease, keys.public, self._work.host or LOCAL, self._host.isolation, self._base)
        match self.answer_of("queue", starting, self._patience):
            case Stale(reason=reason):
                self.decide(life.LeaseLost(reason))
            case Ok() if isinstance(self.answer_of("gateway", Enrol(self._lease, keys.public), self._patience), Ok):
                self._make(self._prepared.source, keys)
            case _:
                self.decide(life.Postponed())

    def _make(self, source: str, keys: KeyPair) -> None:
        self._way_out.vouch()
        commits = tuple(filter(None, (self._base, self._prepared.merge if self._prepared else "")))
        try:
            order = worker_order(self._lease, self._work, source, keys, self._terms, commits=commits)
        except NoAccess as error:
            self.end(finish_of_no_worker(self._lease, error))
        else:
            self._start.begin(order, self.clock.monotonic())

    def _made(self, result: object) -> None:
        """The host has made the worker, or says why not."""
        self._start.ended()
        if isinstance(result, Exception) and not isinstance(result, HostUnavailable):
            raise result
        if self.ended:
            self._go()
        elif isinstance(result, HostUnavailable):
            if isinstance(result, HostAway):
                # Before its place is free, for which the next one would be claimed.
                self.mailbox.tell("dispatcher", NoneMade())
            self.end(finish_of_no_worker(self._lease, result))
        else:
            self._launched = True

    def _await_start(self) -> None:
        """The lease is kept, and the agent's time for its first word has not begun."""
        if not self._start.overdue(self.clock.monotonic()):
            self.decide(life.Postponed())
        elif self.ended:
            self._go()
        else:
            self.end(finish_of_no_worker(self._lease, HostUnavailable(self._start.sentence())))

    def _assign(self) -> None:
        if self._prepared is None:
            self._ask_for_repository()
            return
        learnings = self._recollection.settled(patient=self._life.phase is life.Phase.ASSIGNED)
        if learnings is None:
            return
        try:
            self._agent.say(assignment(self._work, self._prepared, self._base, learnings, self._terms))
        except BadMessage as error:
            self.end(Finish(self._lease, 0, "policy", f"the assignment cannot be sent: {error}"))

    # -- what the agent's words come to (`worker_conversation.Attempt`) ------------------------------------------------

    @property
    def ended(self) -> bool:
        return self._life.phase is life.Phase.ENDED

    @property
    def stalled(self) -> bool:
        return self._life.stalled

    @property
    def figures(self) -> Figures | None:
        return self._meter.figures

    def may_keep_lease(self) -> bool:
        return life.may_keep_lease(self._life, self.clock.monotonic(), self._lease_terms)

    def lease_left(self) -> float:
        return max(self._lease_until - self.clock.monotonic(), 0.0)

    def locks(self, files: tuple[str, ...]) -> object | None:
        return self.answer_of("locks", Acquire(self._lease, self._work.repo, files), self._patience)

    def take_result(self, seq: int, done: Done) -> None:
        """Moves the bundle out of the worker's reach before anyone is told of it, so that it cannot change afterwards."""
        if self._finish is not None and self._finish.outcome == "done":
            self.said_end(self._finish, seq)
            return
        if self.may_keep_lease():
            self._keep_lease_of(done)
        if self._finish is None:
            self._results.take(seq, done, self._base, self.clock.monotonic())

    def _keep_lease_of(self, done: Done) -> None:
        self.mailbox.tell("queue", Renew(self._lease, "done", done.iterations, self._life.progress, done.tokens, self.figures))

    def _await_result(self, done: Done) -> None:
        """Whether the agent still lives is nothing to wait for or to fail on: what it made is being copied."""
        overdue = self._results.overdue(self.clock.monotonic())
        if overdue is not None:
            self.end(overdue)
        elif self._finish is None:
            self.decide(life.Heard())
            self._keep_lease_of(done)

    def _errands_ended(self) -> None:
        for key, result in self._background.drain():
            if key == worker_meter.KEY:
                self._meter.taken(result)
            elif key == worker_start.KEY:
                self._made(result)
            elif key == worker_watch.KEY:
                self._looked(self._watch.taken(result))
            else:
                self._result_taken(result)

    def _result_taken(self, result: Finish | Exception) -> None:
        finish = self._results.taken(result)
        # After an end by another word, what lies in the spool is left to delivery, which knows whether anyone waits for it.
        if finish is not None and not self.ended:
            self.said_end(finish, finish.seq)

    def said_end(self, finish: Finish, seq: int) -> None:
        """The agent repeats its last word until it is acknowledged. What it said first stands, under the number it has now."""
        if self._finish is not None and finish.outcome == self._finish.outcome:
            self._report(msgspec.structs.replace(self._finish, seq=seq))
        else:
            self.end(finish)

    def _recorded(self, mail: Recorded) -> None:
        self._agent.recorded(mail)
        if mail.result != "incomplete" and self._finish is not None and mail.seq == self._finish.seq:
            if self._finish.outcome == "done" and mail.result == "stale":
                self._results.drop()
            self.decide(life.Recorded())
