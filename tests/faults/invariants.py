"""The invariants I1 to I5 and I7 of the store and the remote (DESIGN.md section 6): each yields a sentence for each breach."""

from collections.abc import Iterator
from typing import Any

from factory.domain.events import GENESIS, LIFECYCLE, EventType, digest, fold, item_stream
from tests.faults.evidence import LEASED, TERMINAL, Evidence


def i1_nothing_is_lost(evidence: Evidence) -> Iterator[str]:
    """Every accepted item has what its status needs to move on, or has ended."""
    for item in evidence.items:
        row = evidence.item(item)
        if row is None:
            yield f"{item} was accepted and is gone"
        elif missing := _needs(evidence, row):
            yield f"{item} is {row['status']} and {missing}"


def _needs(evidence: Evidence, row: dict[str, Any]) -> str:
    match row["status"]:
        case "assigned" | "running":
            return "" if row["leased"] else f"its lease ended at {row['lease_until']}"
        case "publishing":
            open_rows = evidence.rows("SELECT 1 FROM outbox WHERE item = %s AND epoch = %s AND done_at IS NULL", row["id"], row["epoch"])
            return "" if open_rows else "has no open row in the outbox"
        case "in_review" | "completed":
            return "" if evidence.rows("SELECT 1 FROM pull_requests WHERE item = %s", row["id"]) else "has no pull request"
        case "parked":
            return "" if row["condition"] else "has no condition"
        case "queued":
            return "" if row["scheduled_at"] is not None else "has no time"
        case _:
            return "" if row["reason"] else "has no reason"


def i2_one_pull_request(evidence: Evidence) -> Iterator[str]:
    """At most one branch and one pull request an item, at the commit of the accepted attempt."""
    pushes = evidence.pushes()
    for row in evidence.known():
        item, branch = row["id"], evidence.branch(row["id"])
        mine = [push for push in pushes if item in push.ref]
        heads = {ref: commit for ref, commit in evidence.heads(row["repo"]).items() if item in ref}
        requests = evidence.rows("SELECT * FROM pull_requests WHERE item = %s OR branch LIKE %s", item, f"%{item}%")
        if strange := {*heads, *(push.ref for push in mine)} - {branch}:
            yield f"{item} has further branches: {sorted(strange)}"
        if len(requests) > 1:
            yield f"{item} has {len(requests)} pull requests"
        if row["status"] in {"completed", "in_review"}:
            yield from _heads(evidence, row, [push.new for push in mine], heads.get(branch), [request["head"] for request in requests])


def _heads(evidence: Evidence, row: dict[str, Any], pushed: list[str], head: str | None, recorded: list[str]) -> Iterator[str]:
    accepted = evidence.rows("SELECT epoch, head_commit FROM attempts WHERE item = %s AND outcome = 'done' ORDER BY epoch", row["id"])
    if not accepted:
        yield f"{row['id']} has no accepted attempt"
        return
    wanted = accepted[-1]["head_commit"]
    if {head, *recorded} != {wanted}:
        yield f"{row['id']}: its branch is at {head}, its pull request at {recorded}, the accepted attempt at {wanted}"
    if strange := set(pushed) - {each["head_commit"] for each in accepted}:
        yield f"{row['id']}: pushed were also {sorted(strange)}"
    if len(pushed) != len(set(pushed)):
        yield f"{row['id']}: the same commit was pushed more than once: {pushed}"


def i3_only_the_current_epoch(evidence: Evidence) -> Iterator[str]:
    """After a claim no event of an earlier epoch but a refusal, and no attempt of an earlier epoch that is still open."""
    for row in evidence.known():
        current = 0
        for event in evidence.events(item_stream(row["id"])):
            epoch = event.new.epoch
            if event.new.type == EventType.CLAIMED:
                current = event.new.data["epoch"]
            elif epoch is not None and epoch < current and event.new.type != EventType.STALE_REFUSED:
                yield f"{row['id']}: event {event.seq} ({event.new.type}) is of epoch {epoch} after the claim of {current}"
        for attempt in evidence.rows("SELECT epoch FROM attempts WHERE item = %s AND ended_at IS NULL", row["id"]):
            if attempt["epoch"] != row["epoch"] or row["status"] not in LEASED:
                yield f"{row['id']}: the attempt of epoch {attempt['epoch']} is open while it is {row['status']} at epoch {row['epoch']}"


def i4_locks_go_with_their_lease(evidence: Evidence) -> Iterator[str]:
    """No lock of a lease that is over. That a lock has one holder is the table's key."""
    for lock in evidence.rows(
        "SELECT lock.*, item.status, item.epoch AS current FROM file_locks AS lock LEFT JOIN work_items AS item ON item.id = lock.item"
        " WHERE item.id IS NULL OR item.epoch <> lock.epoch OR item.status NOT IN ('assigned', 'running', 'publishing')"
    ):
        yield f"{lock['file_path']} is held by {lock['item']}-{lock['epoch']}, which is {lock['status']} at epoch {lock['current']}"


def i5_the_trail_is_whole(evidence: Evidence) -> Iterator[str]:
    """Numbers without gap and in order, the chain of hashes, the stream's head, and the fold."""
    for row in evidence.known():
        stream = item_stream(row["id"])
        events = evidence.events(stream)
        if [event.seq for event in events] != list(range(1, len(events) + 1)):
            yield f"{stream} has gaps: {[event.seq for event in events]}"
        previous = GENESIS
        for event in events:
            if event.previous != previous or event.hash != digest(event.new, event.seq, event.micros, previous):
                yield f"{stream}: the chain breaks at event {event.seq} ({event.new.type})"
                break
            previous = event.hash
        for epoch in {event.new.epoch for event in events}:
            told = [event.new.number for event in events if event.new.epoch == epoch and event.new.number is not None]
            if told != list(range(1, len(told) + 1)):
                yield f"{stream}: its agent's events of epoch {epoch} are stored in the order {told}"
        head = evidence.rows("SELECT seq, hash FROM streams WHERE stream = %s", stream)
        if not events or [(each["seq"], bytes(each["hash"])) for each in head] != [(events[-1].seq, events[-1].hash)]:
            yield f"{stream}: its head is not its last event"
        folded, columns = fold(event.new.data for event in events), {key: row[key] for key in LIFECYCLE}
        if folded != columns:
            yield f"{stream} folds to {folded}, the row is {columns}"


def i7_within_the_caps(evidence: Evidence) -> Iterator[str]:
    """Attempts, setbacks and runs of the agent; a turn more than the cap is what was under way."""
    caps = evidence.caps
    for row in evidence.known():
        attempts = evidence.rows("SELECT epoch, iterations, burnt FROM attempts WHERE item = %s", row["id"])
        if row["attempts"] > caps["attempts"] or row["setbacks"] > caps["setbacks"]:
            yield f"{row['id']} has {row['attempts']} attempts and {row['setbacks']} setbacks, the caps are {dict(caps)}"
        if row["status"] not in TERMINAL and row["attempts"] > sum(attempt["burnt"] for attempt in attempts):
            yield f"{row['id']} counts {row['attempts']} attempts, and fewer were burnt"
        for attempt in attempts:
            if attempt["iterations"] > min(row["max_iterations"], caps["iterations"]) + 1:
                yield f"{row['id']}-{attempt['epoch']} ran its agent {attempt['iterations']} times"
