"""What attempts begin with and what becomes of their results: to and from delivery. Parts of the inboxes in `mailbox`."""

from typing import Literal

from factory.protocol.mail import Lease, Mail
from factory.protocol.verification import VerifiedGate
from factory.protocol.worker import GateSpec


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
