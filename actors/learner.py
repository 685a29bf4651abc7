"""The learner: keeps what attempts learnt, and gives the best of it to those that come after.

It decides nothing that must not be lost: results and statuses are in the tables, so whatever it missed it finds there. A factory
whose learner is away works on without learnings.
"""

import logging
from collections.abc import Sequence
from typing import Any

from actors.base import FactoryActor
from actors.durable import durably
from factory.domain.ids import WorkerId, worker_actor
from factory.domain.learning import MOST_FOUND, Candidate, accept, rank
from factory.learning_ports import Embedder, HandedIn, LearningStore, Taking
from factory.ports import Clock, Mailbox
from factory.protocol.learner_mail import Found, FoundLearning, Recall, Recalled, Search
from factory.view_ports import Trail

log = logging.getLogger(__name__)

_ITEM = "item:"

LOOK_ROUND = 120
"""Ticks between two looks at all tables: what the trail told of is done by then, so it only mends what nobody thought of."""

ITEMS_A_LOOK = 200
"""Items found by one look; where there are more, the next tick looks again."""

LINES_A_TURN = 64
"""Lines embedded in one turn, and a single result may have 50: a second or two on a busy machine, in which a recall waits."""

CHOICE = 4
"""Times the count that is asked for is read from the store, since repeats are folded and equals ordered afterwards."""


class Learner(FactoryActor):
    """Follows the trail for items that changed, and settles each of them from the tables."""

    def __init__(self, *, mailbox: Mailbox, clock: Clock, store: LearningStore, trail: Trail, embedder: Embedder, heartbeat: float) -> None:
        super().__init__(mailbox=mailbox, clock=clock)
        self._store, self._trail, self._embedder = store, trail, embedder
        self._place: Any = None
        self._due: dict[str, None] = {}
        self._ticks = 0
        # Only this actor embeds, so once none of another model is left, none comes.
        self._renewed: int | None = 0
        self.tick_every = heartbeat / 2

    def on_start(self) -> None:
        log.info("learnings are compared by %s", self._embedder.model)
        # Marked before looking: what is committed in between is seen twice, never not at all.
        self._place = self._durably(self._trail.mark)
        self._look()

    def on_tick(self) -> None:
        self._ticks += 1
        if self._ticks % LOOK_ROUND == 0:
            self._look()
        self._catch_up()
        self._renew()

    def on_mail(self, mail: Any) -> Found | None:
        match mail:
            case Recall():
                self._recall(mail)
            case Search(repo, text, count):
                return Found(self._embedder.model, tuple(self._nearest(repo, text, count)))
        return None

    # -- recalling ----------------------------------------------------------------------------------------------------

    def _recall(self, mail: Recall) -> None:
        self._catch_up()
        found = self._nearest(mail.repo, mail.text, mail.count)
        answer = Recalled(mail.lease, tuple(one.content for one in found))
        told = self.mailbox.tell(worker_actor(WorkerId(mail.lease.worker)), answer)
        if told and found:
            self._durably(lambda: self._store.used([one.id for one in found]))

    def _nearest(self, repo: str, text: str, count: int) -> list[FoundLearning]:
        # Its model is loaded with the first text: a third of a second and many megabytes, for nothing where nothing was learned yet.
        if not self._durably(lambda: self._store.has_active(repo, self._embedder.model)):
            return []
        (vector,) = self._embedder.embed([text])
        wanted = min(count, MOST_FOUND)
        found = self._durably(lambda: self._store.nearest(repo, vector, self._embedder.model, CHOICE * wanted))
        by_number = {one.id: one for one in found}
        return [by_number[best.number] for best in rank(map(_candidate, found), wanted)]

    # -- keeping ------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        items = self._durably(lambda: self._store.unsettled(ITEMS_A_LOOK))
        self._due.update(dict.fromkeys(items))

    def _catch_up(self) -> None:
        while True:
            place, events = self._durably(lambda: self._trail.after(self._place))
            if not events:
                break
            self._place = place
            self._due.update((event.stream.removeprefix(_ITEM), None) for event in events if event.stream.startswith(_ITEM))
        self._work()

    def _work(self) -> None:
        """Takes and settles items until a turn's worth is done; the rest waits for the next turn."""
        items = list(self._due)[:ITEMS_A_LOOK]
        if not items:
            return
        lines = 0
        for handed in self._durably(lambda: self._store.handed_in(items)):
            if lines >= LINES_A_TURN:
                break
            lines += len(handed.lines)
            self._keep(handed)
        self._durably(lambda: self._store.settle(items))
        if lines < LINES_A_TURN:
            for item in items:
                del self._due[item]

    def _keep(self, handed: HandedIn) -> None:
        kept, refused = accept(handed.lines)
        taking = Taking(handed, self._embedder.model, tuple(zip(kept, self._embed(kept), strict=True)), refused)
        if self._durably(lambda: self._store.take(taking)) and (kept or refused):
            log.info("%s left %d learnings, %d were refused", handed.lease.worker, len(kept), len(refused))

    def _renew(self) -> None:
        """Gives learnings of another model a vector of this one, some at each tick: until then they are not found."""
        if self._renewed is None or self._due:
            return
        after = self._renewed
        old = self._durably(lambda: self._store.of_another_model(self._embedder.model, after, LINES_A_TURN))
        self._renewed = old[-1][0] if old else None
        if old:
            vectors = self._embed([content for _, content in old])
            numbered = [(number, vector) for (number, _), vector in zip(old, vectors, strict=True)]
            self._durably(lambda: self._store.embed(self._embedder.model, numbered))

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embedder.embed(texts) if texts else []

    def _durably(self, work: Any) -> Any:
        return durably(work, what="the learner")


def _candidate(found: FoundLearning) -> Candidate:
    return Candidate(found.id, found.content, found.similarity, found.created_at, found.use_count)
