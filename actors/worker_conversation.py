"""What a worker's actor and its agent say to each other: each envelope once decoded, answered, and passed on to whom it concerns."""

import logging
import secrets
from typing import Protocol, assert_never

from actors.attempt_log import AttemptLog, log_path
from actors.event_desk import EventDesk
from actors.worker_orders import WorkerTerms, finish_of_fail
from factory.domain import worker as life
from factory.domain.meter import Figures
from factory.holds import reached
from factory.ports import Mailbox
from factory.protocol.attempt_mail import Accepted, Finish, Recorded, Renew
from factory.protocol.codec import Decoder, encode
from factory.protocol.gateway_mail import Outbound
from factory.protocol.lock_mail import LockVerdict, Release
from factory.protocol.mailbox import Lease, Refused, Stale
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
    Notes,
    Ping,
    Pong,
    Reject,
    ToAgent,
    Unlock,
    Welcome,
)

log = logging.getLogger(__name__)

STALLED = "stalled"
"""The phase in which a worker is shown that beats without getting anywhere, whatever it says itself."""


NO_NOTES = Notes(0, ())


class Attempt(Protocol):
    """The actor, as far as the agent's words concern it."""

    @property
    def ended(self) -> bool:
        """Whether its lease is over and only the worker is left to be removed."""
        ...

    @property
    def stalled(self) -> bool:
        """Whether it beats without getting anywhere."""
        ...

    @property
    def figures(self) -> Figures | None:
        """What the worker uses of its machine, as far as it is known."""
        ...

    def decide(self, event: life.Input) -> None:
        """Lets the rules of a worker's life take note."""
        ...

    def end(self, finish: Finish) -> None:
        """Reports an end that the agent did not tell of; the first one stands."""
        ...

    def said_end(self, finish: Finish, seq: int) -> None:
        """Reports the agent's last word, again as often as it says it."""
        ...

    def take_result(self, seq: int, done: Done) -> None:
        """Takes the bundle out of the worker's reach and reports it."""
        ...

    def may_keep_lease(self) -> bool:
        """Whether a beat still renews the lease."""
        ...

    def lease_left(self) -> float:
        """Seconds for which the lease is known to hold."""
        ...

    def locks(self, files: tuple[str, ...]) -> object | None:
        """The lock manager's answer; None where it does not say now."""
        ...


class Conversation:
    """One lease's agent, under one session of this actor. What is lost on the way, the agent says again."""

    def __init__(self, mailbox: Mailbox, lease: Lease, terms: WorkerTerms, attempt: Attempt, notes: Notes = NO_NOTES) -> None:
        self._mailbox, self._lease, self._attempt = mailbox, lease, attempt
        self._lease_terms = terms.lease
        self._decode: Decoder[Envelope] = Decoder(Envelope)
        self._sid = secrets.token_hex(8)
        self._last_event = 0
        # Of operators, for the agent; sent to one that understands them, until it says that it has them.
        self._notes, self._takes_notes = notes, False
        self._events = EventDesk(lease)
        self._log = AttemptLog(log_path(terms.logs, lease.item, lease.epoch))

    def say(self, body: ToAgent) -> None:
        """Raises `BadMessage` where it is too large to be said."""
        answer = Answer(self._lease.item, self._lease.epoch, body)
        self._mailbox.tell("gateway", Outbound(self._lease, encode(answer)))

    def hear(self, frame: bytes) -> None:
        """One envelope, whose key, item and epoch the gateway has checked."""
        envelope = self._decode(frame)
        body = envelope.body
        if isinstance(body, Hello):
            self._greet(body)
        elif not compatible(envelope.v):
            # Before its session is looked at: whether it would understand what is said of that, nobody knows.
            self._refuse(envelope.v)
        elif envelope.sid != self._sid:
            self.say(Reject("unknown_session", "this actor does not know the session"))
        elif self._attempt.ended:
            self._ack(envelope.seq, "stale", "the lease is over")
        elif not envelope.seq and not isinstance(body, Ping | Log):
            # Zero is the number of the actor's own reports: what the queue says about them must not be taken for this one's.
            log.warning("worker %s sent a %s without a number", self._lease.worker, type(body).__name__)
        else:
            self._attempt.decide(life.Heard())
            self._answer(envelope.seq, body)

    def note(self, notes: Notes) -> None:
        """There are other notes for the agent now."""
        if notes.number > self._notes.number:
            self._notes = notes
            self._tell_notes(0)

    def _tell_notes(self, known: int) -> None:
        if self._takes_notes and known < self._notes.number:
            self.say(self._notes)

    def recorded(self, mail: Recorded) -> None:
        """Tells the agent what became of its message; the number up to which no event is missing is kept for a new session."""
        self._last_event = max(self._last_event, mail.last_event)
        verdict = self._events.verdict(mail)
        if mail.result != "incomplete":
            self._ack(mail.seq, *verdict)

    def _ack(self, seq: int, result: AckResult, reason: str = "") -> None:
        if seq:
            self.say(Ack(seq, result, reason))

    def _greet(self, hello: Hello) -> None:
        if not compatible(hello.version):
            self._refuse(hello.version)
            return
        self._takes_notes = "notes" in hello.capabilities
        self.say(Welcome(self._sid, self._lease_terms.heartbeat, self._lease_terms.lease, "adopt", self._last_event))
        self._attempt.decide(life.Greeted(fresh=hello.state == "idle"))

    def _refuse(self, version: str) -> None:
        self.say(Reject("version", f"this factory does not speak version {version[:20]}"))
        self._attempt.end(Finish(self._lease, 0, "infra", f"the worker speaks protocol {version[:20]}"))

    def _answer(self, seq: int, body: Accept | Ping | Event | Lock | Unlock | Log | Done | Fail | Hello) -> None:
        match body:
            case Ping():
                self._beat(body)
            case Accept():
                self._mailbox.tell("queue", Accepted(self._lease, seq))
                self._attempt.decide(life.Accepted())
            case Event():
                self._note(seq, body)
            case Lock():
                self._lock(seq, body)
            case Unlock(_, files):
                if files:  # none named would mean all
                    self._mailbox.tell("locks", Release(self._lease, files))
                self._ack(seq, "ok")
            case Log():
                self._log.write(body)
            case Done():
                reached("done_sent")
                self._attempt.take_result(seq, body)
            case Fail():
                self._log.say(f"the agent gave up ({body.failure}): {body.reason}")
                self._attempt.said_end(finish_of_fail(self._lease, seq, body), seq)
            case Hello():
                return
            case _:
                assert_never(body)

    def _beat(self, ping: Ping) -> None:
        self._attempt.decide(life.Counted(ping.progress))
        self._tell_notes(ping.noted)
        if self._attempt.may_keep_lease():
            phase = STALLED if self._attempt.stalled else ping.phase
            self._mailbox.tell("queue", Renew(self._lease, phase, ping.iteration, ping.progress, ping.tokens, self._attempt.figures))
        self.say(Pong("continue", self._attempt.lease_left()))

    def _note(self, seq: int, event: Event) -> None:
        taken = self._events.take(seq, event)
        if isinstance(taken, str):
            self._ack(seq, "refused", taken)
            return
        if taken.data.get("commits"):
            reached("first_commit")
        self._mailbox.tell("queue", taken)

    def _lock(self, seq: int, lock: Lock) -> None:
        match self._attempt.locks(lock.files):
            case LockVerdict(granted, holders):
                self.say(LockAnswer(lock.id, granted, holders))
                self._ack(seq, "ok")
            case Stale(reason=reason):
                self._ack(seq, "stale", reason)
            case Refused(reason):
                self.say(LockAnswer(lock.id, granted=False, holders=(reason,)))
                self._ack(seq, "refused", reason)
