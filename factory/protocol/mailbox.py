"""Messages between actors of the factory. All are trusted, none comes from a worker undecoded.

`tell` wants no answer, `ask` wants the one named in the docstring. Each actor's inbox is one union at the end.
"""

from typing import Any, Literal

import msgspec

from factory.protocol.commands import EmergencyStop, ReleaseLock, Reply, Steer, SteerActor, Submit, Switch
from factory.protocol.follow_mail import LookAt
from factory.protocol.issue_mail import IssueWord
from factory.protocol.learner_mail import Found, Recall, Recalled, Search
from factory.protocol.limiter_mail import NewSettings, RoomChanged
from factory.protocol.mail import Lease as Lease  # noqa: PLC0414 - all mail is to be had here
from factory.protocol.mail import Mail as Mail  # noqa: PLC0414
from factory.protocol.mail import Work as Work  # noqa: PLC0414
from factory.protocol.result_mail import ShowResult
from factory.protocol.spec_mail import Shown, ShowRepository
from factory.protocol.supervisor_mail import Child as Child  # noqa: PLC0414
from factory.protocol.supervisor_mail import Children as Children  # noqa: PLC0414
from factory.protocol.supervisor_mail import Health as Health  # noqa: PLC0414
from factory.protocol.supervisor_mail import Shutdown as Shutdown  # noqa: PLC0414
from factory.protocol.supervisor_mail import StartWorkerActor as StartWorkerActor  # noqa: PLC0414
from factory.protocol.supervisor_mail import StopMode as StopMode  # noqa: PLC0414
from factory.protocol.supervisor_mail import Stopping as Stopping  # noqa: PLC0414
from factory.protocol.supervisor_mail import Tree as Tree  # noqa: PLC0414
from factory.protocol.supervisor_mail import Vitals as Vitals  # noqa: PLC0414
from factory.protocol.verification import VerifiedGate
from factory.protocol.worker import GateSpec

# -- answers ----------------------------------------------------------------------------------------------------------


class Ok(Mail, frozen=True, tag="ok"):
    """Done."""


class Stale(Mail, frozen=True, tag="stale"):
    """The lease is not the current one (any more)."""

    lease: Lease
    reason: str = ""


class Refused(Mail, frozen=True, tag="refused"):
    """Not done, and asking again will not help."""

    reason: str
    code: Literal["not_found", "conflict", "invalid", "refused"] = "refused"


class Unavailable(Mail, frozen=True, tag="unavailable"):
    """Not done now; asking again may help."""

    reason: str


# -- queue ------------------------------------------------------------------------------------------------------------


class Credit(Mail, frozen=True, tag="credit"):
    """Dispatcher → queue: claim up to `free` items beyond the `seen` claims of incarnation `boot` (both from Claimed or Outstanding)."""

    boot: str
    seen: int
    free: int


class Claimed(Mail, frozen=True, tag="claimed"):
    """Queue → dispatcher: these leases are new. `made` counts all claims of this incarnation."""

    boot: str
    made: int
    work: tuple[Work, ...]


class Outstanding(Mail, frozen=True, tag="outstanding"):
    """Queue → dispatcher: all leases there are, on request and whenever a Credit names another incarnation.

    `work` is theirs, in several mails where one cannot hold it; all other fields are the same in each of them.

    Attributes:
        unleased: workers not known to be gone although their lease is over.
        survey: the number of the Survey that this answers, 0 where it answers none.
        publishing: results whose pull request is being made and has met no trouble yet.
    """

    boot: str
    made: int
    leases: tuple[Lease, ...]
    work: tuple[Work, ...]
    unleased: tuple[Lease, ...] = ()
    survey: int = 0
    publishing: int = 0


class Survey(Mail, frozen=True, tag="survey"):
    """Dispatcher → queue: send Outstanding. By the `number` the answer can be told from one to an earlier question."""

    number: int = 0


class GiveBack(Mail, frozen=True, tag="give_back"):
    """Dispatcher → queue (ask: GivenBack), when the factory ends and no worker has an actor: all leases end, nothing is claimed."""

    reason: str


class GivenBack(Mail, frozen=True, tag="given_back"):
    """Workers not known to be gone: those whose leases have ended by it, and those whose leases were over before."""

    unleased: tuple[Lease, ...]


class LeaseEnded(Mail, frozen=True, tag="lease_ended"):
    """Queue → dispatcher and the worker actor: this lease is over, whoever holds it must stop."""

    lease: Lease
    reason: str


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
    """Worker actor → queue: a sign of life; written in batches. Answered by Renewed or LeaseEnded."""

    lease: Lease
    phase: str
    iteration: int = 0
    progress: int = 0
    tokens: int = 0


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


class Recorded(Mail, frozen=True, tag="recorded"):
    """Queue → worker actor: the message `seq` is durable, stale, or waits for missing events (`incomplete`)."""

    lease: Lease
    seq: int
    result: Literal["ok", "stale", "incomplete"]
    last_event: int = 0


class WorkerGone(Mail, frozen=True, tag="worker_gone"):
    """Worker actor or dispatcher → queue: no process of this worker is left."""

    lease: Lease
    reason: str


class Published(Mail, frozen=True, tag="published"):
    """Delivery → queue (ask: Ok | Stale): the pull request is there. `gates` as they went, for the audit trail."""

    lease: Lease
    url: str
    commit: str
    followed: bool = False
    gates: tuple[VerifiedGate, ...] = ()


class Rejected(Mail, frozen=True, tag="rejected"):
    """Delivery → queue (ask: Ok | Stale): the result is no good. `gates`: those that were run on it."""

    lease: Lease
    failure: Literal["gate", "policy", "infra", "agent"]
    reason: str
    evidence: str = ""
    gates: tuple[VerifiedGate, ...] = ()


class Enrolled(Mail, frozen=True, tag="enrolled"):
    """Gateway → queue (ask: Enrolment): which keys belong to living leases."""


class Enrolment(Mail, frozen=True, tag="enrolment"):
    """Worker name → public key (Z85)."""

    keys: dict[str, str]


class Unparked(Mail, frozen=True, tag="unparked"):
    """Locks → queue: files came free. Only makes it quicker: the queue looks by itself on its tick."""


# -- limiter ----------------------------------------------------------------------------------------------------------


class Capacity(Mail, frozen=True, tag="capacity"):
    """Dispatcher → limiter (ask: Room): how many more workers may start while `active` are there.

    None where the factory `drains`; it is asked all the same, since the limiter tells everyone why nothing starts.
    """

    active: int
    drains: bool = False


class Room(Mail, frozen=True, tag="room"):
    """`free` may start now. Where it is 0, `reason` says why, and `retry_in` (seconds) when to ask again, if time alone opens it."""

    free: int
    reason: str = ""
    retry_in: float | None = None


# -- locks ------------------------------------------------------------------------------------------------------------


class Acquire(Mail, frozen=True, tag="acquire"):
    """Worker actor → locks (ask: LockVerdict | Stale): all of `files` of `repo` or none, while the lease lives."""

    lease: Lease
    repo: str
    files: tuple[str, ...]


class LockVerdict(Mail, frozen=True, tag="lock_verdict"):
    granted: bool
    holders: tuple[str, ...] = ()


class Release(Mail, frozen=True, tag="release"):
    """Worker actor or queue → locks: the files named, or with none named all of the lease."""

    lease: Lease
    files: tuple[str, ...] = ()


# -- gateway ----------------------------------------------------------------------------------------------------------


class Enrol(Mail, frozen=True, tag="enrol"):
    """Worker actor → gateway (ask: Ok): let this key in as this worker, and send what it says to me."""

    lease: Lease
    public_key: str


class Revoke(Mail, frozen=True, tag="revoke"):
    """Worker actor → gateway: the key is worth nothing from the next message on."""

    lease: Lease


class Outbound(Mail, frozen=True, tag="outbound"):
    """Worker actor → gateway: hand this encoded Answer to the agent. Lost where there is no route: the agent asks again."""

    lease: Lease
    frame: bytes


class Inbound(Mail, frozen=True, tag="inbound"):
    """Gateway → worker actor: an encoded Envelope whose key, item and epoch were checked."""

    lease: Lease
    frame: bytes


class Distrusted(Mail, frozen=True, tag="distrusted"):
    """Gateway → worker actor: its worker misbehaved, and its key was taken back: no more will be heard of it."""

    lease: Lease
    reason: str


# -- delivery ---------------------------------------------------------------------------------------------------------


class Prepare(Mail, frozen=True, tag="prepare"):
    """Worker actor → delivery (answered by Prepared or PrepareFailed): bring the mirror up to date. Repeatable."""

    lease: Lease
    repo: str
    base_branch: str


class Prepared(Mail, frozen=True, tag="prepared"):
    """`source` can be cloned from inside a worker of this machine. `base_commit` is what the attempt begins with.

    A rework has a `task`, `evidence` (what others wrote, quoted), and the base branch's commit to `merge` where it has to.
    """

    lease: Lease
    source: str
    base_commit: str
    gates: tuple[GateSpec, ...]
    task: str = ""
    evidence: str = ""
    merge: str = ""


class PrepareFailed(Mail, frozen=True, tag="prepare_failed"):
    """`failure` is infra where trying again may help, policy where a person must mend it."""

    lease: Lease
    failure: Literal["infra", "policy"]
    reason: str


class OutboxReady(Mail, frozen=True, tag="outbox_ready"):
    """Queue → delivery: there is a new outbox row."""


QueueMail = (
    Credit | Survey | GiveBack | Starting | Accepted | Renew | Stalled | Happened | Finish | WorkerGone | Published | Rejected | Enrolled
    | Unparked | IssueWord | Submit | Steer | EmergencyStop | Shutdown | Health
)  # fmt: skip
LimiterMail = Capacity | Switch | NewSettings | Shutdown | Health
LocksMail = Acquire | Release | ReleaseLock | Shutdown | Health
GatewayMail = Enrol | Revoke | Outbound | Shutdown | Health
DispatcherMail = Claimed | Outstanding | LeaseEnded | RoomChanged | Shutdown | Health
DeliveryMail = Prepare | OutboxReady | ShowResult | ShowRepository | LookAt | Shutdown | Health
JournalMail = Shutdown | Health
LearnerMail = Recall | Search | Shutdown | Health
DatabaseMail = Shutdown | Health
HttpMail = Shutdown | Health
WorkerMail = Inbound | Distrusted | Noted | Renewed | LeaseEnded | Recorded | Prepared | PrepareFailed | Recalled | Shutdown | Health
SupervisorMail = StartWorkerActor | Children | SteerActor | Shutdown
Answers = Ok | Stale | Refused | Unavailable | Room | LockVerdict | GivenBack | Enrolment | Found | Shown | Stopping | Tree | Reply
