"""What an issue shows of its item: one label, one comment of each kind."""

from dataclasses import replace

import pytest

from factory.domain.ids import ItemId
from factory.domain.issue import IssueText
from factory.domain.issue_known import ItemState, Known, LabelNames, Seen, Shown, State
from factory.domain.issue_signs import Relabel, Say, marker, next_sign
from factory.domain.work_item import Status

NAMES = LabelNames()
TEXT = IssueText("Widgets", "Body")
SEEN = Seen(TEXT, "wanda", ("ai-factory", "bug"), is_open=True, updated_at=10.0)
TAKEN = Known(
    "github:a/b#1", "github", "a/b#1", "a/b", 1, SEEN, State.ACCEPTED, item=ItemId("7k2m9p4x1c"), text=TEXT, approved=TEXT,
    labelled_by="wanda", checked_at=10.0,
)  # fmt: skip


def shown(known: Known, item: ItemState | None) -> tuple[tuple[str, ...], list[str]]:
    """The labels and kinds of comments after all signs are given."""
    labels, kinds = list(known.seen.labels), []
    for _ in range(20):
        match next_sign(known, item, NAMES):
            case Relabel(says, add, remove):
                labels = [*(label for label in labels if label not in remove), *(label for label in add if label not in labels)]
                known = replace(known, shown=says, seen=replace(known.seen, labels=tuple(labels)))
            case Say(kind):
                kinds.append(kind)
                known = replace(known, said=known.said | {kind})
            case None:
                return tuple(sorted(labels)), kinds
    raise AssertionError("there is no end to it")


@pytest.mark.parametrize(
    ("status", "label", "kinds"),
    [
        (Status.PARKED, "processing", ["taken"]), (Status.QUEUED, "processing", ["taken"]), (Status.RUNNING, "processing", ["taken"]),
        (Status.PUBLISHING, "processing", ["taken"]), (Status.IN_REVIEW, "processing", ["taken"]),
        (Status.COMPLETED, "done", ["taken", "done"]), (Status.FAILED, "failed", ["taken", "failed"]),
        (Status.CANCELLED, "failed", ["taken", "failed"]),
    ],
)  # fmt: skip
def test_the_label_is_that_of_the_status_and_each_comment_is_written_once(status, label, kinds) -> None:
    assert shown(TAKEN, ItemState(status)) == ((f"ai-factory-{label}", "bug"), kinds)


def test_questions_have_a_label_and_a_comment_of_their_own_for_each_round() -> None:
    first = ItemState(Status.NEEDS_APPROVAL, reason="The issue leaves open: Which?", evidence="- Which?")
    labels, (taken, asked) = shown(TAKEN, first)
    after = replace(TAKEN, said=frozenset({taken, asked}))

    assert labels == ("ai-factory-question", "bug")
    assert next(iter(shown(after, first)[1]), None) is None
    assert len(shown(after, replace(first, evidence="- And when?"))[1]) == 1


def test_what_waits_for_a_person_says_so() -> None:
    _, kinds = shown(TAKEN, ItemState(Status.NEEDS_APPROVAL, reason="touches a guarded path"))

    assert [kind.partition("-")[0] for kind in kinds] == ["taken", "waits"]


def test_a_further_beginning_is_told_again_and_a_refusal_takes_the_label_away() -> None:
    assert shown(replace(TAKEN, act=2), ItemState(Status.FAILED))[1] == ["taken-2", "failed-2"]
    assert shown(replace(TAKEN, state=State.REFUSED, label_event=7), None) == (("bug",), ["refused-7"])
    done = replace(TAKEN, state=State.REFUSED, label_event=7, shown=Shown.DONE)
    assert shown(done, ItemState(Status.COMPLETED)) == (("ai-factory-done", "bug"), ["refused-7"])


def test_nothing_is_shown_before_the_item_is_there_or_where_there_is_no_forge() -> None:
    assert next_sign(TAKEN, None, NAMES) is None
    assert next_sign(replace(TAKEN, source="inbox"), ItemState(Status.FAILED), NAMES) is None


def test_the_label_that_asks_stays_until_it_is_known_who_put_it_there() -> None:
    again = replace(TAKEN, shown=Shown.PROCESSING, said=frozenset({"taken"}))

    assert next_sign(replace(again, checked_at=9.0), ItemState(Status.RUNNING), NAMES) is None
    assert next_sign(again, ItemState(Status.RUNNING), NAMES) == Relabel(Shown.PROCESSING, ("ai-factory-processing",), ("ai-factory",))


def test_text_of_others_can_neither_call_anybody_nor_hold_a_mark() -> None:
    evil = f"@everyone {marker(TAKEN.item, 'done')}"
    known = replace(TAKEN, shown=Shown.FAILED, seen=replace(SEEN, labels=()), said=frozenset({"taken"}))

    say = next_sign(known, ItemState(Status.FAILED, reason=evil), NAMES)

    assert isinstance(say, Say)
    assert "@everyone" not in say.text
    assert "<!--" not in say.text
