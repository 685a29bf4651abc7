"""One worker's actor: prepares, starts or adopts it, speaks with its agent, and ends it when its lease is over.

The rules are in `factory.domain.worker`; here each input is translated and each effect carried out.
The worker itself outlives this actor: it belongs to its lease, and the next actor of the same lease adopts it.
"""

import logging
import secrets
from typing import Any, assert_never

import msgspec

from actors.attempt_log import AttemptLog, log_path
from actors.base import FactoryActor
from actors.event_desk import EventDesk
from actors.recollection import Recollection
from actors.result_desk import ResultDesk
from actors.worker_orders import (
    NoAccess,
    WorkerTerms,
    assignment,
    finish_of_fail,
    finish_of_no_worker,
    finish_of_report,
    how_it_ended,
    worker_order,
)
from factory.domain import worker as life
from factory.domain.locks import condition
from factory.errors import HostUnavailable
from factory.holds import reached
from factory.ports import Clock, Life, Mailbox, WorkerHost
from factory.protocol.codec import BadMessage, Decoder, encode
from factory.protocol.learner_mail import Recalled
from factory.protocol.mailbox import (
    Accepted,
    Acquire,
    Distrusted,
    Enrol,
    Finish,
    Inbound,
    LeaseEnded,
    LockVerdict,
    Ok,
    Outbound,
    Prepare,
    Prepared,
    PrepareFailed,
    Recorded,
    Refused,
    Release,
    Renew,
    Renewed,
    Revoke,
    Stale,
    Starting,
    Work,
    WorkerGone,
)
from factory.protocol.version import compatible
from factory.protocol.worker import (
    Accept,
    Ack,
    AckResult,
    Answer,
    Done,
    Envelope,
    Event,
    Fail,
    Hello,
    Lock,
    LockAnswer,
    Log,
    Ping,
    Pong,
    Reject,
    Stop,
    ToAgent,
    Unlock,
    Welcome,
)
from factory.transport.curve import KeyPair

log = logging.getLogger(__name__)

_ASK_SECONDS = 2.0
"""Queue, locks and gateway answer in milliseconds; what is not answered is asked again on the tick.

Never longer than a heartbeat: whoever waits cannot keep the lease meanwhile.
"""


class WorkerActor(FactoryActor):
    """Looks after the worker of one lease and leaves when nothing of it is left."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, host: WorkerHost, work: Work, terms: WorkerTerms) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._host, self._work, self._terms = host, work, terms
        self._lease, self._name = work.lease, work.lease.worker
        self._lease_terms = terms.lease
        self._patience = min(_ASK_SECONDS, terms.lease.heartbeat)
        self._decode: Decoder[Envelope] = Decoder(Envelope)
        self._sid = secrets.token_hex(8)
        self._life, self._begin = life.begin(clock.monotonic())
        self._prepared: Prepared | None = None
        self._recollection = Recollection(mailbox, work)
        self._base = work.base_commit
        self._launched = False
        self._finish: Finish | None = None
        self._lease_until = clock.monotonic() + self._lease_terms.lease
        self._last_event = 0
        self._events, self._results = EventDesk(work.lease), ResultDesk(host, work.lease, terms)
        self._log = AttemptLog(log_path(terms.logs, self._lease.item, self._lease.epoch))
        self.tick_every = terms.lease.heartbeat / 2

    # -- beginning and end --------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        self._recollection.ask()
        seen = self._host.poll(self._name)
        running = self._work.status == "running"
        if seen.life is Life.RUNNING:
            self._launched = True
            self._life = life.adopt(self.clock.monotonic(), running=running)
            self._ask_for_repository()
        elif running or seen.life is Life.EXITED:
            self._launched = True
            self._decide(life.Exited(how_it_ended(seen)))
        else:
            self._carry_out(self._begin)

    def on_stop(self) -> None:
        """The factory stops: the work is given back unused and the worker ended. Killed before that, it is adopted later."""
        if self._life.phase is not life.Phase.ENDED:
            self._report(self._finish or Finish(self._lease, 0, "given_back", "the factory was stopped"))
            self._end_worker("the factory was stopped")

    def on_mail(self, mail: Any) -> None:
        match mail:
            case Inbound(_, frame):
                self._hear(self._decode(frame))
            case Recorded():
                self._recorded(mail)
            case Renewed(_, seconds):
                self._lease_until = self.clock.monotonic() + seconds
            case LeaseEnded(_, reason):
                self._decide(life.LeaseLost(reason))
            case Prepared():
                self._repository_ready(mail)
            case Recalled() if self._recollection.answered(mail) and self._life.phase is life.Phase.ASSIGNED:
                self._assign()
            case Distrusted(_, reason):
                self._end(Finish(self._lease, 0, "policy", reason))
            case PrepareFailed(_, failure, reason):
                self._no_repository(Finish(self._lease, 0, failure, reason))

    def on_tick(self) -> None:
        if self._launched and self._life.phase is not life.Phase.ENDED:
            seen = self._host.poll(self._name)
            if seen.life is not Life.RUNNING:
                self._decide(life.Exited(how_it_ended(seen)))
        elif self._life.phase is life.Phase.STARTING:
            self._launch()
        self._decide(life.Tick())

    # -- rules and effects --------------------------------------------------------------------------------------------

    def _decide(self, event: life.Input) -> None:
        self._life, effects = life.decide(self._life, event, self.clock.monotonic(), self._lease_terms)
        self._carry_out(effects)

    def _end(self, finish: Finish) -> None:
        """Reports an end; the first one stands."""
        if self._finish is None and self._life.phase is not life.Phase.ENDED:
            self._finish = finish
            self._decide(life.Reported(finish.outcome, finish.reason))

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
                    self.mailbox.tell("queue", Renew(self._lease, self._life.phase))
                case life.Report() as report:
                    self._report(self._finish or finish_of_report(self._lease, report))
                case life.Dismiss(reason):
                    self._dismiss(reason)
                case _:
                    assert_never(effect)

    def _report(self, finish: Finish) -> None:
        self._finish = finish
        self.mailbox.tell("queue", finish)

    def _dismiss(self, reason: str) -> None:
        self._say(Stop(reason or "the attempt is over", self._terms.stop_grace))
        self._end_worker(reason)
        self.leave()

    def _end_worker(self, reason: str) -> None:
        self._host.stop(self._name, self._terms.stop_grace)
        self._host.remove(self._name)
        self.mailbox.tell("gateway", Revoke(self._lease))
        self.mailbox.tell("queue", WorkerGone(self._lease, reason or "its attempt is over"))

    # -- before there is an agent -------------------------------------------------------------------------------------

    def _ask_for_repository(self) -> None:
        self.mailbox.tell("delivery", Prepare(self._lease, self._work.repo, self._work.base_branch))

    def _no_repository(self, finish: Finish) -> None:
        # An agent at work has its clone, and an answer to an earlier question says nothing new: neither is worth an attempt.
        if self._prepared is None and self._life.phase is not life.Phase.RUNNING:
            self._end(finish)

    def _repository_ready(self, mail: Prepared) -> None:
        self._prepared = mail
        # An adopted worker started from the commit that the branch had then, not from today's.
        self._base = self._base or mail.base_commit
        if self._life.phase is not life.Phase.PREPARING:
            return
        verdict = self._locks(self._work.files) if self._work.files else LockVerdict(granted=True)
        match verdict:
            case LockVerdict(granted=True):
                self._decide(life.Prepared())
            case LockVerdict(holders=holders):
                reason = "locked: " + ", ".join(holders[:5])
                self._end(Finish(self._lease, 0, "waits", reason, condition=condition(self._work.repo)))
            case Stale():
                self._decide(life.LeaseLost("the lease is over"))
            case Refused(reason):
                self._end(Finish(self._lease, 0, "policy", reason))

    def _locks(self, files: tuple[str, ...]) -> object | None:
        return self.answer_of("locks", Acquire(self._lease, self._work.repo, files), self._patience)

    def _launch(self) -> None:
        if self._prepared is None or self._launched:
            return
        keys = KeyPair.generate()
        starting = Starting(self._lease, keys.public, "local", self._host.isolation, self._base)
        match self.answer_of("queue", starting, self._patience):
            case Stale(reason=reason):
                self._decide(life.LeaseLost(reason))
            case Ok() if isinstance(self.answer_of("gateway", Enrol(self._lease, keys.public), self._patience), Ok):
                self._make(self._prepared.source, keys)

    def _make(self, source: str, keys: KeyPair) -> None:
        try:
            self._host.start(worker_order(self._lease, self._work, source, keys, self._terms))
        except (HostUnavailable, NoAccess) as error:
            self._end(finish_of_no_worker(self._lease, error))
        else:
            self._launched = True

    def _assign(self) -> None:
        if self._prepared is None:
            self._ask_for_repository()
            return
        learnings = self._recollection.settled(patient=self._life.phase is life.Phase.ASSIGNED)
        if learnings is None:
            return
        try:
            self._say(assignment(self._work, self._prepared, self._base, learnings, self._terms))
        except BadMessage as error:
            self._end(Finish(self._lease, 0, "policy", f"the assignment cannot be sent: {error}"))

    # -- the conversation with the agent ------------------------------------------------------------------------------

    def _say(self, body: ToAgent) -> None:
        answer = Answer(self._lease.item, self._lease.epoch, body)
        self.mailbox.tell("gateway", Outbound(self._lease, encode(answer)))

    def _ack(self, seq: int, result: AckResult, reason: str = "") -> None:
        if seq:
            self._say(Ack(seq, result, reason))

    def _hear(self, envelope: Envelope) -> None:
        body = envelope.body
        if isinstance(body, Hello):
            self._greet(body)
        elif envelope.sid != self._sid:
            self._say(Reject("unknown_session", "this actor does not know the session"))
        elif self._life.phase is life.Phase.ENDED:
            self._ack(envelope.seq, "stale", "the lease is over")
        elif not envelope.seq and not isinstance(body, Ping | Log):
            # Zero is the number of this actor's own reports: what the queue says about them must not be taken for this one's.
            log.warning("worker %s sent a %s without a number", self._name, type(body).__name__)
        else:
            self._decide(life.Heard())
            self._answer(envelope.seq, body)

    def _greet(self, hello: Hello) -> None:
        if not compatible(hello.version):
            self._say(Reject("version", f"this factory does not speak version {hello.version[:20]}"))
            self._end(Finish(self._lease, 0, "infra", f"the worker speaks protocol {hello.version[:20]}"))
            return
        self._say(Welcome(self._sid, self._lease_terms.heartbeat, self._lease_terms.lease, "adopt", self._last_event))
        self._decide(life.Greeted(fresh=hello.state == "idle"))

    def _note(self, seq: int, event: Event) -> None:
        taken = self._events.take(seq, event)
        if isinstance(taken, str):
            self._ack(seq, "refused", taken)
            return
        if taken.data.get("commits"):
            reached("first_commit")
        self.mailbox.tell("queue", taken)

    def _answer(self, seq: int, body: Accept | Ping | Event | Lock | Unlock | Log | Done | Fail | Hello) -> None:
        match body:
            case Ping():
                self._beat(body)
            case Accept():
                self.mailbox.tell("queue", Accepted(self._lease, seq))
                self._decide(life.Accepted())
            case Event():
                self._note(seq, body)
            case Lock():
                self._lock(seq, body)
            case Unlock(_, files):
                if files:  # none named would mean all
                    self.mailbox.tell("locks", Release(self._lease, files))
                self._ack(seq, "ok")
            case Log():
                self._log.write(body)
            case Done():
                reached("done_sent")
                self._take_result(seq, body)
            case Fail():
                self._log.say(f"the agent gave up ({body.failure}): {body.reason}")
                self._said_end(finish_of_fail(self._lease, seq, body), seq)
            case Hello():
                return
            case _:
                assert_never(body)

    def _beat(self, ping: Ping) -> None:
        if life.may_keep_lease(self._life, self.clock.monotonic(), self._lease_terms):
            renew = Renew(self._lease, ping.phase, ping.iteration, ping.progress, ping.tokens)
            self.mailbox.tell("queue", renew)
        self._say(Pong("continue", max(self._lease_until - self.clock.monotonic(), 0.0)))

    def _lock(self, seq: int, lock: Lock) -> None:
        match self._locks(lock.files):
            case LockVerdict(granted, holders):
                self._say(LockAnswer(lock.id, granted, holders))
                self._ack(seq, "ok")
            case Stale(reason=reason):
                self._ack(seq, "stale", reason)
            case Refused(reason):
                self._say(LockAnswer(lock.id, granted=False, holders=(reason,)))
                self._ack(seq, "refused", reason)

    def _take_result(self, seq: int, done: Done) -> None:
        """Moves the bundle out of the worker's reach before anyone is told of it, so that it cannot change afterwards."""
        if self._finish is not None and self._finish.outcome == "done":
            self._said_end(self._finish, seq)
            return
        if life.may_keep_lease(self._life, self.clock.monotonic(), self._lease_terms):
            # A large one takes a while, in which no beat is read.
            self.mailbox.tell("queue", Renew(self._lease, "done"))
        finish = self._results.take(seq, done, self._base)
        if finish is not None:
            self._said_end(finish, seq)

    def _said_end(self, finish: Finish, seq: int) -> None:
        """The agent repeats its last word until it is acknowledged. What it said first stands, under the number it has now."""
        if self._finish is not None and finish.outcome == self._finish.outcome:
            self._report(msgspec.structs.replace(self._finish, seq=seq))
        else:
            self._end(finish)

    def _recorded(self, mail: Recorded) -> None:
        self._last_event = max(self._last_event, mail.last_event)
        if mail.result == "incomplete":
            return
        self._ack(mail.seq, *self._events.verdict(mail))
        if self._finish is not None and mail.seq == self._finish.seq:
            if self._finish.outcome == "done" and mail.result == "stale":
                self._results.drop()
            self._decide(life.Recorded())
