"""What an operator may say and ask, and the answers. One request, one reply, on the command socket (`ipc`, mode 0600).

A command carries an id: said twice within a day it is carried out once. Queries change nothing.
"""

from typing import Any, Literal

import msgspec

from factory.domain.limits import Switchable, SwitchVerb

Code = Literal["ok", "not_found", "conflict", "invalid", "refused", "unavailable"]

SteerVerb = Literal["kill", "retry", "cancel", "approve", "reject", "prioritise", "note"]

MAX_NOTE = 2_000
"""Characters of a note to the agent."""

MAX_WHY = 800
"""Characters of the reason of a rejection."""


class Request(msgspec.Struct, frozen=True, tag_field="t"):
    """Base of everything an operator sends."""


class Submit(Request, frozen=True, tag="submit"):
    """A spec by hand. `item` is chosen by the sender, so that a repeat after a lost answer is the same item.

    Attributes:
        priority: 0 critical ... 3 low.
        delay: seconds before it may be claimed.
        files: files to lock for the attempt, as the spec names them.
        needs_spec: it is parked until somebody has written its spec.
        needs: labels that a host must have to work on it.
    """

    command: str
    item: str
    repo: str
    base_branch: str
    title: str
    spec: str
    engine: str
    priority: int = 2
    delay: float = 0.0
    files: tuple[str, ...] = ()
    source: str = "operator"
    source_id: str = ""
    source_url: str = ""
    max_iterations: int = 50
    needs_spec: bool = False
    needs: tuple[str, ...] = ()


class Steer(Request, frozen=True, tag="steer"):
    """Changes one item.

    Attributes:
        verb: kill ends the running attempt, retry queues an ended item, cancel ends it for good, approve and
            reject answer `needs_approval`, reject with `argument` as the reason, prioritise takes it as the new priority (0 to 3), note
            has it read by the agent that works on the item, at its next iteration, and by each one after it.
        expected_epoch: refused with `conflict` where the item is at another epoch; None: whatever it is.
        expected_version: the same for the item as it was seen: of two who decide on what both see, one wins and the other is told.
        operator: who says it, for the audit trail.
    """

    command: str
    verb: SteerVerb
    item: str
    operator: str
    expected_epoch: int | None = None
    argument: str = ""
    expected_version: int | None = None


class Switch(Request, frozen=True, tag="switch"):
    """Stops what the factory does by itself, or lets it go on. Lasts until it is taken back, also over a restart.

    Attributes:
        verb: pause; drain is a pause of dispatch whose end (nothing runs any more) is told; resume takes either back, and lets
            engines be used again that a limit holds.
        parts: intake takes new items in, dispatch starts workers.
        operator: who says it, for the audit trail and for those who wonder.
    """

    command: str
    verb: SwitchVerb
    parts: tuple[Switchable, ...]
    operator: str


class SteerActor(Request, frozen=True, tag="steer_actor"):
    """Changes one process of the tree. Answered when it is under way; `tree` shows when it is done.

    Attributes:
        verb: stop is final: until start or restart is said, or the factory ends, nothing starts it again.
        actor: its name in the tree. A worker's actor is refused: it belongs to an item.
        operator: who says it, shown beside what is stopped.
    """

    command: str
    verb: Literal["stop", "start", "restart"]
    actor: str
    operator: str


class EmergencyStop(Request, frozen=True, tag="emergency_stop"):
    """Ends all agents at once and starts none any more, until a Switch resumes dispatch.

    Their items are queued again, and nothing counts against them.
    """

    command: str
    operator: str


class ReleaseLock(Request, frozen=True, tag="release_lock"):
    """Takes a file lock away from whom it was seen to belong to.

    Attributes:
        worker: refused with `conflict` where another one holds it.
    """

    command: str
    repo: str
    file: str
    worker: str
    operator: str


class SteerHost(Request, frozen=True, tag="steer_host"):
    """Changes a machine that remote workers run on.

    Attributes:
        verb: enroll makes a token for a join line, in the place of one that was not used; revoke takes the key back for good; drain has
            no more workers placed there, undrain takes that back.
        labels: of enroll.
    """

    command: str
    verb: Literal["enroll", "revoke", "drain", "undrain"]
    host: str
    operator: str
    labels: tuple[str, ...] = ()


class Query(Request, frozen=True, tag="query"):
    """Asks for a view.

    `what` with its `target`: status, queue (open items), items (all), workers, item (one, target = id or unique prefix),
    events (target = item), pull_requests,
    limits, tree (the processes), log (target = item; `offset` in bytes, `epoch` of the attempt, 0 the latest),
    diff (what the result of an item changes; `epoch` 0 for the latest one, `text` "commits" for each commit by itself, `offset` in
    characters of the patch; `unavailable` while it is read: ask again),
    learnings (target = repository, empty for all; `text` to look for, empty for the newest), stats (what attempts took),
    trail (events of all streams or of one item, oldest first: from `since`, seconds since 1970, or `place`, where a page before ended),
    series (what came of attempts over target = 1h, 6h, 24h, 7d), needs (what waits for a person), approvals (with what was found),
    timeline (target = item: its events in words), issues (those that were seen, and what is in the way of looking),
    issue (one with its texts, target = key, `owner/repo#12` or item), hosts (machines of remote workers).
    """

    what: Literal[
        "status",
        "queue",
        "items",
        "workers",
        "item",
        "events",
        "pull_requests",
        "limits",
        "log",
        "locks",
        "tree",
        "learnings",
        "stats",
        "diff",
        "trail",
        "series",
        "needs",
        "approvals",
        "timeline",
        "issues",
        "issue",
        "hosts",
    ]
    target: str = ""
    epoch: int = 0
    offset: int = 0
    limit: int = 200
    text: str = ""
    since: float = 0.0
    place: str = ""


class Reply(msgspec.Struct, frozen=True, tag_field="t", tag="reply"):
    """The answer. `reason` is a sentence for a person where `code` is not ok; `data` is the view, JSON-ready."""

    code: Code
    reason: str = ""
    data: Any = None


AnyRequest = Submit | Steer | Switch | SteerActor | EmergencyStop | ReleaseLock | SteerHost | Query
