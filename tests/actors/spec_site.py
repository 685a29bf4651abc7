"""A spec writer on a real database, with the queue's own store behind its mail and a writer that does as it is told."""

import random
import threading
from collections.abc import Iterator, Sequence

import pytest

from actors.background import Background
from actors.spec_writer import LOOK_SECONDS, SpecWriterActor
from factory.domain.spec_draft import Finished
from factory.errors import FactoryError
from factory.protocol.issue_mail import IssueWord, Reopened
from factory.protocol.learner_mail import Found
from factory.protocol.mailbox import Ok, Refused
from factory.protocol.spec_mail import ShownRepository
from factory.spec_ports import Cost, SpecOrder, SpecWriter, Written
from factory.storage.database import Database
from factory.storage.events import EventReader, StoredEvent
from factory.storage.specs import Specs
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.waiting import eventually
from tests.work import order, store

COST = Cost("m", 1_000, 200)
WRITTEN = Written(Finished("Greet people", "# Greet people\n\n- [ ] say hello\n", ("greet.py",)), "m", COST)
ASKED = Written(Finished("Greet people", questions=("Which language?",)), "m", COST)
SHOWN = ShownRepository("c" * 40, ("greet.py",), (("README.md", "Read me"),), ("First",))
FOUND = Found("hashing", ())
LONG = 4_000.0
"""Seconds after which every backoff is over."""


class Writer:
    """Gives what it was told to, once it may. Without anything left to give it fails the test."""

    reads_repository = True

    def __init__(self) -> None:
        self.gives: list[Written | FactoryError | OSError] = []
        self.orders: list[SpecOrder] = []
        self.may = threading.Event()
        self.may.set()

    def write(self, order: SpecOrder) -> Written:
        self.orders.append(order)
        assert self.may.wait(60)
        given = self.gives.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


class SpecSite:
    """The actor, called directly, and what stands around it."""

    def __init__(self, database: Database) -> None:
        self.database, self.items = database, store(database)
        self.clock, self.mail, self.writer = ManualClock(), RecordingMailbox(), Writer()
        self.mail.answers |= {"queue": self.heard, "delivery": lambda _: SHOWN, "learner": lambda _: FOUND}
        self.actors: list[SpecWriterActor] = []
        self.actor = self.made()

    def made(self, writer: SpecWriter | None = None) -> SpecWriterActor:
        """Another process of the same actor, that knows nothing of the one before."""
        actor = SpecWriterActor(
            mailbox=self.mail,
            clock=self.clock,
            store=Specs(self.database),
            writer=writer or self.writer,
            background=Background(2),
            dice=random.Random(1),
        )
        self.actors.append(actor)
        self.actor = actor
        return actor

    def heard(self, word: IssueWord) -> Ok | Refused:
        with self.items.round() as round_:
            heard = round_.hear(word)
        return Refused(heard.refused, "conflict") if heard.refused else Ok()

    def reopen(self, item: str, by: str = "ann") -> None:
        assert self.heard(Reopened(item, by)) == Ok()

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, seconds: float = LOOK_SECONDS) -> None:
        self.clock.advance(seconds)
        self.actor.on_tick()

    def settle(self) -> None:
        """Ticks, and waits for everything that was begun by it."""
        self.tick()
        self.finish()

    def finish(self) -> None:
        def over() -> bool:
            (source,) = self.actor.sources()
            self.actor.on_ready(source)
            return self.actor._jobs.busy == 0

        eventually(over, 30)

    # -- items --------------------------------------------------------------------------------------------------------

    def item(self, body: str | None = "Please say hello.", title: str = "Greet people", **changes: object) -> str:
        submit = order(spec="", needs_spec=True, title=title, source="github", **changes)
        with self.items.round() as round_:
            assert round_.submit(submit) is None
        if body is not None:
            insert_issue(self.database, submit.item, title, body)
        return submit.item

    def row(self, item: str) -> dict[str, object]:
        with self.database.transaction() as cursor:
            found = cursor.execute("SELECT * FROM work_items WHERE id = %s", (item,)).fetchone()
        assert found is not None
        return found

    def status(self, item: str) -> str:
        return str(self.row(item)["status"])

    def trail(self, item: str, kind: str = "SPEC.") -> Sequence[StoredEvent]:
        return [event for event in EventReader(self.database).stream(f"item:{item}") if event.type.startswith(kind)]


@pytest.fixture
def spec_site(database: Database) -> Iterator[SpecSite]:
    made = SpecSite(database)
    yield made
    made.writer.may.set()
    for actor in made.actors:
        actor.on_stop()


def insert_issue(database: Database, item: str, title: str, body: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO issues (key, source, source_id, repo, number, url, item, state, title, body, seen_title, seen_body)"
            " VALUES (%(key)s, 'github', 'owner/repo#12', 'owner/repo', 12, 'https://example.org/12', %(item)s,"
            " 'accepted', %(title)s, %(body)s, '', '')",
            {"key": f"github:{item}", "item": item, "title": title, "body": body},
        )
