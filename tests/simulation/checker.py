"""What must hold, looked at after every commit and every effect on the world outside; knows nothing of how it is kept.

I1 each status has what it needs, and only legal moves are made      I2 one branch and one pull request per item, of accepted commits
I3 no change by an epoch other than the current one                  I4 one holder per lock, and none that outlives its lease
I5 the fold of the events is the row, and their chain is whole        I7 attempts are burnt by agents, gates and operators alone
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from factory.domain import events as trail
from factory.domain.events import GENESIS, LIFECYCLE, EventType, NewEvent
from factory.domain.ids import ItemId, branch_of, parse_worker_id
from factory.domain.work_item import MOVES, Status
from factory.protocol.mailbox import Lease
from factory.pull_request_ports import PullRequestOrder
from tests.simulation.agent import SimAgent
from tests.simulation.kernel import Breach
from tests.simulation.memory.database import Row, Statement, Transaction
from tests.simulation.memory.others import may_hold
from tests.simulation.script import commit_of
from tests.simulation.world import LIMITS, RETRY, TERMS, H, World

_BY_LEASE = frozenset({
    EventType.STARTED, EventType.ATTEMPT_ENDED, EventType.LEASE_EXPIRED, EventType.RESULT_ACCEPTED, EventType.RESULT_REJECTED,
    EventType.PUBLISHED,
})  # fmt: skip
"""Events that only the current epoch may cause."""

_FENCED = (
    "renew_leases", "start_work_items", "worker_starting", "end_lease", "accept_results", "publish_work_item", "reject_result",
)  # fmt: skip

LONG = TERMS.tick_gap + H
"""What holds the queue up for longer than this must not cost a lease."""

LOCK_BOUND = 5 * H


@dataclass(frozen=True, slots=True)
class Unfair:
    """From `since` until `until`, and for 3H after it, no lease may run out: nobody could be heard.

    Attributes:
        process: generation of the queue's process that it happens to, None for all.
    """

    since: float
    until: float
    why: str
    process: int | None = None


class Checker:
    """Attributes:
    blamed: leases whose agent, gate or operator is at fault.
    unfair: what holds up the queue, or held it up.
    calm_since: when the last fault ended, None while there may be any.
    """

    def __init__(self, world: World) -> None:
        self.world, self.tables = world, world.tables
        self.blamed: set[Lease] = set()
        self.agents: dict[Lease, SimAgent] = {}
        self.unfair: list[Unfair] = []
        self.calm_since: float | None = None
        self._folds: dict[str, dict[str, Any]] = {}
        self._orphaned: dict[tuple[str, str], float] = {}
        self._heads: dict[str, list[str]] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        world.committed, world.granted = self.committed, self.granted
        world.host.on_stop, world.host.on_made = self._stopped, self._made
        world.remote.on_push, world.remote.on_open = self._pushed, self._opened

    def breach(self, invariant: str, sentence: str) -> None:
        raise Breach(f"{invariant}: {sentence}")

    # -- commits ------------------------------------------------------------------------------------------------------

    def committed(self, tx: Transaction) -> None:
        for event in tx.events:
            self.world.kernel.note(event["stream"], event["type"], event["epoch"])
            if event["stream"].startswith("item:"):
                self._told(event["stream"].removeprefix("item:"), event)
        for item in tx.touched:
            self._row(self.tables.items[item])
        busy = sum(row["status"] in {"assigned", "running"} for row in self.tables.items.values())
        if busy > LIMITS.max_workers:
            self.breach("I7", f"{busy} leases live, {LIMITS.max_workers} are allowed")

    def _told(self, item: str, event: Row) -> None:
        before = self._folds.setdefault(item, dict.fromkeys(LIFECYCLE))
        data, kind, epoch = event["data"], event["type"], event["epoch"]
        if event["number"] is not None:
            last = self._numbers.get((item, epoch), 0)
            if event["number"] != last + 1:
                how = "twice" if event["number"] <= last else f"before event {last + 1}"
                self.breach("I5", f"event {event['number']} of {item}-{epoch} is stored {how}")
            self._numbers[item, epoch] = event["number"]
        if kind in _BY_LEASE and epoch != before["epoch"]:
            self.breach("I3", f"{kind} by epoch {epoch} of {item}, which is at {before['epoch']}")
        if kind == EventType.CLAIMED and epoch != before["epoch"] + 1:
            self.breach("I3", f"{item} was claimed under epoch {epoch} after {before['epoch']}")
        after = {**before, **{name: data[name] for name in LIFECYCLE if name in data}}
        self._moved(item, kind, before, after)
        self._folds[item] = after
        if kind == EventType.LEASE_EXPIRED:
            self._expired(Lease(item, epoch))
        if kind == EventType.RESULT_ACCEPTED:
            self._accepted(Lease(item, epoch), data["commit"])

    def _moved(self, item: str, kind: str, before: Row, after: Row) -> None:
        old, new = before["status"], after["status"]
        legal = old is None or old == new or Status(new) in MOVES[Status(old)]
        # Only people merge what is not being published, and there are none here.
        unasked = new == Status.COMPLETED and old not in {None, Status.COMPLETED, Status.PUBLISHING}
        if unasked or not legal:
            self.breach("I1", f"{item} went from {old} to {new} by {kind}")
        if before["attempts"] is not None and after["attempts"] > before["attempts"]:
            lease = Lease(item, after["epoch"])
            if lease not in self.blamed:
                self.breach("I7", f"{kind} burnt an attempt of {lease.worker}, which nobody is to blame for: {after['reason']}")
            if after["attempts"] > RETRY.max_attempts:
                self.breach("I7", f"{item} has burnt {after['attempts']} attempts")

    def _expired(self, lease: Lease) -> None:
        now, queue = self.world.kernel.here(), self.world.post.seats["queue"]
        if now < queue.since + TERMS.boot_grace:
            self.breach("0 FP", f"the lease of {lease.worker} ran out within 3H of the queue's start")
        for one in self.unfair:
            seen = one.until - max(one.since, queue.since) > LONG or one.since == one.until >= queue.since
            if one.until <= now < one.until + TERMS.boot_grace and seen and one.process in {None, queue.generation}:
                self.breach("0 FP", f"the lease of {lease.worker} ran out within 3H of {one.why}")
        agent, calm = self.agents.get(lease), self.calm_since
        if calm is not None and self.world.kernel.now > calm + 6 * H and agent and agent.alive and agent.hung_at is None:
            self.breach("0 FP", f"the lease of {lease.worker} ran out, which lives and is heard")

    def _accepted(self, lease: Lease, commit: str) -> None:
        agent = self.agents.get(lease)
        if agent is None or agent.script.said_done is None or commit != commit_of(lease):
            self.breach("I3", f"{lease.worker} has a result that it did not hand in")
            return
        if agent.script.said_done > self._numbers.get((lease.item, lease.epoch), 0):
            self.breach("I5", f"the result of {lease.worker} was accepted before all that its agent had told was stored")
        self._heads.setdefault(lease.item, []).append(commit)

    def _row(self, row: Row) -> None:
        fold = self._folds[row["id"]]
        if any(fold[name] != row[name] for name in LIFECYCLE):
            self.breach("I5", f"{row['id']} is {[row[name] for name in LIFECYCLE]}, its events say {list(fold.values())}")
        status, key = row["status"], (row["id"], row["epoch"])
        outbox = self.tables.outbox.get(key)
        if (status in {"assigned", "running"}) != (row["holder"] is not None and row["lease_until"] is not None):
            self.breach("I1", f"{row['id']} is {status} and held by {row['holder']}")
        if status == "publishing" and (outbox is None or outbox["done_at"] is not None):
            self.breach("I1", f"{row['id']} is being published without a row in the outbox")
        if status == "parked" and not row["condition"]:
            self.breach("I1", f"{row['id']} is parked and nothing opens it")
        if status == "completed" and not row["pr_url"]:
            self.breach("I1", f"{row['id']} is completed without a pull request")

    # -- statements and ports -----------------------------------------------------------------------------------------

    def watched(self, statements: Mapping[str, Statement]) -> dict[str, Statement]:
        """The same statements; one that was told an epoch may change that epoch's item only."""
        fenced = (
            "renew_leases",
            "start_work_items",
            "worker_starting",
            "end_lease",
            "accept_results",
            "publish_work_item",
            "reject_result",
        )
        return {**statements, **{name: self._fenced(name, statements[name]) for name in fenced}}

    def _fenced(self, name: str, statement: Statement) -> Statement:
        def run(tx: Transaction, bound: Mapping[str, Any]) -> list[Row]:
            before = tx.tables.items
            said = _said(bound)
            old = {item: before.get(item) for item, _ in said}
            rows = statement(tx, bound)
            for item, row in old.items():
                changed = row is not None and before[item] is not row
                if row is not None and (changed or (name == "worker_starting" and rows)) and (item, row["epoch"]) not in said:
                    self.breach("I3", f"{name} for {said} got through to {item} at epoch {row['epoch']}")
            return rows

        return run

    def granted(self, lease: Lease, repo: str, files: Sequence[str]) -> None:
        """A lock manager says yes."""
        for file in files:
            lock = self.tables.locks.get((repo, file))
            if lock is None or (lock["item"], lock["epoch"]) != (lease.item, lease.epoch):
                self.breach("I4", f"{file} was granted to {lease.worker} and is held by {lock and lock['worker_id']}")

    def acked(self, lease: Lease, number: int) -> None:
        if number > self._numbers.get((lease.item, lease.epoch), 0):
            self.breach("I5", f"event {number} of {lease.worker} was acknowledged and is not stored")

    def _made(self, agent: SimAgent) -> None:
        agent.acked = self.acked
        self.agents[agent.lease] = agent
        if agent.script.blamed:
            self.blamed.add(agent.lease)
        if self.tables.workers[agent.name]["public_key"] == "":
            self.breach("I6", f"{agent.name} is made and no row names its key")

    def _stopped(self, name: str) -> None:
        lease = parse_worker_id(name)
        row = self.tables.items[lease[0]] if lease else None
        if lease and row and row["epoch"] == lease[1] and row["status"] in {"assigned", "running"}:
            self.breach("0 kills", f"{name} is killed by {self.world.kernel.current.name} while its lease lives")

    def _pushed(self, branch: str, old: str | None, new: str) -> None:
        item = branch.removeprefix("factory/")
        if item not in self.tables.items or branch != branch_of(ItemId(item)):
            self.breach("I2", f"{branch} is no item's branch")
        if new not in self._heads.get(item, []):
            self.breach("I2", f"{new[:8]} is on {branch} and was not accepted")
        if old is not None and old not in self._heads.get(item, []):
            self.breach("I2", f"{old[:8]} on {branch} was somebody else's and is overwritten")

    def _opened(self, order: PullRequestOrder) -> None:
        if any(
            (known.repo, known.branch) == (order.repo, order.branch) or known.item == order.item for known in self.world.remote.requests
        ):
            self.breach("I2", f"{order.item} gets a second pull request")

    # -- at fixed times -----------------------------------------------------------------------------------------------

    def looked_at(self, *, calm: bool) -> None:
        """Locks, at every H. Their bound counts while nothing is wrong."""
        now, items = self.world.kernel.now, self.tables.items
        orphans = {key for key, lock in self.tables.locks.items() if not may_hold(items[lock["item"]], lock["epoch"])}
        self._orphaned = {key: self._orphaned.get(key, now) if calm else now for key in sorted(orphans)}
        late = [key for key, since in self._orphaned.items() if now - since > LOCK_BOUND]
        if late:
            self.breach("I4", f"{late} outlive their leases")

    def at_the_end(self) -> None:
        """After a quiet time: all has come to where it belongs."""
        for row in self.tables.items.values():
            self._ended(row)
        for name in sorted(self.world.host.workers):
            self.breach("I6", f"{name} is left over on the host")
        left = sorted(name for name in self.world.post.seats if name not in self.world.tree.fixed)
        if left or self.tables.locks:
            self.breach("I6", f"actors {left} and locks {sorted(self.tables.locks)} are left over")
        if sorted(self.world.results.iterdir()) and not self._waits_for_approval():
            kept = [path.name for path in self.world.results.iterdir()]
            self.world.kernel.note("spool", "keeps until it is swept", kept)
        for stream in self.tables.streams:
            self._chain(stream)

    def _waits_for_approval(self) -> bool:
        return any(row["status"] == "needs_approval" for row in self.tables.items.values())

    def _ended(self, row: Row) -> None:
        if row["status"] not in {"completed", "failed", "cancelled", "stuck", "needs_approval"}:
            self.breach("liveness", f"{row['id']} is still {row['status']} at epoch {row['epoch']}: {row['reason']}")
        if row["status"] == "completed":
            head = self.tables.attempts[row["id"], row["epoch"]]["head_commit"]
            at = self.world.remote.refs.get((row["repo"], f"factory/{row['id']}"))
            orders = [one for one in self.world.remote.requests if one.item == row["id"]]
            if at != head or len(orders) != 1:
                self.breach("I2", f"{row['id']} is completed with {head}, its branch is at {at}, it has {len(orders)} pull requests")

    def _chain(self, stream: str) -> None:
        previous = GENESIS
        for seq in range(1, self.tables.streams[stream]["seq"] + 1):
            row = self.tables.events.get((stream, seq))
            if row is None:
                self.breach("I5", f"{stream} has no event {seq}")
                return
            event = NewEvent(stream, row["type"], row["data"], row["tags"], row["metadata"], row["epoch"], row["number"])
            if trail.digest(event, seq, row["micros"], previous).hex() != row["hash"]:
                self.breach("I5", f"event {seq} of {stream} does not carry the hash that it should")
            previous = bytes.fromhex(row["hash"])


def _said(bound: Mapping[str, Any]) -> set[tuple[str, int]]:
    """The items and epochs that a statement was told."""
    if "items" in bound:
        return set(zip(bound["items"], bound["epochs"], strict=True))
    if "said" in bound:
        return {(said["item"], said["epoch"]) for said in bound["said"].obj}
    if "worker" in bound:
        return {(bound["worker"].rpartition("-")[0], bound["epoch"])}
    return {(bound["item"], bound["epoch"])}
