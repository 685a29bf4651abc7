"""Items that wait for their spec, on a real database: only those, in their order, and nothing kept for those that wait no more."""

import pytest

from factory.domain.spec import MAX_SPEC_BYTES
from factory.domain.spec_draft import Finished
from factory.protocol.commands import Switch
from factory.protocol.issue_mail import Questioned, Reopened, Reworded, Specified
from factory.spec_ports import Cost, Waiting, Written
from factory.storage.database import Database
from factory.storage.events import EventReader
from factory.storage.limits import LimitStore
from factory.storage.specs import Specs
from factory.storage.work_items import WorkItems
from tests.actors.spec_site import insert_issue
from tests.work import order, submitted

WRITTEN = Written(Finished("T", "# T\n\n- [ ] do\n", ("a.py",)), "m", Cost("m", 10, 5, 70))

LATER = Written(Finished("T", "# T\n\n- [ ] do more\n"), "m")


@pytest.fixture
def specs(database: Database) -> Specs:
    return Specs(database)


def waits(items: WorkItems, **changes: object) -> str:
    submit = order(spec="", needs_spec=True, **changes)
    with items.round() as round_:
        assert round_.submit(submit) is None
    return submit.item


def hears(items: WorkItems, mail: Specified | Questioned | Reopened | Reworded) -> str:
    with items.round() as round_:
        return round_.hear(mail).refused


def one(specs: Specs) -> Waiting:
    (waiting,) = specs.waiting(10)
    return waiting


def test_only_items_that_wait_are_found_the_more_urgent_first(items: WorkItems, specs: Specs) -> None:
    submitted(items)
    late, soon = waits(items, priority=3), waits(items, priority=0)

    assert [waiting.item for waiting in specs.waiting(10)] == [soon, late]
    assert [waiting.item for waiting in specs.waiting(1)] == [soon]


def test_an_item_is_found_with_its_issue(items: WorkItems, specs: Specs, database: Database) -> None:
    item = waits(items, repo="/srv/r.git", base_branch="dev", source="github", source_id="owner/repo#12/2")
    insert_issue(database, item, "Greet", "Please.")

    waiting = one(specs)

    assert (waiting.item, waiting.repo, waiting.base_branch, waiting.written, waiting.bad) == (item, "/srv/r.git", "dev", None, 0)
    issue = waiting.issue
    assert (issue.name, issue.title, issue.body, issue.url) == ("owner/repo#12", "Greet", "Please.", "https://example.org/12")
    assert (issue.asked, issue.rounds) == ((), 0)


def test_what_was_written_is_kept_once_until_it_is_handed_on(items: WorkItems, specs: Specs, database: Database) -> None:
    item = waits(items)
    waiting = one(specs)

    assert specs.keep(waiting, WRITTEN)
    assert specs.keep(waiting, WRITTEN)

    assert one(specs).written == WRITTEN
    trail = EventReader(database)
    assert [event.type for event in trail.stream(f"item:{item}")] == ["WORK_ITEM.ENQUEUED.SUCCESS", "SPEC.DRAFTED.SUCCESS"]
    assert trail.verify(f"item:{item}") is None


def test_questions_are_counted_and_what_was_written_before_them_is_for_nobody(items: WorkItems, specs: Specs) -> None:
    item = waits(items)
    before = one(specs)
    assert specs.keep(before, WRITTEN)
    assert not hears(items, Questioned(item, ("Which?", "When?")))
    assert specs.waiting(10) == []
    assert not hears(items, Reopened(item, "ann"))

    waiting = one(specs)

    assert (waiting.written, waiting.issue.asked, waiting.issue.rounds) == (None, ("Which?", "When?"), 1)
    assert waiting.since > before.since
    assert not specs.keep(before, WRITTEN)
    assert one(specs).written is None
    assert specs.keep(waiting, LATER)
    assert one(specs).written == LATER


def test_nothing_is_kept_for_an_item_that_has_its_spec(items: WorkItems, specs: Specs) -> None:
    item = waits(items)
    waiting = one(specs)
    assert not hears(items, Specified(item, "T", WRITTEN.finished.spec))

    assert not specs.keep(waiting, WRITTEN)
    specs.failed(waiting, "too late", Cost(), answered=True)

    assert specs.waiting(10) == []


def test_answers_that_were_none_are_counted_and_outages_are_not(items: WorkItems, specs: Specs) -> None:
    waits(items)
    specs.failed(one(specs), "busy", Cost(), answered=False)
    specs.failed(one(specs), "no JSON", Cost("m", 1, 2), answered=True)

    assert one(specs).bad == 1


def test_a_spec_of_any_size_is_kept_and_the_trail_stays_short(items: WorkItems, specs: Specs, database: Database) -> None:
    item = waits(items)
    long = Written(Finished("T", "x" * MAX_SPEC_BYTES), "spec_command")

    assert specs.keep(one(specs), long)

    assert one(specs).written == long
    assert all(len(str(event.data)) < 500 for event in EventReader(database).stream(f"item:{item}"))


@pytest.mark.parametrize("part", ["intake", "dispatch"])
def test_while_an_operator_has_paused_the_factory_nothing_is_written(items: WorkItems, specs: Specs, database: Database, part) -> None:
    item, limits = waits(items), LimitStore(database)
    limits.switch(Switch("c1", "pause", (part,), "ann"))
    assert specs.waiting(10) == []

    limits.switch(Switch("c2", "resume", (part,), "ann"))

    assert one(specs).item == item


def test_a_change_of_priority_is_no_reason_to_write_it_again(items: WorkItems, specs: Specs, database: Database) -> None:
    item = waits(items)
    waiting = one(specs)
    with database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET version = version + 1, priority = 0 WHERE id = %s", (item,))

    assert specs.keep(waiting, WRITTEN)


def test_a_word_from_before_the_item_waited_anew_is_about_another_text(items: WorkItems, specs: Specs) -> None:
    item = waits(items)
    before = one(specs)
    assert specs.keep(before, WRITTEN)
    # Between keeping and telling: the text is changed, and somebody stands for it as it is now.
    assert not hears(items, Reworded(item, "changed", "-red\n+blue"))
    assert not hears(items, Reopened(item, "ann"))

    assert (
        hears(items, Specified(item, "T", WRITTEN.finished.spec, since=before.since)) == f"{item} waits for the spec of another text by now"
    )
    assert "another text" in hears(items, Questioned(item, ("Which?",), since=before.since))

    again = one(specs)
    assert not hears(items, Specified(item, "T", WRITTEN.finished.spec, since=again.since))
    # Its answer was lost: said again it changes nothing.
    assert not hears(items, Specified(item, "T", WRITTEN.finished.spec, since=again.since))
