"""An attempt from its start to its end: between its worker actor and the queue. Parts of the inboxes in `mailbox`."""

from typing import Any, Literal

import msgspec

from factory.domain.meter import Figures
from factory.protocol.mail import Lease, Mail


class Starting(Mail, frozen=True, tag="starting"):
    """Worker actor → queue (ask: Ok | Stale), before the process is made, so that no worker exists that no row names."""

    lease: Lease
    public_key: str
    host: str
    isolation: str
    base_commit: str


class Accepted(Mail, frozen=True, tag="accepted"):
    """Worker actor → queue (answered by Recorded): the agent has the assignment."""

    lease: Lease
    seq: int


class Renew(Mail, frozen=True, tag="renew"):
    """Worker actor → queue: a sign of life; written in batches. Answered by Renewed or LeaseEnded.

    `figures` are None while nobody knows them.
    """

    lease: Lease
    phase: str
    iteration: int = 0
    progress: int = 0
    tokens: int = 0
    figures: Figures | None = None


class Stalled(Mail, frozen=True, tag="stalled"):
    """Worker actor → queue: the agent beats, but for so many seconds nothing of its work has moved. Said once each time."""

    lease: Lease
    seconds: float


class Renewed(Mail, frozen=True, tag="renewed"):
    """Queue → worker actor: the lease holds for `seconds` more."""

    lease: Lease
    seconds: float


class Happened(Mail, frozen=True, tag="happened"):
    """Worker actor → queue (answered by Recorded): the agent's event `number`."""

    lease: Lease
    seq: int
    number: int
    kind: str
    data: dict[str, Any]


class Finish(Mail, frozen=True, tag="finish"):
    """Worker actor → queue (answered by Recorded): the attempt is over.

    `outcome` done carries the result; the failure classes, `stuck`, `given_back` and `waits` carry a reason.
    """

    lease: Lease
    seq: int
    outcome: Literal["done", "agent", "gate", "infra", "auth", "quota", "policy", "no_space", "stuck", "given_back", "waits"]
    reason: str = ""
    evidence: str = ""
    condition: str = ""
    iterations: int = 0
    tokens: int = 0
    last_event: int = 0
    result: "Result | None" = None
    retry_after: float = 0.0
    holds: Literal["", "account", "credits", "login"] = ""
    """As FAIL says them."""


class Result(msgspec.Struct, frozen=True):
    """An attempt's result, already in delivery's spool. `bundle` is a path on this host, `size` in bytes."""

    bundle: str
    sha256: str
    size: int
    commit: str
    base_commit: str
    commits: int
    files_changed: int
    learnings: tuple[str, ...] = ()


class Noted(Mail, frozen=True, tag="noted"):
    """Queue → worker actor: the notes for its agent are these now, as `Work` has them."""

    lease: Lease
    notes: tuple[str, ...]
    noted: int


RecordedResult = Literal["ok", "stale", "incomplete"]


class Recorded(Mail, frozen=True, tag="recorded"):
    """Queue → worker actor: the message `seq` is durable, stale, or waits for missing events (`incomplete`)."""

    lease: Lease
    seq: int
    result: RecordedResult
    last_event: int = 0


class WorkerGone(Mail, frozen=True, tag="worker_gone"):
    """Worker actor or dispatcher → queue: no process of this worker is left."""

    lease: Lease
    reason: str
