"""The queue's table: submit, claim, renew, expire. Every statement that changes a leased item is fenced by its epoch."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from factory.domain.egress import MOST_BLOCKED
from factory.domain.events import EventType, NewEvent, continuing, item_stream
from factory.domain.outside import SPEC_CONDITION
from factory.domain.work_item import AGEING_SECONDS, Failed, FailureClass, Status, after
from factory.protocol.attempt_mail import Happened, Renew, Starting
from factory.protocol.commands import Submit
from factory.protocol.egress_mail import Spent
from factory.protocol.mailbox import Lease, Work
from factory.storage import events, outside, rounds, steering
from factory.storage.database import Database
from factory.storage.queries import query
from factory.storage.rounds import QueueTerms, transaction, work
from factory.storage.rows import single

MAX_ITERATION = 2**31 - 1
"""What the column takes; an agent may say anything."""


class WorkItems:
    """The store behind the queue actor, the only claimer there is: two could deadlock over a fused finish and claim."""

    def __init__(self, database: Database, terms: QueueTerms) -> None:
        self._database = database
        self._terms = terms

    @contextmanager
    def round(self) -> Iterator["Round"]:
        """Everything done with the round becomes durable at once, when the block ends."""
        with transaction(self._database, self._terms) as tx:
            yield Round(tx)


class Round(outside.OutsideRound, steering.SteeringRound):
    """What can happen to work items within one transaction."""

    def submit(self, order: Submit) -> str | None:
        """A new item; the reason where it is refused. The same id again is the same item."""
        row = {
            "id": order.item, "source": order.source, "source_id": order.source_id or order.item, "source_url": order.source_url,
            "repo": order.repo, "base_branch": order.base_branch, "title": order.title, "spec": order.spec, "engine": order.engine,
            "files": list(order.files), "needs": list(order.needs), "max_iterations": order.max_iterations, "priority": order.priority,
            "delay": order.delay, "ageing": AGEING_SECONDS, "condition": SPEC_CONDITION if order.needs_spec else None,
        }  # fmt: skip
        if self.tx.changed("insert_work_item", row):
            lifecycle = {
                "status": Status.PARKED if order.needs_spec else Status.QUEUED,
                "epoch": 0,
                "attempts": 0,
                "priority": order.priority,
                "holder": None,
                "reason": "",
            }
            self.tx.tell(order.item, EventType.ENQUEUED, **lifecycle, title=order.title, repo=order.repo)
            return None
        known = self.tx.locked(order.item)
        if known is not None and known["source_id"] == row["source_id"]:
            return None
        return f"there is an item of {order.source} {row['source_id']} already"

    def claim(self, count: int, labels: Sequence[Sequence[str]] = ()) -> list[Work]:
        """Up to `count` items, next first, each under a new epoch with its attempt and worker rows. `labels`: of a host each."""
        bound = {"count": count, "lease": self.tx.terms.lease.lease, "only": self.tx.terms.only, "labels": json.dumps(labels)}
        rows = sorted(self.tx.rows("claim_work_items", bound), key=lambda row: (row["rank"], row["id"]))
        for row in rows:
            self.tx.tell(row["id"], EventType.CLAIMED, status=Status.ASSIGNED, epoch=row["epoch"], holder=row["holder"])
        return [work(row) for row in rows]

    def leased(self) -> list[Work]:
        """All living leases."""
        return [work(row) for row in self.tx.rows("leased_work_items")]

    def unleased(self) -> list[Lease]:
        """Workers not known to be gone although their lease is over."""
        return [Lease(row["work_item_id"], row["epoch"]) for row in self.tx.rows("unleased_workers")]

    def publishing(self) -> int:
        """Results on their way to a pull request that nothing was in the way of yet."""
        return int(single(self.tx.cursor.execute(query("publishing_untroubled")))["count"])

    def enrolled(self) -> dict[str, str]:
        """Worker name → public key, of living leases."""
        return {row["id"]: row["public_key"] for row in self.tx.rows("enrolled_keys")}

    def starting(self, mail: Starting) -> bool:
        """Notes the key of a worker that is about to be made; False where its lease is over."""
        lease = mail.lease
        bound = {
            "worker": lease.worker, "epoch": lease.epoch, "public_key": mail.public_key, "host": mail.host, "isolation": mail.isolation,
        }  # fmt: skip
        if not self.tx.changed("worker_starting", bound):
            self.tx.refuse(lease, "starting")
            return False
        base = {"item": lease.item, "epoch": lease.epoch, "base_commit": mail.base_commit}
        self.tx.cursor.execute(query("note_base"), base)
        self.tx.tell_worker(lease.worker, EventType.WORKER_STARTING, host=mail.host, isolation=mail.isolation)
        return True

    def accepted(self, lease: Lease) -> bool:
        """The agent has the assignment. Said again it changes nothing."""
        if lease in self.start([lease]):
            return True
        self.tx.refuse(lease, "accept")
        return False

    def renew(self, beats: Sequence[Renew]) -> set[Lease]:
        """Renews a batch in one statement and returns the leases that live; the others are over."""
        newest = {beat.lease: beat for beat in beats}
        bound = {
            "items": [lease.item for lease in newest], "epochs": [lease.epoch for lease in newest], "lease": self.tx.terms.lease.lease,
        }  # fmt: skip
        alive = {Lease(row["id"], row["epoch"]) for row in self.tx.rows("renew_leases", bound)}
        self._note_beats([beat for lease, beat in newest.items() if lease in alive])
        return alive

    def _note_beats(self, beats: Sequence[Renew]) -> None:
        if not beats:
            return
        bound = {
            "ids": [beat.lease.worker for beat in beats], "phases": [beat.phase for beat in beats],
            "iterations": [beat.iteration for beat in beats], "progresses": [beat.progress for beat in beats],
            "tokens": [beat.tokens for beat in beats],
            **{name: [getattr(beat.figures, name, None) for beat in beats] for name in ("cpu", "memory", "memory_limit", "pids")},
        }  # fmt: skip
        self.tx.cursor.execute(query("note_beats"), bound)

    def happened(self, mails: Iterable[Happened]) -> dict[Lease, int]:
        """Stores agents' events in the order of their numbers, each once; returns per lease the last one, -1 where it is stale.

        What comes before one that was lost on the way is not stored: the agent says both again.
        """
        grouped: dict[Lease, dict[int, Happened]] = {}
        for mail in mails:
            grouped.setdefault(mail.lease, {})[mail.number] = mail
        return {lease: self._store(lease, numbered) for lease, numbered in grouped.items()}

    def _store(self, lease: Lease, numbered: dict[int, Happened]) -> int:
        row = self.tx.locked(lease.item)
        if row is None or row["epoch"] != lease.epoch or row["holder"] != lease.worker:
            self.tx.refuse(lease, "event")
            return -1
        stream = item_stream(lease.item)
        last = events.last_number(self.tx.cursor, stream, lease.epoch)
        following = continuing(last, numbered)
        # Before events were stored in order, some were stored ahead of others: those are there.
        known = events.known_numbers(self.tx.cursor, stream, lease.epoch, following)
        fresh = [numbered[number] for number in following if number not in known]
        new = [NewEvent(stream, mail.kind, {"agent": mail.data}, epoch=lease.epoch, number=mail.number) for mail in fresh]
        # Appended at once, not at the end of the round: who looks for the last number in it must see them.
        events.append(self.tx.cursor, new)
        for mail in fresh:
            iteration = mail.data.get("iteration")
            # Not isinstance: True is an int there, and no number to the database.
            if type(iteration) is int and 0 < iteration <= MAX_ITERATION:
                self.tx.cursor.execute(query("note_iteration"), {"item": lease.item, "epoch": lease.epoch, "iteration": iteration})
        return following[-1] if following else last

    def expire(self, jitter: float) -> list[Lease]:
        """Takes back leases past their end and grace; whether now is a fair time is the caller's to know."""
        rows = self.tx.rows("expired_work_items", {"grace": self.tx.terms.lease.grace})
        for row in rows:
            ending = Failed(FailureClass.INFRA, "the worker fell silent and its lease ran out")
            following = after(rounds.standing(row), ending, self.tx.terms.retry, jitter)
            self.end(Lease(row["id"], row["epoch"]), following, ending, kind=EventType.LEASE_EXPIRED, outcome="infra")
        return [Lease(row["id"], row["epoch"]) for row in rows]

    def unpark(self) -> int:
        """Queues what is parked and whose condition holds; returns how many."""
        rows = self.tx.rows("unpark_work_items", {})
        for row in rows:
            self.tx.tell(row["id"], EventType.REQUEUED, status=Status.QUEUED)
        return len(rows)

    def worker_gone(self, lease: Lease, reason: str) -> None:
        """No process of this worker is left."""
        bound = {"worker": lease.worker, "reason": reason[: rounds.REASON]}
        if self.tx.changed("worker_gone", bound):
            self.tx.tell_worker(lease.worker, EventType.WORKER_GONE, reason=bound["reason"])

    def stalled(self, lease: Lease, seconds: float) -> None:
        """The worker beats and gets nowhere; a stale word of it is nobody's concern any more."""
        row = self.tx.locked(lease.item)
        if row is not None and row["epoch"] == lease.epoch and row["holder"] == lease.worker:
            self.tx.tell_worker(lease.worker, EventType.WORKER_STALLED, seconds=round(seconds, 1))

    def spent(self, mail: Spent) -> None:
        """What an attempt has used of its model, and each host once that it was not let to. Nothing is taken back by an older word."""
        bound = {
            "item": mail.lease.item, "epoch": mail.lease.epoch, "tokens": mail.tokens, "micros": mail.micros, "calls": mail.calls,
            "blocked": list(mail.blocked[:MOST_BLOCKED]), "most_blocked": MOST_BLOCKED,
        }  # fmt: skip
        for row in self.tx.rows("note_spending", bound):
            for host in row["new"]:
                self.tx.tell(mail.lease.item, EventType.WAY_OUT_BLOCKED, host=host, attempt=mail.lease.epoch)

    def now(self) -> float:
        """The database's clock in seconds since 1970."""
        return float(single(self.tx.cursor.execute(query("store_time")))["seconds"])

    def shift(self, seconds: float) -> None:
        """Moves every time that is waited for along with a clock that was set."""
        self.tx.cursor.execute(query("shift_times"), {"seconds": seconds})

    def marked(self) -> float | None:
        """The time of that clock that was written down last; None before the first."""
        row = self.tx.cursor.execute(query("marked_time")).fetchone()
        return None if row is None else float(row["seconds"])

    def mark(self, seconds: float) -> None:
        """Writes down what the clock says, so that one that is set back is noticed by whoever looks next."""
        self.tx.cursor.execute(query("mark_time"), {"seconds": seconds})

    def forget_commands(self) -> None:
        """Drops answers to commands older than a day."""
        self.tx.cursor.execute(query("forget_commands"))
