"""The statements of the trail, the locks, the limits, the outbox, the mirrors and the pull requests."""

from collections.abc import Mapping
from typing import Any

from factory.domain.events import GENESIS
from tests.simulation.memory.database import Row, Transaction
from tests.simulation.memory.endings import DAY
from tests.simulation.memory.work_items import leased_under

Bound = Mapping[str, Any]

# -- the trail --------------------------------------------------------------------------------------------------------


def lock_streams(tx: Transaction, bound: Bound) -> list[Row]:
    micros, streams = round(tx.now * 1_000_000), tx.tables.streams
    for stream in bound["streams"]:
        if stream not in streams:
            tx.put(streams, stream, {"stream": stream, "seq": 0, "hash": GENESIS})
    return [{**streams[stream], "micros": micros} for stream in bound["streams"]]


def append_events(tx: Transaction, bound: Bound) -> list[Row]:
    for new in bound["events"].obj:
        event = {**new, "micros": bound["micros"]}
        tx.put(tx.tables.events, (new["stream"], new["seq"]), event)
        tx.put(tx.tables.streams, new["stream"], {"stream": new["stream"], "seq": new["seq"], "hash": bytes.fromhex(new["hash"])})
        if new["number"] is not None:
            tx.put(tx.tables.numbers, (new["stream"], new["epoch"], new["number"]), True)
        if new["type"] == "ATTEMPT.ITERATION.STARTED":
            tx.put(tx.tables.iterations, len(tx.tables.iterations), tx.now)
        tx.events.append(event)
    return []


def known_numbers(tx: Transaction, bound: Bound) -> list[Row]:
    key = (bound["stream"], bound["epoch"])
    return [{"number": number} for number in bound["numbers"] if (*key, number) in tx.tables.numbers]


def last_number(tx: Transaction, bound: Bound) -> list[Row]:
    last = 0
    while (bound["stream"], bound["epoch"], last + 1) in tx.tables.numbers:
        last += 1
    return [{"last": last}]


def read_stream(tx: Transaction, bound: Bound) -> list[Row]:
    first, head = bound["after"] + 1, tx.tables.streams.get(bound["stream"], {"seq": 0})["seq"]
    rows = (tx.tables.events[bound["stream"], seq] for seq in range(first, min(head, bound["after"] + bound["limit"]) + 1))
    return [{**row, "hash": bytes.fromhex(row["hash"]), "prev_hash": bytes.fromhex(row["prev_hash"])} for row in rows]


# -- locks ------------------------------------------------------------------------------------------------------------


def lease_is_live(tx: Transaction, bound: Bound) -> list[Row]:
    row = leased_under(tx, bound["item"], bound["epoch"])
    return [row] if row else []


def _dropped(tx: Transaction, gone: list[Row]) -> list[Row]:
    for lock in gone:
        tx.drop(tx.tables.locks, (lock["repo"], lock["file_path"]))
    return gone


def release_earlier_locks(tx: Transaction, bound: Bound) -> list[Row]:
    return _dropped(tx, [lock for lock in tx.tables.locks.values() if lock["item"] == bound["item"] and lock["epoch"] < bound["epoch"]])


def locks_held(tx: Transaction, bound: Bound) -> list[Row]:
    held = (tx.tables.locks.get((bound["repo"], file)) for file in bound["files"])
    return [lock for lock in held if lock is not None]


def count_locks(tx: Transaction, bound: Bound) -> list[Row]:
    return [{"count": sum((lock["item"], lock["epoch"]) == (bound["item"], bound["epoch"]) for lock in tx.tables.locks.values())}]


def grant_locks(tx: Transaction, bound: Bound) -> list[Row]:
    free = [file for file in sorted(set(bound["files"])) if (bound["repo"], file) not in tx.tables.locks]
    for file in free:
        tx.put(tx.tables.locks, (bound["repo"], file), {
            "repo": bound["repo"], "file_path": file, "item": bound["item"], "epoch": bound["epoch"], "worker_id": bound["worker"],
        })  # fmt: skip
    return [{} for _ in free]


def release_locks(tx: Transaction, bound: Bound) -> list[Row]:
    own = (lock for lock in tx.tables.locks.values() if (lock["item"], lock["epoch"]) == (bound["item"], bound["epoch"]))
    return _dropped(tx, [lock for lock in own if bound["files"] is None or lock["file_path"] in bound["files"]])


def sweep_locks(tx: Transaction, _: Bound) -> list[Row]:
    return _dropped(tx, [lock for lock in tx.tables.locks.values() if not may_hold(tx.tables.items[lock["item"]], lock["epoch"])])


def may_hold(item: Row, epoch: int) -> bool:
    """Whether an attempt may hold locks: it is at work, or its result is on its way."""
    return item["status"] in {"assigned", "running", "publishing"} and item["epoch"] == epoch


def locks_of_others(tx: Transaction, bound: Bound) -> list[Row]:
    return [lock for lock in tx.tables.locks.values() if lock["repo"] == bound["repo"] and lock["item"] != bound["item"]]


# -- limits -----------------------------------------------------------------------------------------------------------


def usage(tx: Transaction, _: Bound) -> list[Row]:
    midnight = tx.now - tx.now % DAY
    newest = max((row["started_at"] for row in tx.tables.attempts.values() if row["started_at"] <= tx.now), default=None)
    return [{
        "iterations": sum(at >= midnight for at in tx.tables.iterations.values()),
        "since_start": None if newest is None else tx.now - newest,
        "micros": sum(row["spent_micros"] for row in tx.tables.attempts.values() if row["started_at"] >= midnight),
        "until_midnight": midnight + DAY - tx.now, "pause": tx.tables.limits.get("pause", {}).get("dispatch"),
    }]  # fmt: skip


def write_limit(tx: Transaction, bound: Bound) -> list[Row]:
    tx.put(tx.tables.limits, bound["name"], bound["value"].obj)
    return []


def read_limit(tx: Transaction, bound: Bound) -> list[Row]:
    return [{"value": tx.tables.limits[bound["name"]]}] if bound["name"] in tx.tables.limits else []


def lift_holds(tx: Transaction, _: Bound) -> list[Row]:
    names = [name for name in tx.tables.limits if name.startswith("hold:")]
    for name in names:
        tx.drop(tx.tables.limits, name)
    return [{"name": name} for name in names]


def hold_forge(tx: Transaction, bound: Bound) -> list[Row]:
    known = tx.tables.limits.get(bound["name"], {"until": 0.0})
    tx.put(tx.tables.limits, bound["name"], {"until": max(known["until"], tx.now + bound["seconds"])})
    return []


def forge_held_for(tx: Transaction, bound: Bound) -> list[Row]:
    known = tx.tables.limits.get(bound["name"])
    return [{"seconds": max(known["until"] - tx.now, 0.0)}] if known else []


# -- outbox -----------------------------------------------------------------------------------------------------------


def _open_row(tx: Transaction, item: str, epoch: int) -> Row | None:
    row, owner = tx.tables.outbox.get((item, epoch)), tx.tables.items[item]
    wanted = row is not None and row["done_at"] is None and owner["status"] == "publishing" and owner["epoch"] == epoch
    return row if wanted else None


def open_publications(tx: Transaction, bound: Bound) -> list[Row]:
    rows = [row for key in tx.tables.outbox if (row := _open_row(tx, *key)) is not None]
    rows.sort(key=lambda row: (row["not_before"] > tx.now, row["not_before"], row["item"]))
    return [_publication(tx, row) for row in rows[: bound["limit"]]]


def _publication(tx: Transaction, row: Row) -> Row:
    item, attempts = tx.tables.items[row["item"]], tx.tables.attempts
    heads = [attempts[row["item"], epoch]["head_commit"] for epoch in range(1, row["epoch"])]
    spent = [attempts[row["item"], epoch] for epoch in range(1, row["epoch"] + 1)]
    worker = tx.tables.workers.get(f"{row['item']}-{row['epoch']}", {})
    return {
        "host": worker.get("host"), "isolation": worker.get("isolation"),
        "item": row["item"], "epoch": row["epoch"], "payload": row["payload"], "tries": row["tries"], "due": row["not_before"] <= tx.now,
        "repo": item["repo"], "base_branch": item["base_branch"], "title": item["title"], "spec": item["spec"],
        "approved_digest": item["approved_digest"] or "", "iterations": sum(each["iterations"] for each in spent),
        "tokens": sum(each["tokens"] for each in spent), "micros": sum(each["spent_micros"] for each in spent),
        "blocked": sorted({host for each in spent for host in each["blocked_hosts"]}), "reworks": item["reworks"], "source": item["source"],
        "source_id": item["source_id"], "earlier_heads": [head for head in heads if head is not None],
    }  # fmt: skip


def publication_is_open(tx: Transaction, bound: Bound) -> list[Row]:
    row = _open_row(tx, bound["item"], bound["epoch"]) if bound["item"] in tx.tables.items else None
    return [row] if row else []


def note_publication_error(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.outbox.get((bound["item"], bound["epoch"]))
    if row is not None and row["done_at"] is None:
        noted = {**row, "tries": row["tries"] + 1, "last_error": bound["error"], "not_before": tx.now + bound["delay"]}
        tx.put(tx.tables.outbox, (bound["item"], bound["epoch"]), noted)
    return []


def ended_publications(tx: Transaction, bound: Bound) -> list[Row]:
    ended = [row for row in tx.tables.outbox.values() if row["done_at"] is not None and row["done_at"] > tx.now - DAY]
    ended.sort(key=lambda row: -row["done_at"])
    return [{"item": row["item"], "epoch": row["epoch"], "bundle": _bundle(tx, row)} for row in ended[: bound["limit"]]]


def _bundle(tx: Transaction, row: Row) -> str:
    item = tx.tables.items[row["item"]]
    waits = item["status"] == "needs_approval" and item["epoch"] == row["epoch"]
    return "" if waits else str(row["payload"].get("bundle", ""))


def wanted_results(tx: Transaction, bound: Bound) -> list[Row]:
    return [{"item": item, "epoch": epoch} for item, epoch in zip(bound["items"], bound["epochs"], strict=True) if _wanted(tx, item, epoch)]


def _wanted(tx: Transaction, item: str, epoch: int) -> bool:
    owner, row = tx.tables.items.get(item), tx.tables.outbox.get((item, epoch))
    may_come = owner is not None and owner["epoch"] == epoch
    statuses = {"assigned", "running", "publishing", "needs_approval"}
    return (may_come and owner is not None and owner["status"] in statuses) or (row is not None and row["done_at"] is None)


def publishing_untroubled(tx: Transaction, _: Bound) -> list[Row]:
    return [{"count": sum(row["done_at"] is None and not row["last_error"] for row in tx.tables.outbox.values())}]


# -- pull requests and mirrors ----------------------------------------------------------------------------------------


def find_pull_request(tx: Transaction, bound: Bound) -> list[Row]:
    return [row for row in tx.tables.pulls.values() if (row["repo"], row["branch"]) == (bound["repo"], bound["branch"])]


def lock_pull_request_numbers(_: Transaction, __: Bound) -> list[Row]:
    """Nobody else is there."""
    return []


def find_or_create_pull_request(tx: Transaction, bound: Bound) -> list[Row]:
    known = find_pull_request(tx, bound)
    number = 1 + max((row["number"] for row in tx.tables.pulls.values() if row["repo"] == bound["repo"]), default=0)
    before = known[0] if known else {**bound, "number": number, "state": "open"}
    row = before | {name: bound[name] for name in ("head", "title", "body")}
    tx.put(tx.tables.pulls, row["item"], row)
    return [{**row, "made": not known}]


def make_way_for_pull_request(tx: Transaction, bound: Bound) -> list[Row]:
    own = [row for row in tx.tables.pulls.values() if row["repo"] == bound["repo"]]
    for row in own:
        if row["number"] == bound["number"] and row["branch"] != bound["branch"]:
            tx.put(tx.tables.pulls, row["item"], {**row, "number": max(one["number"] for one in own) + 1})
    return []


def record_pull_request(tx: Transaction, bound: Bound) -> list[Row]:
    known = find_pull_request(tx, bound)
    row = {**bound, "item": known[0]["item"] if known else bound["item"]}
    tx.put(tx.tables.pulls, row["item"], row)
    return [{**row, "made": not known}]


def note_mirror_refreshed(_: Transaction, __: Bound) -> list[Row]:
    """For people to see; no decision reads it."""
    return []


note_mirror_failed = note_mirror_refreshed
