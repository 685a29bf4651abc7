"""The statements of `work_items.sql` that end attempts and carry operators' words out."""

import math
from collections.abc import Mapping
from typing import Any

from tests.simulation.memory.database import Row, Transaction
from tests.simulation.memory.work_items import change_attempt, leased_under

DAY = 86_400.0
Bound = Mapping[str, Any]


def end_lease(tx: Transaction, bound: Bound) -> list[Row]:
    row = leased_under(tx, bound["item"], bound["epoch"])
    if row is None:
        return []
    tx.change_item(row, **_after(tx, row, bound), holder=None, lease_until=None)
    return [{"id": row["id"]}]


def _after(tx: Transaction, row: Row, bound: Bound) -> Row:
    named = ("status", "attempts", "setbacks", "condition", "reason", "evidence")
    return {name: bound[name] for name in named} | {
        "status": str(bound["status"]), "scheduled_at": tx.now + bound["delay"], "version": row["version"] + 1,
        "completed_at": tx.now if bound["terminal"] else None,
    }  # fmt: skip


def accept_results(tx: Transaction, bound: Bound) -> list[Row]:
    return [row for said in bound["said"].obj for row in _accepted(tx, said)]


def _accepted(tx: Transaction, said: Row) -> list[Row]:
    row = leased_under(tx, said["item"], said["epoch"])
    if row is None or row["status"] != "running" or not all_stored(tx, said):
        return []
    tx.change_item(row, status="publishing", holder=None, lease_until=None, reason="", version=row["version"] + 1)
    attempt = tx.tables.attempts[said["item"], said["epoch"]]
    change_attempt(
        tx, said, outcome="done", burnt=False, reason="", evidence="", iterations=max(attempt["iterations"], said["iterations"]),
        tokens=max(attempt["tokens"], said["tokens"]), commits=said["commits"], files_changed=said["files_changed"],
        base_commit=said.get("base_commit"), head_commit=said["head_commit"], ended_at=attempt["ended_at"] or tx.now,
    )  # fmt: skip
    known = tx.tables.outbox.get((said["item"], said["epoch"]))
    fresh = {
        "item": said["item"], "epoch": said["epoch"], "payload": said["payload"], "tries": 0, "created_at": tx.now, "last_error": "",
    }  # fmt: skip
    tx.put(tx.tables.outbox, (said["item"], said["epoch"]), {**(known or fresh), "done_at": None, "not_before": tx.now})
    return [{"id": row["id"], "epoch": row["epoch"]}]


def all_stored(tx: Transaction, said: Row) -> bool:
    numbers = tx.tables.numbers
    return all((said["stream"], said["epoch"], number) in numbers for number in range(1, said["last_event"] + 1))


def end_attempt(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.attempts[bound["item"], bound["epoch"]]
    named = ("outcome", "burnt", "reason", "evidence", "commits", "files_changed", "head_commit")
    return change_attempt(
        tx, bound, **{name: bound[name] for name in named}, iterations=max(row["iterations"], bound["iterations"]),
        tokens=max(row["tokens"], bound["tokens"]), base_commit=bound["base_commit"] or row["base_commit"],
        ended_at=row["ended_at"] or tx.now,
    )  # fmt: skip


def reject_attempt(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.attempts[bound["item"], bound["epoch"]]
    named = ("outcome", "burnt", "reason", "evidence")
    return change_attempt(tx, bound, **{name: bound[name] for name in named}, ended_at=row["ended_at"] or tx.now)


def attempt_outcome(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.attempts.get((bound["item"], bound["epoch"]))
    return [row] if row else []


def insert_metrics(_: Transaction, __: Bound) -> list[Row]:
    """A label for people; no decision reads it."""
    return []


def finish_outbox(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.outbox.get((bound["item"], bound["epoch"]))
    if row is not None:
        done = row["done_at"] if row["done_at"] is not None else tx.now
        tx.put(tx.tables.outbox, (bound["item"], bound["epoch"]), {**row, "done_at": done})
    return []


def reopen_outbox(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.outbox.get((bound["item"], bound["epoch"]))
    if row is not None:
        tx.put(tx.tables.outbox, (bound["item"], bound["epoch"]), {**row, "done_at": None, "not_before": tx.now})
    return [row] if row else []


def publishing_under(tx: Transaction, bound: Bound) -> Row | None:
    row = tx.tables.items.get(bound["item"])
    return row if row is not None and row["status"] == "publishing" and row["epoch"] == bound["epoch"] else None


def publish_work_item(tx: Transaction, bound: Bound) -> list[Row]:
    row = publishing_under(tx, bound)
    if row is None:
        return []
    done = tx.now if bound["status"] == "completed" else None
    tx.change_item(
        row, status=str(bound["status"]), pr_url=bound["url"], reason="", condition=None, version=row["version"] + 1, completed_at=done
    )
    return [{"id": row["id"]}]


def reject_result(tx: Transaction, bound: Bound) -> list[Row]:
    row = publishing_under(tx, bound)
    if row is None:
        return []
    tx.change_item(row, **_after(tx, row, bound))
    return [{"id": row["id"]}]


def _at_version(tx: Transaction, bound: Bound) -> Row | None:
    row = tx.tables.items.get(bound["item"])
    return row if row is not None and row["epoch"] == bound["epoch"] and row["version"] == bound["version"] else None


def steer_work_item(tx: Transaction, bound: Bound) -> list[Row]:
    row = _at_version(tx, bound)
    if row is None:
        return []
    named = ("attempts", "setbacks", "reason")
    tx.change_item(
        row, **{name: bound[name] for name in named}, status=str(bound["status"]), holder=None, lease_until=None,
        condition=bound["condition"], scheduled_at=tx.now, approved_digest=bound["approved"] or row["approved_digest"],
        version=row["version"] + 1, completed_at=tx.now if bound["terminal"] else None,
    )  # fmt: skip
    return [{"id": row["id"]}]


def prioritise_work_item(tx: Transaction, bound: Bound) -> list[Row]:
    row = _at_version(tx, bound)
    if row is None:
        return []
    rank = row["rank"] + (bound["priority"] - row["priority"]) * bound["ageing"]
    tx.change_item(row, priority=bound["priority"], rank=rank, version=row["version"] + 1)
    return [{"id": row["id"]}]


def known_command(tx: Transaction, bound: Bound) -> list[Row]:
    row = tx.tables.commands.get(bound["id"])
    return [row] if row else []


def note_command(tx: Transaction, bound: Bound) -> list[Row]:
    if bound["id"] not in tx.tables.commands:
        tx.put(tx.tables.commands, bound["id"], {"reply": bound["reply"].obj, "at": tx.now})
    return []


def forget_commands(tx: Transaction, _: Bound) -> list[Row]:
    for command in [name for name, row in tx.tables.commands.items() if row["at"] < tx.now - DAY]:
        tx.drop(tx.tables.commands, command)
    return []


def hold_engine(tx: Transaction, bound: Bound) -> list[Row]:
    until = None if bound["seconds"] is None else tx.now + bound["seconds"]
    known = tx.tables.limits.get(bound["name"])
    if known is None or _longer(known["until"]) <= _longer(until):
        tx.put(tx.tables.limits, bound["name"], {"kind": bound["kind"], "reason": bound["reason"], "until": until})
    return []


def _longer(until: float | None) -> float:
    return math.inf if until is None else until
