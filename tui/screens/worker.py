"""A worker: the attempt that it works on, with its own two clocks."""

from collections.abc import Sequence

from tui.columns import Cell, said, show_age, show_count
from tui.page import Line
from tui.pages import about_worker
from tui.screens.detail import DetailScreen
from tui.states import since, worker_state
from tui.world import Seen


class WorkerScreen(DetailScreen):
    """Keeps what was known last of a worker that is gone: its transcript is worth reading then."""

    what = "worker"

    def __init__(self, id: str, tab: str = "") -> None:  # noqa: A002 - as the rows name it
        super().__init__(id, tab)
        self._last: Seen | None = None

    @property
    def worker(self) -> Seen | None:
        """Its row, the last one where it is gone."""
        self._last = self.context.world.workers.get(self.subject, self._last)
        return self._last

    @property
    def item(self) -> str:
        worker = self.worker
        # A worker is named by its item and the attempt.
        item = str(worker.row.get("item") or "") if worker else self.subject.rpartition("-")[0]
        self.epoch = self.epoch or _epoch(worker, self.subject)
        return item

    def title_parts(self) -> Sequence[Cell]:
        worker, now = self.worker, self.context.clock()
        if worker is None:
            return [said(f"worker {self.subject}", "head"), Cell("gone; its log stays", "dim")]
        gone = self.subject not in self.context.world.workers
        state = "gone" if gone else worker_state(worker, self.context.patience, self.context.world.known(now))
        clocks = f"beat {show_age(since(worker, 'beat', now))}  progress {show_age(since(worker, 'progress', now))}"
        row = worker.row
        seen = self.seen_item()
        return [
            said(self.subject, "head"), self.state_cell(state, worker.age("age", now)), said(row.get("phase")),
            *([] if gone else [Cell(clocks, "dim")]), Cell(f"{show_count(row.get('tokens'))} tokens", "dim"),
            said(seen.row.get("title") if seen else ""),
        ]  # fmt: skip

    def own_fields(self, size: int) -> list[Line]:
        worker = self.worker
        return [*about_worker(worker.row, size), Line("")] if worker else []


def _epoch(worker: Seen | None, name: str) -> int:
    if worker is not None:
        return int(worker.row.get("epoch") or 0)
    last = name.rpartition("-")[2]
    return int(last) if last.isascii() and last.isdigit() else 0
