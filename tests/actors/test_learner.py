"""The learner on a real database: what it keeps, what it recalls, and what it finds again after it was away."""

from collections.abc import Sequence

import pytest

from actors.learner import LINES_A_TURN, LOOK_ROUND, Learner
from factory.integrations.hashing import Hashing
from factory.learning_ports import Embedder
from factory.protocol.learner_mail import Found, Recall, Recalled, Search
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.learnings import Learnings
from factory.storage.work_items import WorkItems
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox
from tests.learnings import published, result, rows, taken

ASKING = Lease("0123456789", 1)
MODEL = Hashing().model


@pytest.fixture
def mail() -> RecordingMailbox:
    return RecordingMailbox()


@pytest.fixture
def learner(database: Database, mail: RecordingMailbox) -> Learner:
    return made(database, mail)


class Watched(Hashing):
    """Keeps which texts it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return super().embed(texts)


def made(database: Database, mail: RecordingMailbox, embedder: Embedder | None = None) -> Learner:
    learner = Learner(
        mailbox=mail,
        clock=ManualClock(),
        store=Learnings(database),
        trail=EventReader(database),
        embedder=embedder or Hashing(),
        heartbeat=5.0,
    )
    learner.on_start()
    return learner


def recalled(learner: Learner, mail: RecordingMailbox, text: str, repo: str = "/repo", count: int = 10) -> tuple[str, ...]:
    learner.on_mail(Recall(ASKING, repo, text, count))
    (answer,) = [body for address, body in mail.take() if address == f"worker-{ASKING.worker}" and isinstance(body, Recalled)]
    assert answer.lease == ASKING
    return answer.learnings


def active(database: Database) -> list[str]:
    return [content for content, is_active, _, _ in rows(database) if is_active]


def test_a_published_learning_is_recalled_at_once_and_its_use_counted(
    learner: Learner, items: WorkItems, mail: RecordingMailbox, database: Database
) -> None:
    published(items, result(items, "run the tests with make test", "icons are in assets"))

    # No tick in between: whoever asks right after a publication must not be told less than is known.
    assert recalled(learner, mail, "run all the tests") == ("run the tests with make test", "icons are in assets")
    assert recalled(learner, mail, "draw icons", count=1) == ("icons are in assets",)
    assert recalled(learner, mail, "run all the tests", repo="/other") == ()
    assert sorted(count for *_, count in rows(database)) == [1, 2]


def test_where_nothing_was_learned_no_text_is_embedded_and_so_no_model_loaded(
    items: WorkItems, mail: RecordingMailbox, database: Database
) -> None:
    embedder = Watched()
    learner = made(database, mail, embedder)

    assert recalled(learner, mail, "run all the tests") == ()
    assert learner.on_mail(Search("", "tests", 5)) == Found(MODEL, ())
    assert embedder.texts == []

    published(items, result(items, "run the tests with make test"))
    assert recalled(learner, mail, "run all the tests", repo="/other") == ()
    assert embedder.texts == ["run the tests with make test"]
    assert recalled(learner, mail, "run all the tests") == ("run the tests with make test",)
    assert embedder.texts[1:] == ["run all the tests"]


def test_what_is_not_published_is_kept_and_not_recalled(
    learner: Learner, items: WorkItems, mail: RecordingMailbox, database: Database
) -> None:
    lease = result(items, "use make")
    learner.on_tick()
    assert rows(database) == [("use make", False, MODEL, 0)]
    assert recalled(learner, mail, "make") == ()

    published(items, lease)
    learner.on_tick()

    assert active(database) == ["use make"]


def test_what_happened_while_it_was_away_is_found_in_the_tables(items: WorkItems, mail: RecordingMailbox, database: Database) -> None:
    waiting = result(items, "kept later")
    published(items, result(items, "published before"))

    learner = made(database, mail)
    learner.on_tick()
    published(items, waiting)
    # Killed between its two steps: stored, and not yet activated.
    again = made(database, mail)
    again.on_tick()

    assert active(database) == ["kept later", "published before"]


def test_killed_before_it_stored_anything_it_starts_over_and_stores_once(
    items: WorkItems, mail: RecordingMailbox, database: Database
) -> None:
    learner = made(database, mail)
    published(items, result(items, "use make"))
    other = made(database, mail)

    learner.on_tick()
    other.on_tick()

    assert rows(database) == [("use make", True, MODEL, 0)]


def test_many_results_are_taken_over_several_turns(items: WorkItems, mail: RecordingMailbox, database: Database) -> None:
    for number in range(4):
        published(items, result(items, *(f"lesson {number} of {line}" for line in range(40))))
    learner = made(database, mail)

    learner.on_tick()
    assert LINES_A_TURN <= len(rows(database)) < 160
    learner.on_tick()
    learner.on_tick()

    assert len(active(database)) == 160


def test_a_look_round_finds_what_no_event_told_of(learner: Learner, items: WorkItems, database: Database) -> None:
    published(items, result(items, "use make"))
    learner.on_tick()
    with database.transaction() as cursor:
        cursor.execute("UPDATE learnings SET active = false")

    for _ in range(LOOK_ROUND):
        learner.on_tick()

    assert active(database) == ["use make"]


def test_learnings_of_another_model_get_a_vector_of_this_one(items: WorkItems, mail: RecordingMailbox, database: Database) -> None:
    store = Learnings(database)
    for number in range(2):
        taken(store, published(items, result(items, *(f"lesson {number} of {line}" for line in range(45)))), model="another")
    store.settle(store.unsettled(10))
    learner = made(database, mail)
    assert recalled(learner, mail, "lesson") == ()

    learner.on_tick()
    learner.on_tick()

    assert {model for _, _, model, _ in rows(database)} == {MODEL}
    assert len(recalled(learner, mail, "lesson")) == 10


def test_a_worker_that_has_left_uses_nothing(learner: Learner, items: WorkItems, mail: RecordingMailbox, database: Database) -> None:
    published(items, result(items, "use make"))
    mail.full = {f"worker-{ASKING.worker}"}

    learner.on_mail(Recall(ASKING, "/repo", "make", 10))

    assert rows(database) == [("use make", True, MODEL, 0)]


def test_a_search_names_the_model_and_how_near_each_is(learner: Learner, items: WorkItems, database: Database) -> None:
    published(items, result(items, "run the tests with make test", "icons are in assets"))
    learner.on_tick()

    found = learner.on_mail(Search("", "run the tests with make test", 1))

    assert isinstance(found, Found)
    assert (found.model, [one.content for one in found.learnings]) == (MODEL, ["run the tests with make test"])
    assert found.learnings[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert {count for *_, count in rows(database)} == {0}
