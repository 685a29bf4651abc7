"""What surrounds following, in memory: the forge as it is read, and what is known of its pull requests."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from factory.delivery_ports import Look, ReworkOrder, Tracked
from factory.domain.follow import Seen
from factory.domain.ids import Commit, ItemId
from tests.fakes.clock import ManualClock


@dataclass(slots=True)
class FakeReader:
    """A forge. `looks` and `merges` are what was asked of it; `trouble` may raise."""

    pulls: dict[int, Seen] = field(default_factory=dict)
    looks: list[tuple[int, int]] = field(default_factory=list)
    merges: list[tuple[int, Commit, str]] = field(default_factory=list)
    trouble: Callable[[], None] = lambda: None

    def look(self, repo: str, number: int, after_review: int) -> Seen:
        self.looks.append((number, after_review))
        self.trouble()
        return self.pulls[number]

    def merge(self, repo: str, number: int, head: Commit, way: str) -> None:
        self.merges.append((number, head, way))
        self.trouble()
        self.pulls[number] = replace(self.pulls[number], state="merged")


@dataclass(slots=True)
class FakeFollowStore:
    """Survives the actor, as a table does. A pull request is in it for as long as its item is in review."""

    clock: ManualClock
    rows: dict[ItemId, Tracked] = field(default_factory=dict)
    due_at: dict[str, float] = field(default_factory=dict)
    orders: dict[str, ReworkOrder] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def add(self, tracked: Tracked) -> None:
        self.rows[tracked.item] = tracked
        self.due_at[tracked.item] = self.clock.monotonic()

    def due(self, limit: int) -> list[Tracked]:
        now = self.clock.monotonic()
        return sorted((row for item, row in self.rows.items() if self.due_at[item] <= now), key=lambda row: self.due_at[row.item])[:limit]

    def looked(self, item: str, look: Look) -> None:
        self.said.append(look.sentence)
        self._set(item, digest=look.digest, unchanged=look.unchanged)
        self.due_at[item] = self.clock.monotonic() + look.delay

    def failed(self, item: str, sentence: str, delay: float) -> None:
        self.said.append(f"failed: {sentence}")
        self.due_at[item] = self.clock.monotonic() + delay

    def order_rework(self, item: str, head: Commit, order: ReworkOrder, review: int) -> None:
        known = self.orders.get(item)
        if known is None or known.head != head:
            row = self.rows[ItemId(item)]
            self.orders[item] = replace(order, branch=f"factory/{item}", heads=row.heads)
            self._set(item, review=max(review, row.review))

    def rework_of(self, item: str) -> ReworkOrder | None:
        return self.orders.get(item)

    def hint(self, repo: str, number: int) -> None:
        for item, row in self.rows.items():
            if (row.repo, row.number) == (repo, number):
                self.due_at[item] = self.clock.monotonic()
                self._set(item, unchanged=0)

    def _set(self, item: str, **changes: object) -> None:
        self.rows[ItemId(item)] = replace(self.rows[ItemId(item)], **changes)  # type: ignore[arg-type] # fields of it
