"""Whose label counts, and what a history says."""

import pytest

from factory.domain.issue_trust import (
    NOBODY,
    Evidence,
    Happening,
    Person,
    edited_after,
    last_ended,
    last_labelled,
    must_ask_for_edits,
    objection,
    was_labelled,
    who_matters,
)

WANDA, RUDI, BOT = Person("wanda", 1), Person("rudi[bot]", 2), Person("bot", 3, is_program=True)
ASKS, DOING = "ai-factory", "ai-factory-processing"


def did(kind: str, number: int, who: Person = WANDA, label: str = "", **more: float) -> Happening:
    return Happening(kind, number, more.pop("at", float(number)), who, label, **more)  # type: ignore[arg-type] # of these it takes one


@pytest.mark.parametrize(
    ("who", "permission", "counts"),
    [
        (WANDA, "admin", True), (WANDA, "write", True), (WANDA, "maintain", True), (WANDA, "read", False), (WANDA, "triage", False),
        (WANDA, "none", False), (WANDA, "", False), (RUDI, "write", True), (BOT, "admin", False), (NOBODY, "admin", False),
    ],
)  # fmt: skip
def test_a_person_who_may_write_counts_and_a_program_does_not(who, permission, counts) -> None:
    assert (objection(who, permission, frozenset()) == "") is counts


def test_a_program_that_is_named_by_its_number_counts() -> None:
    assert objection(BOT, "none", frozenset({3})) == ""
    assert "whose number 3 is not among" in objection(BOT, "write", frozenset({4}))


def test_only_a_label_that_still_stands_was_put_on() -> None:
    on, off, again = did("labeled", 1, label=ASKS), did("unlabeled", 2, label=ASKS), did("labeled", 3, RUDI, ASKS.upper())

    assert last_labelled([on], ASKS) == on
    assert last_labelled([on, off], ASKS) is None
    assert last_labelled([on, off, again, did("labeled", 4, label="bug")], ASKS) == again
    assert (was_labelled([off], ASKS), was_labelled([on, off], ASKS)) == (False, True)


def test_closing_counts_until_it_is_opened_again_and_labels_until_one_of_them_stands() -> None:
    closed, opened = did("closed", 5), did("reopened", 6)
    on, swapped, off = did("labeled", 1, label=ASKS), did("labeled", 2, label=DOING), did("unlabeled", 3, label=ASKS)
    taken = did("unlabeled", 4, RUDI, DOING)
    names = (ASKS, DOING)

    assert last_ended([on, closed], names) == closed
    assert last_ended([on, closed, opened], names) is None
    assert last_ended([on, swapped, off], names) is None
    assert last_ended([on, swapped, off, taken], names) == taken
    assert last_ended([], names) is None


@pytest.mark.parametrize(
    ("later", "updated_at", "edited"),
    [
        ([], 10.0, False), ([], 11.0, False), ([], 60.0, True), ([did("renamed", 2, at=10.0)], 10.0, True),
        ([did("renamed", 2, at=5.0)], 10.0, False),
        ([did("commented", 2, at=60.0)], 60.0, False), ([did("commented", 2, at=60.0)], 90.0, True),
        ([did("commented", 2, at=60.0, changed_at=90.0)], 90.0, False), ([did("assigned", 2, at=60.0)], 60.0, False),
    ],
)  # fmt: skip
def test_what_the_history_does_not_explain_may_be_another_text(later, updated_at, edited) -> None:
    labelled = did("labeled", 1, label=ASKS, at=10.0)

    assert edited_after(Evidence((labelled, *later), body_changed_at=0.0), labelled, updated_at) is edited


@pytest.mark.parametrize(
    ("later", "updated_at", "changed_at", "edited"),
    [
        # Whatever happened afterwards: an edit between the label and a writer's own comment.
        ([did("commented", 2, at=60.0)], 60.0, 30.0, True), ([did("commented", 2, at=60.0)], 60.0, 10.0, True),
        ([did("commented", 2, at=60.0)], 60.0, 9.0, False), ([], 11.0, 11.0, True), ([], 10.0, 10.0, False), ([], 60.0, 9.0, True),
        # Nobody tells.
        ([did("commented", 2, at=60.0)], 60.0, None, True), ([], 12.0, None, False), ([], 13.0, None, True),
    ],
)  # fmt: skip
def test_what_tells_when_the_body_was_changed_rules_out_what_an_act_of_a_writer_covers_up(later, updated_at, changed_at, edited) -> None:
    """S2: edit before the look."""
    labelled = did("labeled", 1, label=ASKS, at=10.0)

    assert edited_after(Evidence((labelled, *later), body_changed_at=changed_at), labelled, updated_at) is edited


def test_it_is_asked_for_only_where_a_label_that_was_not_followed_yet_is_older_than_the_issue() -> None:
    on, off = did("labeled", 7, label=ASKS, at=10.0), did("unlabeled", 8, label=ASKS)

    assert must_ask_for_edits([on], ASKS, 0, 11.0)
    assert not must_ask_for_edits([on], ASKS, 0, 10.0)
    assert not must_ask_for_edits([on], ASKS, 7, 11.0)
    assert not must_ask_for_edits([on, off], ASKS, 0, 11.0)


def test_asked_about_are_the_labeller_and_the_latest_who_did_something_since_each_once_and_no_program() -> None:
    people = [Person(f"p{number}", number) for number in range(9)]
    history = [did("labeled", 1, label=ASKS), did("commented", 2, RUDI), *(did("commented", 9 + who.number, who) for who in people)]
    history += [did("commented", 99, BOT), did("commented", 100, people[8])]

    assert who_matters(history[:1], ASKS, None) == [WANDA]
    assert who_matters(history, ASKS, None) == [WANDA, people[8], people[7], people[6], people[5]]
    assert who_matters(history, ASKS, 5.0) == [WANDA, people[8], people[7], people[6], people[5]]
