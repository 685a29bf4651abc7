"""The agent's side of the link as a pure reducer: from what was heard, said and how late it is to what leaves.

    greeting ──WELCOME──► welcomed ──unknown_session, or six heartbeats of silence──► greeting

HELLO is repeated each heartbeat while greeting. Once welcomed, a PING leaves each heartbeat as long as the main loop
ticks, and each reliable message again and again until its ACK. Nothing here is ever lost by a change of session.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Literal, assert_never

import msgspec

from factory.protocol.codec import encode
from factory.protocol.version import VERSION, compatible
from factory.protocol.worker import (
    MAX_EVENT_BYTES,
    Accept,
    Ack,
    Answer,
    Assign,
    Done,
    Envelope,
    Event,
    Fail,
    FromAgent,
    Hello,
    Lock,
    LockAnswer,
    Log,
    Notes,
    Ping,
    Pong,
    Reject,
    Stop,
    ToAgent,
    Unlock,
    Welcome,
)
from worker_agent.log_credit import FIRST_CREDIT_BYTES, LogCredit
from worker_agent.spool import Reliable, Spool

# In heartbeats, like every bound of the protocol.
TICK_FRESH = 1
NO_NEW_LOCK_AFTER = 2.5
GREET_AGAIN_AFTER = 6
HOLD_AFTER = 60
GIVE_UP_AFTER = 17_280
"""A day at the usual five seconds: whoever has been away for longer finds its lease gone."""

CAPABILITIES = ("notes",)

_NO_CONTACT = "the factory, which has not answered for a while"

Said = Accept | Ping | Event | Lock | Unlock | Log | Done | Fail


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: frames for the factory, messages for the main loop, and whether to start over with a new socket."""

    send: tuple[Envelope, ...] = ()
    deliver: tuple[ToAgent, ...] = ()
    renew_socket: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One agent's conversation. All times are seconds of one monotonic clock.

    Attributes:
        boot: random per process.
        heartbeat: H, until a WELCOME says another.
        heard_at: when the factory last said anything, at first when the conversation began.
        ponged_at: when its last PONG came; minus infinity before the first.
        finished: DONE or FAIL has been acknowledged.
    """

    item: str
    epoch: int
    boot: str
    heartbeat: float
    heard_at: float
    sid: str = ""
    state: Literal["idle", "running", "done", "failed"] = "idle"
    accepted: bool = False
    finished: bool = False
    last_event: int = 0
    status: Ping = Ping("starting")  # noqa: RUF009 - frozen
    spool: Spool = Spool()  # noqa: RUF009 - frozen
    logs: LogCredit = field(default_factory=LogCredit)
    ponged_at: float = -math.inf
    hello_at: float = -math.inf
    pinged_at: float = -math.inf
    renewed_at: float = -math.inf

    # -- what the main loop asks --------------------------------------------------------------------------------------

    def must_hold(self, now: float) -> bool:
        """Whether the engine must pause: nobody can keep what it tells, or its tokens go to work that may be lost."""
        return self.spool.full or now - self.heard_at > HOLD_AFTER * self.heartbeat

    def is_abandoned(self, now: float) -> bool:
        """Whether to leave. Without work it is not worth waiting as long as with it."""
        patience = HOLD_AFTER if self.state == "idle" else GIVE_UP_AFTER
        return now - self.heard_at > patience * self.heartbeat

    def may_lock(self, now: float) -> bool:
        """A grant that is asked for without fresh contact could come from a lease that is over."""
        return now - self.ponged_at <= NO_NEW_LOCK_AFTER * self.heartbeat

    @property
    def settled(self) -> bool:
        """Whether the factory has acknowledged all that it must."""
        return not self.spool.pending

    @property
    def next_due(self) -> float:
        """When `passed` has something to do at the latest."""
        if not self.sid:
            return self.hello_at + self.heartbeat
        spooled = self.spool.next_due(self.heartbeat)
        return min(self.pinged_at + self.heartbeat, math.inf if spooled is None else spooled)

    # -- what happens: each gives the session after it and what follows ---------------------------------------------

    def heard(self, answer: Answer, now: float) -> tuple["Session", Step]:
        """Something came. What is meant for another lease or speaks another protocol is not for us."""
        if (answer.item, answer.epoch) != (self.item, self.epoch) or not compatible(answer.v):
            return self, Step()
        return _heard(replace(self, heard_at=now), answer.body, now)

    def said(self, body: Said, now: float) -> tuple["Session", Step]:
        """The main loop tells something. Numbers of events and offsets of logs are given here, in the order of saying.

        Raises `BadMessage` where it is larger than the wire takes.
        """
        return _said(self, body, now)

    def passed(self, now: float, ticked_at: float) -> tuple["Session", Step]:
        """Time went by; `ticked_at` is when the main loop last showed that it is alive."""
        return _passed(self, now, ticked_at)

    def connected(self, now: float) -> tuple["Session", Step]:
        """The socket takes messages again: do not wait for the next heartbeat with what it did not take."""
        return _resent(replace(self, spool=self.spool.unsent()), now) if self.sid else _greeted(self, now)

    def unsent(self, envelope: Envelope) -> "Session":
        """The socket did not take it. What is reliable or repeated comes again by itself."""
        return replace(self, logs=self.logs.lost(envelope.body)) if isinstance(envelope.body, Log) else self


# -- from the factory -------------------------------------------------------------------------------------------------


def _heard(session: Session, body: ToAgent, now: float) -> tuple[Session, Step]:
    match body:
        case Welcome():
            return _welcomed(session, body, now)
        case Reject():
            return _rejected(session, body, now)
        case Assign():
            return _assigned(session, body, now)
        case Pong():
            return _ponged(session, body, now)
        case LockAnswer():
            return _lock_answered(session, body, now)
        case Ack():
            return _acknowledged(session, body, now)
        case Stop() | Notes():
            return session, Step(deliver=(body,))
        case _:
            assert_never(body)


def _welcomed(session: Session, welcome: Welcome, now: float) -> tuple[Session, Step]:
    logs, gaps = session.logs.granted(FIRST_CREDIT_BYTES)
    session = replace(
        session,
        sid=welcome.sid,
        heartbeat=welcome.heartbeat,
        last_event=max(session.last_event, welcome.resume_from),
        spool=session.spool.stored_to(welcome.resume_from).unsent(),
        logs=logs,
    )
    session, again = _resent(session, now)
    session, ping = _pinged(session, now)
    told = tuple(_seal(session, gap) for gap in gaps)
    return session, Step(again.send + ping.send + told, (welcome,) if welcome.verdict == "stop" else ())


def _rejected(session: Session, reject: Reject, now: float) -> tuple[Session, Step]:
    if reject.code != "unknown_session":
        return session, Step(deliver=(reject,))
    # Every message that was under way is rejected by itself; one HELLO answers them all.
    return _greeted(replace(session, sid=""), now) if session.sid else (session, Step())


def _assigned(session: Session, assign: Assign, now: float) -> tuple[Session, Step]:
    if session.state == "idle":
        return replace(session, state="running"), Step(deliver=(assign,))
    if not session.accepted or session.spool.holds(Accept):
        return session, Step()
    # Whoever assigns again has not learnt of the ACCEPT, though somebody acknowledged it.
    return _resent(replace(session, spool=session.spool.add(Accept())), now)


def _ponged(session: Session, pong: Pong, now: float) -> tuple[Session, Step]:
    session = replace(session, ponged_at=now)
    verdict = () if pong.verdict == "continue" else (pong,)
    if not session.sid:
        return session, Step(deliver=verdict)
    logs, gaps = session.logs.granted(pong.log_credit)
    return replace(session, logs=logs), Step(tuple(_seal(session, gap) for gap in gaps), verdict)


def _lock_answered(session: Session, answer: LockAnswer, now: float) -> tuple[Session, Step]:
    asked = [e.body for e in session.spool.pending if isinstance(e.body, Lock) and e.body.id == answer.id]
    session, step = _resent(replace(session, spool=session.spool.without(*asked)), now)
    return session, replace(step, deliver=(answer,) if asked else ())


def _acknowledged(session: Session, ack: Ack, now: float) -> tuple[Session, Step]:
    if ack.result == "stale":
        return session, Step(deliver=(ack,))
    body = session.spool.find(ack.seq)
    if body is None or (ack.result == "ok" and isinstance(body, Lock)):
        # The grant of a lock is its LOCK_ANSWER; an ACK only says that the question arrived.
        return session, Step()
    last = isinstance(body, Done | Fail)
    finished = session.finished or (last and ack.result == "ok")
    session, step = _resent(replace(session, finished=finished, spool=session.spool.without(body)), now)
    # The main loop sleeps on its messages: that it may go home is one. An event that is not kept is no reason to.
    told = last or (ack.result != "ok" and not isinstance(body, Event))
    return session, replace(step, deliver=_verdict(ack, body) if told else ())


def _verdict(ack: Ack, body: FromAgent) -> tuple[ToAgent, ...]:
    return (LockAnswer(body.id, granted=False, holders=(ack.reason,)) if isinstance(body, Lock) else ack,)


# -- from the main loop -----------------------------------------------------------------------------------------------


def _said(session: Session, body: Said, now: float) -> tuple[Session, Step]:
    match body:
        case Ping():
            return replace(session, status=body), Step()
        case Log():
            logs, admitted = session.logs.admit(body)
            return replace(session, logs=logs), Step((_seal(session, admitted),) if admitted else ())
        case Event():
            number, size = session.last_event + 1, len(encode(body.data))
            # A message that is too long for the gateway would never be acknowledged, nor would any event after it.
            data = body.data if size <= MAX_EVENT_BYTES else {"bytes": size}
            return _spooled(replace(session, last_event=number), msgspec.structs.replace(body, number=number, data=data), now)
        case Done():
            last: Done | Fail = msgspec.structs.replace(body, last_event=session.last_event)
            return _spooled(replace(session, state="done"), last, now)
        case Fail():
            last = msgspec.structs.replace(body, last_event=session.last_event)
            return _spooled(replace(session, state="failed"), last, now)
        case Lock() if not session.may_lock(now):
            return session, Step(deliver=(LockAnswer(body.id, granted=False, holders=(_NO_CONTACT,)),))
        case Accept():
            return _spooled(replace(session, accepted=True), body, now)
        case Lock() | Unlock():
            return _spooled(session, body, now)
        case _:
            assert_never(body)


def _spooled(session: Session, body: Reliable, now: float) -> tuple[Session, Step]:
    return _resent(replace(session, spool=session.spool.add(body)), now)


# -- from the clock ---------------------------------------------------------------------------------------------------


def _passed(session: Session, now: float, ticked_at: float) -> tuple[Session, Step]:
    if now - max(session.heard_at, session.renewed_at) > GREET_AGAIN_AFTER * session.heartbeat:
        session, step = _greeted(replace(session, sid="", renewed_at=now), now)
        return session, replace(step, renew_socket=True)
    if not session.sid:
        return _greeted(session, now) if now - session.hello_at >= session.heartbeat else (session, Step())
    session, step = _resent(session, now)
    # A PING of a process whose main loop hangs would keep the lease of work that stands still.
    alive = now - ticked_at < TICK_FRESH * session.heartbeat
    if alive and now - session.pinged_at >= session.heartbeat:
        session, ping = _pinged(session, now) if session.heard_at >= session.pinged_at else _asked(session, now)
        step = Step(step.send + ping.send)
    return session, step


def _asked(session: Session, now: float) -> tuple[Session, Step]:
    """What was said a heartbeat ago has no answer: who cannot hear must not keep its lease, so it asks and does not beat."""
    session, hello = _greeted(session, now)
    return replace(session, pinged_at=now), hello


def _greeted(session: Session, now: float) -> tuple[Session, Step]:
    hello = Hello(VERSION, session.boot, session.state, session.last_event, CAPABILITIES)
    return replace(session, hello_at=now, logs=session.logs.shut()), Step((_seal(session, hello),))


def _pinged(session: Session, now: float) -> tuple[Session, Step]:
    ping = msgspec.structs.replace(session.status, spooled=len(session.spool.pending))
    return replace(session, pinged_at=now), Step((_seal(session, ping),))


def _resent(session: Session, now: float) -> tuple[Session, Step]:
    """What has never left, and what left a heartbeat ago without an ACK."""
    if not session.sid:
        return session, Step()
    spool, leaving = session.spool.due(now, session.heartbeat)
    return replace(session, spool=spool), Step(tuple(_seal(session, entry.body, entry.seq) for entry in leaving))


def _seal(session: Session, body: FromAgent, seq: int = 0) -> Envelope:
    return Envelope(session.item, session.epoch, body, seq, "" if isinstance(body, Hello) else session.sid)
