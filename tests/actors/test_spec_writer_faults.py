"""The spec writer where answers are none, items change meanwhile, and its process ends: still one spec for each item."""

import pytest

from actors.spec_writer import MOST_TRIES
from factory.errors import FactoryError
from factory.protocol.issue_mail import Questioned, Reworded, Specified
from factory.protocol.mailbox import Ok
from factory.spec_ports import BadSpec
from tests.actors.spec_site import ASKED, COST, LONG, WRITTEN, SpecSite


@pytest.fixture
def site(spec_site: SpecSite) -> SpecSite:
    return spec_site


def words(site: SpecSite) -> list[Specified | Questioned]:
    return [mail for address, mail in site.mail.asked if address == "queue"]


# -- answers that are none --------------------------------------------------------------------------------------------


def test_an_answer_that_is_none_is_complained_about_and_then_better(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives += [BadSpec("The answer is no JSON.", COST), WRITTEN]
    site.settle()

    site.tick(LONG)
    site.finish()

    assert [order.complaint for order in site.writer.orders] == ["", "The answer is no JSON."]
    failed, *_ = site.trail(item)
    assert (failed.data["why"], failed.data["output_tokens"], failed.data["answered"]) == ("The answer is no JSON.", 200, True)
    assert site.status(item) == "queued"


def test_after_some_of_them_the_item_gets_a_plain_spec_also_when_the_process_ended_in_between(site: SpecSite) -> None:
    item = site.item("- say hello\n- say bye\n")
    site.writer.gives += [BadSpec(f"It is no spec, {number}.") for number in range(MOST_TRIES)]

    for _ in range(MOST_TRIES + 1):
        site.made()
        site.tick(LONG)
        site.finish()

    assert len(site.writer.orders) == MOST_TRIES
    assert "This is a plain spec: its tasks are the list items" in str(site.row(item)["spec"])
    assert len(site.trail(item, "SPEC.DRAFTED.FAILED")) == MOST_TRIES


# -- what changes meanwhile -------------------------------------------------------------------------------------------


def test_what_was_written_for_a_text_that_was_changed_meanwhile_is_for_nobody(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives += [WRITTEN, WRITTEN]
    site.writer.may.clear()
    site.tick()
    assert site.heard(Reworded(item, "the issue was edited", "-old\n+new")) == Ok()
    site.reopen(item)

    site.writer.may.set()
    site.finish()
    site.settle()

    assert len(site.writer.orders) == 2
    assert site.status(item) == "queued"
    assert [event.type for event in site.trail(item)] == ["SPEC.DRAFTED.SUCCESS", "SPEC.WRITTEN.SUCCESS"]


def test_an_item_that_was_cancelled_meanwhile_gets_nothing(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives.append(WRITTEN)
    site.writer.may.clear()
    site.tick()
    with site.database.transaction() as cursor:
        cursor.execute("UPDATE work_items SET status = 'cancelled', condition = NULL WHERE id = %s", (item,))

    site.writer.may.set()
    site.finish()
    site.settle()

    assert (site.status(item), words(site), site.trail(item)) == ("cancelled", [], [])


# -- a process that ends ----------------------------------------------------------------------------------------------


class Ended(BaseException):
    """The process is gone here."""


@pytest.mark.parametrize(
    "place",
    ["before the model answers", "before it is kept", "before the queue hears", "after the queue heard", "during an answer that is none"],
)
def test_wherever_the_process_ends_there_is_one_spec_and_a_kept_answer_is_paid_for_once(
    site: SpecSite, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    item = site.item()
    site.writer.gives += [WRITTEN, WRITTEN]
    store = site.actor._store

    def ends(*_: object, **__: object) -> None:
        raise Ended

    def hears_and_ends(mail: Specified) -> object:
        site.heard(mail)
        raise Ended

    match place:
        case "before the model answers":
            site.writer.may.clear()
        case "before it is kept":
            monkeypatch.setattr(store, "keep", ends)
        case "before the queue hears":
            site.mail.answers["queue"] = ends
        case "after the queue heard":
            site.mail.answers["queue"] = hears_and_ends
        case _:
            site.writer.gives.insert(0, BadSpec("none", COST))
            monkeypatch.setattr(store, "failed", ends)
    try:
        site.tick()
        if place != "before the model answers":
            site.finish()
    except Ended:
        pass

    site.mail.answers["queue"] = site.heard
    site.made()
    site.writer.may.set()
    site.settle()
    site.tick(LONG)
    site.finish()

    assert (site.status(item), site.row(item)["spec"]) == ("queued", WRITTEN.finished.spec)
    assert [event.type for event in site.trail(item)] == ["SPEC.DRAFTED.SUCCESS", "SPEC.WRITTEN.SUCCESS"]
    assert len(site.writer.orders) == (1 if "queue" in place else 2)


def test_questions_that_were_kept_are_handed_on_by_the_next_process(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives.append(ASKED)
    del site.mail.answers["queue"]
    site.settle()

    site.mail.answers["queue"] = site.heard
    site.made()
    site.settle()

    assert (site.status(item), len(site.writer.orders)) == ("needs_approval", 1)


def test_an_error_that_nobody_expects_ends_the_actor(site: SpecSite) -> None:
    site.item()
    site.writer.gives.append(FactoryError("a bug"))

    with pytest.raises(FactoryError, match="a bug"):
        site.settle()
