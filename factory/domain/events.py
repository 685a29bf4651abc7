"""The audit trail: event types, the hash chain, and the fold that must give the lifecycle columns back (invariant I5)."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any

GENESIS = b"\0" * 32
"""What the first event of a stream carries as the hash of the one before."""

_AGENT_KIND = re.compile(r"ATTEMPT\.[A-Z_]{1,40}\.[A-Z_]{1,40}")

LIFECYCLE = ("status", "epoch", "attempts", "priority", "holder", "reason")
"""The columns of a work item that its stream gives back."""


class EventType(StrEnum):
    """`AGGREGATE.ACTION.STATUS`. Events of an agent carry their own kind, checked against `is_agent_kind`."""

    ENQUEUED = "WORK_ITEM.ENQUEUED.SUCCESS"
    CLAIMED = "WORK_ITEM.CLAIMED.SUCCESS"
    STARTED = "WORK_ITEM.STARTED.SUCCESS"
    ATTEMPT_ENDED = "WORK_ITEM.ATTEMPT_ENDED.FAILED"
    LEASE_EXPIRED = "WORK_ITEM.LEASE.EXPIRED"
    RESULT_ACCEPTED = "WORK_ITEM.RESULT.ACCEPTED"
    RESULT_REJECTED = "WORK_ITEM.RESULT.REJECTED"
    PUBLISHED = "WORK_ITEM.PUBLISHED.SUCCESS"
    GATE_PASSED = "GATE.VERIFICATION.PASSED"
    GATE_FAILED = "GATE.VERIFICATION.FAILED"
    SPECIFIED = "SPEC.WRITTEN.SUCCESS"
    QUESTIONED = "SPEC.QUESTIONED.SUCCESS"
    SPEC_DRAFTED = "SPEC.DRAFTED.SUCCESS"
    SPEC_FAILED = "SPEC.DRAFTED.FAILED"
    REOPENED = "ISSUE.ANSWERED.SUCCESS"
    REWORDED = "ISSUE.REWORDED.SUCCESS"
    ISSUE_REFUSED = "ISSUE.LABELLED.REFUSED"
    MERGED = "PULL_REQUEST.MERGED.SUCCESS"
    CLOSED_UNMERGED = "PULL_REQUEST.CLOSED.SUCCESS"
    REWORK_WANTED = "PULL_REQUEST.REWORK.WANTED"
    HANDED_OFF = "PULL_REQUEST.HANDED_OFF.SUCCESS"
    REQUEUED = "WORK_ITEM.REQUEUED.SUCCESS"
    CANCELLED = "WORK_ITEM.CANCELLED.SUCCESS"
    APPROVED = "WORK_ITEM.APPROVED.SUCCESS"
    NOTED = "WORK_ITEM.NOTED.SUCCESS"
    PRIORITISED = "WORK_ITEM.PRIORITISED.SUCCESS"
    LEARNINGS_TAKEN = "LEARNING.TAKEN.SUCCESS"
    STALE_REFUSED = "WORK_ITEM.STALE.REFUSED"
    WORKER_STARTING = "WORKER.STARTING.SUCCESS"
    WORKER_STALLED = "WORKER.PROGRESS.STALLED"
    WORKER_GONE = "WORKER.GONE.SUCCESS"
    WAY_OUT_BLOCKED = "WAY_OUT.HOST.BLOCKED"
    PULL_REQUEST_OPENED = "PULL_REQUEST.OPENED.SUCCESS"
    LOCK_TAKEN_AWAY = "LOCK.RELEASED.BY_OPERATOR"
    ENGINE_HELD = "ENGINE.HELD.SUCCESS"
    HOST_INVITED = "HOST.INVITED.SUCCESS"
    HOST_JOINED = "HOST.JOINED.SUCCESS"
    HOST_KEY_RENEWED = "HOST.KEY.RENEWED"
    HOST_DRAINED = "HOST.DRAINED.SUCCESS"
    HOST_REVOKED = "HOST.REVOKED.SUCCESS"
    COMMAND = "OPERATOR.COMMAND.SUCCESS"


def is_agent_kind(kind: str) -> bool:
    """Whether an agent may have an event of this kind: it speaks of its attempt, never in the factory's name."""
    return _AGENT_KIND.fullmatch(kind) is not None


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is about to be appended. `data` holds the lifecycle columns that changed, and whatever else is worth keeping."""

    stream: str
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    number: int | None = None
    """An agent's event number within the epoch; unique there, so a repeat is a no-op."""


def continuing(last: int, given: Collection[int]) -> range:
    """Of an agent's event numbers those that go on after the last one without a gap."""
    return range(last + 1, next(number for number in count(last + 1) if number not in given))


def item_stream(item: str) -> str:
    return f"item:{item}"


def worker_stream(worker: str) -> str:
    return f"worker:{worker}"


def operator_stream(operator: str) -> str:
    return f"operator:{operator}"


SYSTEM_STREAM = "system"


def digest(event: NewEvent, seq: int, at_micros: int, previous: bytes) -> bytes:
    """The hash of an event: over its place, its time (microseconds since 1970), its content, and the hash of the one before."""
    content = [event.stream, seq, at_micros, event.type, event.epoch, event.number]
    body = [_as_stored(event.tags), _as_stored(event.metadata), _as_stored(event.data)]
    text = json.dumps([content, body], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(previous + text.encode(), digest_size=32).digest()


def _as_stored(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Whole floats as integers: the database keeps decimal numbers, and gives 1e16 and -0.0 back as other text than they came."""
    match value:
        case Mapping():
            return {key: _as_stored(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_as_stored(inner) for inner in value]
        case float() if value.is_integer():
            return int(Decimal(repr(value)))
        case _:
            return value


def fold(data: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The lifecycle columns after these events, oldest first."""
    row: dict[str, Any] = dict.fromkeys(LIFECYCLE)
    for change in data:
        row.update((key, change[key]) for key in LIFECYCLE if key in change)
    return row
