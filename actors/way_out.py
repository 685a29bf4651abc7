"""A worker actor's part of its worker's way out: vouches for it with each beat, keeps the account, and ends it at the cap."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from factory.domain.budget import Caps, Spend
from factory.domain.egress import MOST_BLOCKED
from factory.domain.hosts import LOCAL
from factory.domain.ids import WorkerId, worker_actor
from factory.domain.lease import LeaseTerms
from factory.domain.way_out import secret_for
from factory.ports import Mailbox
from factory.protocol.attempt_mail import Finish
from factory.protocol.egress_mail import LetOut, ShutOut, Spent, WentOut
from factory.protocol.mail import Lease, Work
from factory.protocol.way_out import FILE, PLACE, WayOutFile

ADDRESS = "egress"
GRACE = 2
"""Heartbeats from the first call that was refused at the cap, in which the engine may end by itself: its work may be done."""
_VOUCHED_LEASES = 2
_VOUCHED_SECONDS = 15.0
"""At least: a machine that is busy for seconds must not cut what its workers have under way."""
_ELSEWHERE_HEARTBEATS = 60
"""For another machine: agents there work on for as long while the factory cannot be reached, under the cap that they have there."""
_VERIFIED_SECONDS = 30.0
_SAY_AGAIN_SECONDS = 3.0
_MODEL = {"ANTHROPIC_BASE_URL": f"{PLACE}/anthropic"}


@dataclass(frozen=True, slots=True)
class WayOutTerms:
    """What the way out of all workers has in common.

    Attributes:
        socket: where workers are let out.
        key: what their secrets are made of.
        caps: for one attempt.
    """

    socket: Path
    key: bytes = field(repr=False)
    caps: Caps = Caps()  # noqa: RUF009 - frozen

    def file(self, worker: str, *, model: bool, here: bool = True) -> dict[str, bytes]:
        """What the worker finds in its `in` folder. Another machine puts in where its own way out is, and what shows its worker there."""
        where, shown = (str(self.socket), secret_for(self.key, worker)) if here else ("", "")
        told = WayOutFile(where, worker, shown, dict(_MODEL) if model else {})
        return {FILE: json.dumps({name: getattr(told, name) for name in told.__struct_fields__}).encode()}

    @property
    def readable(self) -> tuple[Path, ...]:
        """What it has to be given of this machine: the folder, since a new socket comes with each start of the server."""
        return (self.socket.parent,)


class WayOut:
    """For one lease. Does nothing where the worker has no such way (`terms` is None). `model`: whether its engine calls the model."""

    def __init__(self, mailbox: Mailbox, work: Work, lease_terms: LeaseTerms, terms: WayOutTerms | None, *, model: bool) -> None:
        self._mailbox, self._lease, self._lease_terms, self._terms, self._model = mailbox, work.lease, lease_terms, terms, model
        self._elsewhere = "" if work.host == LOCAL else work.host
        self._spent = Spend(work.tokens, work.micros, work.calls)
        self._blocked: tuple[str, ...] = ()
        self._over_since: float | None = None
        self._refused = 0

    def vouch(self) -> None:
        """Says that the worker may go out, until it is said again."""
        if self._terms is None:
            return
        spent, caps = self._spent, self._terms.caps
        beats = _ELSEWHERE_HEARTBEATS * self._lease_terms.heartbeat if self._elsewhere else _VOUCHED_LEASES * self._lease_terms.lease
        seconds = max(beats, _VOUCHED_SECONDS)
        self._mailbox.tell(
            ADDRESS,
            LetOut(
                self._lease, self._lease.worker, seconds, worker_actor(WorkerId(self._lease.worker)), self._model, caps.tokens, caps.micros,
                spent.tokens, spent.micros, spent.calls, self._elsewhere,
            ),
        )  # fmt: skip

    def shut(self) -> None:
        if self._terms is not None:
            self._mailbox.tell(ADDRESS, ShutOut(self._lease.worker))

    def hear(self, mail: WentOut, now: float) -> Finish | None:
        """Keeps the account and hands it on; the end of the attempt where its engine goes on calling beyond the cap."""
        self._keep(mail)
        if not mail.over or mail.refused <= self._refused:
            return None
        self._refused = mail.refused
        if self._over_since is None:
            self._over_since = now
        if now - self._over_since < GRACE * self._lease_terms.heartbeat:
            return None
        return Finish(self._lease, 0, "policy", mail.over)

    def _keep(self, mail: WentOut) -> None:
        spent = self._spent.at_least(Spend(mail.tokens, mail.micros, mail.calls))
        # A server that was started anew knows nothing of the hosts before.
        blocked = tuple(dict.fromkeys((*self._blocked, *mail.blocked)))[:MOST_BLOCKED]
        if (spent, blocked) != (self._spent, self._blocked):
            self._spent, self._blocked = spent, blocked
            self._mailbox.tell("queue", Spent(self._lease, spent.tokens, spent.micros, spent.calls, blocked))


class VerificationWays:
    """For what verifies results: let out to what gates fetch, and never to the model. Nobody hears what becomes of it but the log."""

    def __init__(self, mailbox: Mailbox, terms: WayOutTerms | None) -> None:
        self._mailbox, self._terms = mailbox, terms
        self._vouched: set[str] = set()
        self._said_at = -_SAY_AGAIN_SECONDS

    def vouch(self, under_way: Mapping[str, Lease], now: float) -> None:
        """Says, as often as needed, that these workers may go out and no others.

        Args:
            under_way: worker → the lease whose result it verifies.
        """
        if self._terms is None or (under_way.keys() == self._vouched and now - self._said_at < _SAY_AGAIN_SECONDS):
            return
        for worker in self._vouched - under_way.keys():
            self._mailbox.tell(ADDRESS, ShutOut(worker))
        for worker, lease in under_way.items():
            self._mailbox.tell(ADDRESS, LetOut(lease, worker, _VERIFIED_SECONDS))
        self._vouched, self._said_at = set(under_way), now
