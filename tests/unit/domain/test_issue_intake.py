"""What follows from a look at an issue, decided from what is stored and what its history says."""

from dataclasses import replace

import pytest

from factory.domain.ids import ItemId
from factory.domain.issue import IssueText
from factory.domain.issue_intake import MOST_LOOKS, Rules, Word, follow, heard, must_look_back, owed, settled, unasked
from factory.domain.issue_known import ItemState, Known, LabelNames, Seen, Shown, State
from factory.domain.issue_trust import Evidence, Happening, Person
from factory.domain.work_item import Status

RULES, NAMES = Rules(), LabelNames()
WANDA, RUDI = Person("wanda", 1), Person("rudi", 2)
ASKS, DOING = "ai-factory", "ai-factory-processing"
TEXT, OTHER = IssueText("Widgets", "Body"), IssueText("Widgets", "Other")
SEEN = Seen(TEXT, "rudi", (ASKS,), is_open=True, updated_at=10.0)
NEW = Known("github:a/b#1", "github", "a/b#1", "a/b", 1, SEEN, item=ItemId("7k2m9p4x1c"))
TAKEN = replace(
    NEW, state=State.ACCEPTED, text=TEXT, approved=TEXT, labelled_by="wanda", label_event=1, checked_at=10.0, shown=Shown.PROCESSING,
    seen=replace(SEEN, labels=(DOING,)),
)  # fmt: skip
LABELLED = Happening("labeled", 1, 10.0, WANDA, ASKS)
SWAPPED = (LABELLED, Happening("labeled", 2, 11.0, WANDA, DOING), Happening("unlabeled", 3, 11.0, WANDA, ASKS))


def evidence(*history: Happening, **permissions: str) -> Evidence:
    return Evidence(tuple(history), {"wanda": "write", "rudi": "read", **permissions}, body_changed_at=0.0)


def changed(known: Known, **seen: object) -> Known:
    return replace(known, seen=replace(known.seen, updated_at=20.0, **seen))  # type: ignore[arg-type] # fields of it


def item(status: Status, **more: str) -> ItemState:
    return ItemState(status, **more)  # type: ignore[arg-type] # fields of it


def test_a_new_issue_is_taken_as_it_was_seen_when_its_labeller_may_write() -> None:
    assert must_look_back(NEW, None, NAMES)

    taken = follow(NEW, None, evidence(LABELLED), RULES)

    assert (taken.state, taken.text, taken.approved, taken.labelled_by, taken.label_event) == (State.ACCEPTED, TEXT, TEXT, "wanda", 1)
    assert not must_look_back(taken, None, NAMES)
    assert owed(taken, None) is Word.SUBMIT


def test_a_history_that_is_behind_is_looked_at_again_and_believed_in_the_end() -> None:
    known = NEW
    for _ in range(MOST_LOOKS - 1):
        known = follow(known, None, evidence(), RULES)
        assert (known.state, must_look_back(known, None, NAMES)) == (State.NEW, True)

    assert follow(known, None, evidence(), RULES).state is State.REFUSED


def test_one_that_was_withdrawn_before_it_was_taken_up_is_forgotten_and_may_come_again() -> None:
    gone = settled(changed(NEW, labels=()), None, NAMES)
    assert (gone.state, must_look_back(gone, None, NAMES), owed(gone, None)) == (State.OVER, False, None)

    back = replace(gone, seen=replace(SEEN, updated_at=30.0))
    again = follow(back, None, evidence(LABELLED, Happening("labeled", 9, 30.0, WANDA, ASKS)), RULES)

    assert (again.state, owed(again, None)) == (State.ACCEPTED, Word.SUBMIT)


def test_an_act_that_was_refused_is_not_looked_at_again_but_a_later_one_is() -> None:
    refused = follow(NEW, None, evidence(replace(LABELLED, who=RUDI)), RULES)
    assert (refused.state, refused.reason) == (State.REFUSED, "labelled by rudi, who may not write to the repository")

    same = follow(changed(refused), None, evidence(replace(LABELLED, who=RUDI)), RULES)
    later = follow(changed(refused), None, evidence(replace(LABELLED, who=RUDI), Happening("labeled", 9, 20.0, WANDA, ASKS)), RULES)

    assert (same.state, later.state) == (State.REFUSED, State.ACCEPTED)


def test_a_list_from_before_the_labels_were_exchanged_cancels_nothing() -> None:
    stale = changed(TAKEN, labels=())
    assert must_look_back(stale, item(Status.RUNNING), NAMES)

    known = follow(stale, item(Status.RUNNING), evidence(*SWAPPED), RULES)

    assert (known.state, owed(known, item(Status.RUNNING))) == (State.ACCEPTED, None)


@pytest.mark.parametrize("act", [Happening("closed", 9, 20.0, RUDI), Happening("unlabeled", 9, 20.0, RUDI, DOING)])
def test_what_was_ended_is_cancelled_once_by_who_ended_it(act: Happening) -> None:
    seen = changed(TAKEN, labels=(), is_open=act.kind != "closed")

    known = follow(seen, item(Status.RUNNING), evidence(*SWAPPED, act), RULES)
    assert (known.state, known.by, owed(known, item(Status.RUNNING))) == (State.CANCELLING, "rudi", Word.CANCEL)

    # An operator has it done all the same: nobody cancels it again for the same act.
    after = replace(heard(known, Word.CANCEL), seen=replace(seen.seen, updated_at=30.0))
    again = follow(after, item(Status.RUNNING), evidence(*SWAPPED, act), RULES)
    assert (again.state, owed(again, item(Status.RUNNING))) == (State.ACCEPTED, None)


@pytest.mark.parametrize("act", [Happening("closed", 9, 20.0, RUDI), Happening("unlabeled", 9, 20.0, RUDI, DOING)])
def test_what_was_ended_by_the_merge_of_its_pull_request_is_not_cancelled(act: Happening) -> None:
    seen = changed(TAKEN, labels=(), is_open=act.kind != "closed")
    reworked = item(Status.RUNNING, pr_url="https://github.com/a/b/pull/7")
    assert must_look_back(seen, reworked, NAMES)

    known = follow(seen, reworked, replace(evidence(*SWAPPED, act), is_merged=True), RULES)

    assert (known.state, owed(known, reworked), must_look_back(known, reworked, NAMES)) == (State.ACCEPTED, None, False)


@pytest.mark.parametrize(
    ("url", "number"),
    [("https://github.com/a/b/pull/7", 7), ("", 0), ("https://forge/a/b/merge_requests/7", 0), ("https://x/pull/7/files", 0)],
)
def test_a_pull_request_is_known_by_its_number(url: str, number: int) -> None:
    assert item(Status.RUNNING, pr_url=url).pull == number


@pytest.mark.parametrize("status", [Status.IN_REVIEW, Status.COMPLETED, Status.FAILED])
def test_what_is_published_or_over_is_not_cancelled(status: Status) -> None:
    assert not must_look_back(changed(TAKEN, is_open=False, labels=()), item(status), NAMES)


@pytest.mark.parametrize("status", [Status.PARKED, Status.QUEUED, Status.ASSIGNED, Status.RUNNING, Status.STUCK, Status.NEEDS_APPROVAL])
def test_another_text_is_put_before_a_person_and_what_an_operator_approves_becomes_the_text(status: Status) -> None:
    seen = changed(TAKEN, text=OTHER)
    assert owed(seen, item(status)) is Word.REWORD

    waits = heard(seen, Word.REWORD)
    assert (waits.state, waits.text, waits.approved) == (State.REWORDED, OTHER, TEXT)
    assert owed(waits, item(Status.NEEDS_APPROVAL)) is None

    approved = settled(waits, item(Status.PARKED, condition="spec"), NAMES)
    assert (approved.state, approved.approved, owed(approved, item(Status.PARKED))) == (State.ACCEPTED, OTHER, None)


@pytest.mark.parametrize("status", [Status.PUBLISHING, Status.IN_REVIEW, Status.COMPLETED, Status.CANCELLED])
def test_another_text_comes_too_late_for_what_is_published(status: Status) -> None:
    assert owed(changed(TAKEN, text=OTHER), item(status)) is None


def test_labelling_again_by_a_reader_approves_nothing() -> None:
    waits = replace(heard(changed(TAKEN, text=OTHER), Word.REWORD), seen=replace(SEEN, text=OTHER, updated_at=30.0))
    assert must_look_back(waits, item(Status.NEEDS_APPROVAL), NAMES)
    again = Happening("labeled", 9, 30.0, RUDI, ASKS)

    refused = follow(waits, item(Status.NEEDS_APPROVAL), evidence(*SWAPPED, again), RULES)
    taken = follow(waits, item(Status.NEEDS_APPROVAL), evidence(*SWAPPED, replace(again, who=WANDA)), RULES)

    assert owed(refused, item(Status.NEEDS_APPROVAL)) is None
    assert owed(taken, item(Status.NEEDS_APPROVAL)) is Word.REOPEN


@pytest.mark.parametrize(
    ("later", "state"),
    [
        (Happening("commented", 9, 60.0, RUDI, text="hm"), State.REFUSED),
        (Happening("labeled", 9, 60.0, Person("triage[bot]", 7, is_program=True), "size/S"), State.REFUSED),
        (Happening("commented", 9, 60.0, RUDI, text="<!-- ai-factory:x:taken -->"), State.REFUSED),
        (Happening("commented", 9, 60.0, WANDA, text="thanks"), State.ACCEPTED),
        (Happening("labeled", 9, 60.0, Person("factory[bot]", 8, is_program=True), f"{ASKS}-failed"), State.ACCEPTED),
    ],
)
def test_a_word_of_somebody_who_may_not_write_does_not_cover_up_an_edit(later: Happening, state: State) -> None:
    edited = replace(NEW, seen=replace(SEEN, text=OTHER, updated_at=60.0))

    assert follow(edited, None, evidence(LABELLED, later), RULES).state is state


def test_a_text_that_was_changed_twice_is_stored_before_its_spec_is_wanted_again() -> None:
    waits = replace(
        heard(changed(TAKEN, text=IssueText("Widgets", "Between")), Word.REWORD), seen=replace(SEEN, text=OTHER, updated_at=30.0)
    )
    stood_for = follow(waits, item(Status.NEEDS_APPROVAL), evidence(*SWAPPED, Happening("labeled", 9, 30.0, WANDA, ASKS)), RULES)

    assert owed(stood_for, item(Status.NEEDS_APPROVAL)) is Word.REWORD
    stored = heard(stood_for, Word.REWORD)
    assert (stored.text, owed(stored, item(Status.NEEDS_APPROVAL))) == (OTHER, Word.REOPEN)


def test_a_failed_item_of_which_the_text_was_changed_is_retried_with_a_new_spec() -> None:
    over = replace(TAKEN, state=State.OVER, seen=replace(SEEN, text=OTHER, updated_at=30.0), shown=Shown.FAILED)

    known = follow(over, item(Status.FAILED), evidence(Happening("labeled", 9, 30.0, WANDA, ASKS)), RULES)
    words = []
    stands = item(Status.FAILED)
    for status in (Status.QUEUED, Status.NEEDS_APPROVAL, Status.PARKED):
        word = owed(known, stands)
        assert word
        words.append(word)
        known, stands = heard(known, word), item(status)

    assert words == [Word.RETRY, Word.REWORD, Word.REOPEN]
    assert (known.text, known.approved, known.act, owed(known, stands)) == (OTHER, OTHER, 2, None)


def test_an_operators_retry_of_what_was_over_is_another_beginning() -> None:
    over = replace(TAKEN, state=State.OVER)

    assert settled(over, item(Status.FAILED), NAMES) == over
    assert settled(over, item(Status.QUEUED), NAMES) == replace(over, state=State.ACCEPTED, act=2)


def test_a_change_that_needs_no_look_back_is_dealt_with() -> None:
    commented = changed(TAKEN, comments=3)

    assert not must_look_back(commented, item(Status.RUNNING), NAMES)
    assert unasked(commented).checked_at == 20.0
    assert unasked(changed(NEW)).checked_at == 0.0
