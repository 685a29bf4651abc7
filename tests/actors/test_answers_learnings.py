"""What operators are told of learnings and of what attempts took, on a real database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.answers import About, Answers
from factory.protocol.attempt_mail import Finish
from factory.protocol.commands import Query, Reply, Steer
from factory.protocol.learner_mail import Found, FoundLearning, Search
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.learnings import Learnings
from factory.storage.views import Views
from factory.storage.work_items import WorkItems
from tests.learnings import MODEL, published, result, taken
from tests.work import done, finish, running

FOUND = Found(MODEL, (FoundLearning(7, "use make", "/srv/app.git", "0123456789", 2, 5.0, 0.75),))


def made(database: Database, folder: Path, search: Callable[[Search], Found | None]) -> Answers:
    about = About("instance", "1.0", "confined", folder)
    return Answers(Views(database), EventReader(database), about, lambda: 1.0, lambda: None, search=search)


@pytest.fixture
def asked() -> list[Search]:
    return []


@pytest.fixture
def answers(database: Database, tmp_path: Path, asked: list[Search]) -> Answers:
    def search(mail: Search) -> Found:
        asked.append(mail)
        return FOUND

    return made(database, tmp_path, search)


def ask(answers: Answers, what: str, target: str = "", text: str = "") -> Reply:
    return answers.answer(Query(what, target, text=text))  # type: ignore[arg-type]  # one of the literals


def view(answers: Answers, what: str, target: str = "", text: str = "") -> dict[str, Any]:
    reply = ask(answers, what, target, text)
    assert reply.code == "ok", reply.reason
    data: dict[str, Any] = reply.data
    return data


def learnt(items: WorkItems, database: Database, repo: str, text: str) -> None:
    lease = published(items, result(items, text, repo=repo))
    store = Learnings(database)
    taken(store, lease)
    store.settle([lease.item])


def test_learnings_are_listed_with_where_they_come_from_the_newest_first(answers: Answers, items: WorkItems, database: Database) -> None:
    learnt(items, database, "/srv/app.git", "use make")
    learnt(items, database, "/srv/lib.git", "be kind")

    rows = view(answers, "learnings")["learnings"]

    assert [(row["content"], row["repo"], row["active"], row["model"]) for row in rows] == [
        ("be kind", "/srv/lib.git", True, MODEL), ("use make", "/srv/app.git", True, MODEL),
    ]  # fmt: skip
    assert rows[0]["worker"] == f"{rows[0]['item']}-1"


@pytest.mark.parametrize("named", ["/srv/app.git", "app", "app.git", "srv/app", "/srv/app.git/"])
def test_a_repository_is_named_by_its_address_or_the_end_of_it(
    answers: Answers, items: WorkItems, database: Database, asked: list[Search], named: str
) -> None:
    learnt(items, database, "/srv/app.git", "use make")
    learnt(items, database, "/srv/snapp.git", "be kind")

    assert [row["content"] for row in view(answers, "learnings", named)["learnings"]] == ["use make"]
    view(answers, "learnings", named, "how to build")
    assert asked == [Search("/srv/app.git", "how to build", 100)]


def test_an_end_that_fits_several_repositories_is_refused_with_them(answers: Answers, items: WorkItems, database: Database) -> None:
    learnt(items, database, "/srv/a/app.git", "use make")
    learnt(items, database, "https://example.org/b/app", "be kind")

    reply = ask(answers, "learnings", "app")

    assert reply.code == "not_found"
    assert "/srv/a/app.git or https://example.org/b/app" in reply.reason
    assert view(answers, "learnings", "b/app")["learnings"][0]["content"] == "be kind"


def test_a_repository_without_learnings_has_none(answers: Answers) -> None:
    assert view(answers, "learnings", "/nowhere")["learnings"] == []


def test_what_the_learner_finds_is_shown_with_its_model(answers: Answers) -> None:
    shown = view(answers, "learnings", text="make")

    assert (shown["model"], shown["learnings"][0]["content"], shown["learnings"][0]["similarity"]) == (MODEL, "use make", 0.75)


def test_a_learner_that_is_away_is_said_in_a_sentence(database: Database, tmp_path: Path) -> None:
    reply = ask(made(database, tmp_path, lambda _: None), "learnings", text="make")

    assert (reply.code, "learner does not answer" in reply.reason) == ("unavailable", True)


def test_stats_count_what_was_tried_and_what_came_of_it(answers: Answers, items: WorkItems) -> None:
    published(items, result(items, repo="/one"))
    red = running(items, repo="/one")
    finish(items, Finish(red, 0, "gate", "red", iterations=2, tokens=9))
    # Else it would be the next one to be claimed.
    with items.round() as round_:
        round_.steer(Steer("cancel-1", "cancel", red.item, "me"))
    finish(items, done(running(items, repo="/two")))
    finish(items, Finish(running(items, repo="/one"), 0, "given_back", "the factory was stopped", iterations=1))

    stats = view(answers, "stats")

    one, two = stats["repos"]
    assert (one["repo"], one["items"], one["attempts"], one["published"], one["success_rate"]) == ("/one", 3, 2, 1, 0.5)
    assert (one["iterations"], one["tokens"], one["files_changed"]) == (6, 14, 1)
    assert (two["repo"], two["attempts"], two["published"], two["success_rate"]) == ("/two", 1, 0, 0.0)
    assert (stats["total"]["repo"], stats["total"]["items"], stats["total"]["attempts"]) == (None, 4, 3)


def test_an_attempt_that_an_operator_ended_counts_too(answers: Answers, items: WorkItems) -> None:
    lease = running(items)

    with items.round() as round_:
        reply, _ = round_.steer(Steer("kill-1", "kill", lease.item, "me"))

    assert reply.code == "ok"
    assert (view(answers, "stats")["total"]["attempts"], view(answers, "stats")["total"]["published"]) == (1, 0)


def test_stats_of_a_factory_that_did_nothing_are_zeros(answers: Answers) -> None:
    stats = view(answers, "stats")

    assert stats["repos"] == []
    assert (stats["total"]["items"], stats["total"]["tokens"], stats["total"]["success_rate"]) == (0, 0, None)
