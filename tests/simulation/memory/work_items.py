"""The statements of `work_items.sql`, up to where an attempt ends."""

import json
from collections.abc import Mapping
from typing import Any

from factory.domain.hosts import is_met
from factory.domain.outside import SPEC_CONDITION
from factory.domain.work_item import engine_family, hold_condition
from tests.simulation.memory.database import Row, Transaction

LEASED = ("assigned", "running")
Bound = Mapping[str, Any]


def leased_under(tx: Transaction, item: str, epoch: int) -> Row | None:
    """The item's row where this very lease lives: the fence of every statement."""
    row = tx.tables.items.get(item)
    return row if row is not None and row["status"] in LEASED and row["epoch"] == epoch else None


def is_held(tx: Transaction, condition: str) -> bool:
    hold = tx.tables.limits.get(condition)
    return hold is not None and (hold.get("until") is None or hold["until"] > tx.now)


def insert_work_item(tx: Transaction, bound: Bound) -> list[Row]:
    items = tx.tables.items
    source = (bound["source"], bound["source_id"])
    if bound["id"] in items or any((row["source"], row["source_id"]) == source for row in items.values()):
        return []
    named = (
        "id",
        "source",
        "source_id",
        "source_url",
        "repo",
        "base_branch",
        "title",
        "spec",
        "engine",
        "files",
        "needs",
        "max_iterations",
    )
    row = {name: bound[name] for name in named} | {
        "priority": int(bound["priority"]), "rank": tx.now + bound["priority"] * bound["ageing"],
        "status": "parked" if bound["condition"] else "queued", "epoch": 0, "reworks": 0, "condition": bound["condition"],
        "attempts": 0, "setbacks": 0, "holder": None, "lease_until": None, "scheduled_at": tx.now + bound["delay"],
        "reason": "", "evidence": "", "approved_digest": None, "pr_url": None, "version": 1, "created_at": tx.now, "started_at": None,
        "completed_at": None,
    }  # fmt: skip
    tx.touched.setdefault(row["id"], None)
    tx.put(items, row["id"], row)
    return [{"id": row["id"]}]


def claim_work_items(tx: Transaction, bound: Bound) -> list[Row]:
    ready = [
        row for row in tx.tables.items.values()
        if row["status"] == "queued" and row["scheduled_at"] <= tx.now and bound["only"] in {None, row["id"]}
        and not is_held(tx, hold_condition(engine_family(row["engine"]))) and is_met(row["needs"], json.loads(bound["labels"]))
    ]  # fmt: skip
    ready.sort(key=lambda row: (row["rank"], row["id"]))
    return [_claimed(tx, row, bound["lease"]) for row in ready[: bound["count"]]]


def _claimed(tx: Transaction, row: Row, lease: float) -> Row:
    epoch = row["epoch"] + 1
    holder = f"{row['id']}-{epoch}"
    tx.put(tx.tables.attempts, (row["id"], epoch), {
        "item": row["id"], "epoch": epoch, "outcome": None, "burnt": False, "reason": "", "evidence": "", "iterations": 0, "tokens": 0,
        "commits": 0, "files_changed": 0, "base_commit": None, "head_commit": None, "started_at": tx.now, "ended_at": None,
        "spent_tokens": 0, "spent_micros": 0, "spent_calls": 0, "blocked_hosts": [],
    })  # fmt: skip
    tx.put(tx.tables.workers, holder, {
        "id": holder, "work_item_id": row["id"], "epoch": epoch, "host": "", "isolation": "", "public_key": "", "status": "starting",
        "reason": "", "phase": "starting", "last_heartbeat": None,
    })  # fmt: skip
    return tx.change_item(
        row, status="assigned", epoch=epoch, holder=holder, lease_until=tx.now + lease, started_at=row["started_at"] or tx.now,
        condition=None, version=row["version"] + 1,
    )  # fmt: skip


def leased_work_items(tx: Transaction, _: Bound) -> list[Row]:
    rows = [row for row in tx.tables.items.values() if row["status"] in LEASED]
    rows.sort(key=lambda row: (row["rank"], row["id"]))
    attempts = tx.tables.attempts
    told = ("base_commit", "spent_tokens", "spent_micros", "spent_calls")
    return [{**row, **{name: attempts[row["id"], row["epoch"]][name] for name in told}} for row in rows]


def unleased_workers(tx: Transaction, _: Bound) -> list[Row]:
    workers = tx.tables.workers.values()
    return [one for one in workers if one["status"] != "dead" and leased_under(tx, one["work_item_id"], one["epoch"]) is None]


def enrolled_keys(tx: Transaction, _: Bound) -> list[Row]:
    keyed = (one for one in tx.tables.workers.values() if one["public_key"] and one["status"] != "dead")
    return [one for one in keyed if leased_under(tx, one["work_item_id"], one["epoch"]) is not None]


def lock_work_items(tx: Transaction, bound: Bound) -> list[Row]:
    return [tx.tables.items[item] for item in sorted(set(bound["ids"])) if item in tx.tables.items]


def start_work_items(tx: Transaction, bound: Bound) -> list[Row]:
    started = []
    for item, epoch in dict.fromkeys(zip(bound["items"], bound["epochs"], strict=True)):
        row = leased_under(tx, item, epoch)
        if row is not None:
            tx.change_item(row, status="running", lease_until=tx.now + bound["lease"], version=row["version"] + 1)
            worker = tx.tables.workers[row["holder"]]
            if worker["status"] == "starting":
                tx.put(tx.tables.workers, worker["id"], {**worker, "status": "busy"})
            started.append({"id": item, "epoch": epoch, "was": row["status"]})
    return started


def renew_leases(tx: Transaction, bound: Bound) -> list[Row]:
    renewed = []
    for item, epoch in zip(bound["items"], bound["epochs"], strict=True):
        row = leased_under(tx, item, epoch)
        if row is not None:
            tx.change_item(row, lease_until=tx.now + bound["lease"])
            renewed.append({"id": item, "epoch": row["epoch"]})
    return renewed


def note_beats(tx: Transaction, bound: Bound) -> list[Row]:
    for worker, phase in zip(bound["ids"], bound["phases"], strict=True):
        row = tx.tables.workers.get(worker)
        if row is not None and row["status"] != "dead":
            tx.put(tx.tables.workers, worker, {**row, "phase": phase, "last_heartbeat": tx.now})
    return []


def expired_work_items(tx: Transaction, bound: Bound) -> list[Row]:
    rows = (row for row in tx.tables.items.values() if row["status"] in LEASED and row["lease_until"] + bound["grace"] < tx.now)
    return sorted(rows, key=lambda row: str(row["id"]))


def unpark_work_items(tx: Transaction, _: Bound) -> list[Row]:
    opened = [row for row in tx.tables.items.values() if row["status"] == "parked" and _is_open(tx, row)]
    for row in opened:
        tx.change_item(row, status="queued", condition=None, scheduled_at=tx.now, version=row["version"] + 1)
    return opened


def _is_open(tx: Transaction, row: Row) -> bool:
    condition: str = row["condition"]
    if condition.startswith("locks:"):
        held = (tx.tables.locks.get((row["repo"], file)) for file in row["files"])
        return all(lock is None or lock["item"] == row["id"] for lock in held)
    if condition == SPEC_CONDITION:
        return False
    if condition.startswith("hold:"):
        return not is_held(tx, condition)
    return bool(row["scheduled_at"] <= tx.now)


def worker_starting(tx: Transaction, bound: Bound) -> list[Row]:
    worker = tx.tables.workers.get(bound["worker"])
    if worker is None or leased_under(tx, worker["work_item_id"], bound["epoch"]) is None:
        return []
    said = {name: bound[name] for name in ("public_key", "host", "isolation")}
    tx.put(tx.tables.workers, worker["id"], {**worker, **said, "status": "starting"})
    return [{"id": worker["id"]}]


def note_base(tx: Transaction, bound: Bound) -> list[Row]:
    return change_attempt(tx, bound, base_commit=bound["base_commit"])


def note_iteration(tx: Transaction, bound: Bound) -> list[Row]:
    attempt = tx.tables.attempts[bound["item"], bound["epoch"]]
    return change_attempt(tx, bound, iterations=max(attempt["iterations"], bound["iteration"]))


def change_attempt(tx: Transaction, key: Bound, **columns: Any) -> list[Row]:
    row = tx.tables.attempts.get((key["item"], key["epoch"]))
    if row is not None:
        tx.put(tx.tables.attempts, (key["item"], key["epoch"]), {**row, **columns})
    return []


def worker_gone(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.workers.get(bound["worker"])
    if row is None or row["status"] == "dead":
        return []
    tx.put(tx.tables.workers, row["id"], {**row, "status": "dead", "reason": bound["reason"]})
    return [{"id": row["id"]}]


def note_spending(tx: Transaction, bound: Bound) -> list[Row]:
    key = (bound["item"], bound["epoch"])
    row = tx.tables.attempts.get(key)
    if row is None:
        return []
    new = [host for host in bound["blocked"] if host not in row["blocked_hosts"]]
    new = new[: max(0, bound["most_blocked"] - len(row["blocked_hosts"]))]
    spent = {f"spent_{name}": max(row[f"spent_{name}"], bound[name]) for name in ("tokens", "micros", "calls")}
    tx.put(tx.tables.attempts, key, {**row, **spent, "blocked_hosts": [*row["blocked_hosts"], *new]})
    return [{"new": new}]


def store_time(tx: Transaction, _: Bound) -> list[Row]:
    return [{"seconds": tx.now}]


def marked_time(tx: Transaction, _: Bound) -> list[Row]:
    return [tx.tables.limits["clock"]] if "clock" in tx.tables.limits else []


def mark_time(tx: Transaction, bound: Bound) -> list[Row]:
    tx.put(tx.tables.limits, "clock", {"seconds": bound["seconds"]})
    return []


def raise_mark(tx: Transaction, _: Bound) -> list[Row]:
    mark = tx.tables.limits.get("clock")
    if mark is not None and mark["seconds"] < tx.now:
        tx.put(tx.tables.limits, "clock", {"seconds": tx.now})
    return []


def shift_times(tx: Transaction, bound: Bound) -> list[Row]:
    by, tables = bound["seconds"], tx.tables
    for row in list(tables.items.values()):
        if row["status"] not in {"completed", "failed", "cancelled"}:
            until = None if row["lease_until"] is None else row["lease_until"] + by
            tx.change_item(row, scheduled_at=row["scheduled_at"] + by, lease_until=until, rank=row["rank"] + by)
    for key, publication in list(tables.outbox.items()):
        if publication["done_at"] is None:
            tx.put(tables.outbox, key, {**publication, "not_before": publication["not_before"] + by})
    for name, limit in list(tables.limits.items()):
        if limit.get("until") is not None:
            tx.put(tables.limits, name, {**limit, "until": limit["until"] + by})
    return []
