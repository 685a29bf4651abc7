"""Which factory an issue is left to."""

from dataclasses import replace

import pytest

from factory.domain.issue import IssueText
from factory.domain.issue_claim import claim, claim_kind, claimant, is_claim, left_to, stands_elsewhere
from factory.domain.issue_intake import Word, heard, owed, settled
from factory.domain.issue_known import ItemState, Known, LabelNames, Seen, Shown, State
from factory.domain.issue_signs import next_sign
from factory.domain.issue_trust import Happening, Person
from factory.domain.work_item import Status

NAMES, ASKS, DOING = LabelNames(), "ai-factory", "ai-factory-processing"
WANDA, EVE, BOT = Person("wanda", 1), Person("eve", 2), Person("factory[bot]", 3, is_program=True)
SEEN = Seen(IssueText("Widgets", "Body"), "eve", (ASKS,), is_open=True, updated_at=10.0)
KNOWN = Known("github:a/b#1", "github", "a/b#1", "a/b", 1, SEEN, state=State.ACCEPTED, label_event=1, checked_at=10.0)
PARKED = ItemState(Status.PARKED, condition="spec")


def did(kind: str, number: int, who: Person = WANDA, label: str = "", text: str = "") -> Happening:
    return Happening(kind, number, float(number), who, label, text)


LABELLED, TAKEN_OFF = did("labeled", 1, label=ASKS), did("unlabeled", 3, BOT, ASKS)
WORD = did("commented", 4, BOT, text=f"Taken.\n\n{claim('other')}\n<!-- ai-factory:x:taken -->")


@pytest.mark.parametrize(
    ("history", "whose"),
    [
        ([LABELLED, TAKEN_OFF, WORD], "other"),
        ([LABELLED, TAKEN_OFF], ""), ([LABELLED, WORD], ""), ([TAKEN_OFF, WORD], ""), ([], ""),
        ([LABELLED, TAKEN_OFF, replace(WORD, text=claim("mine"))], ""),
        ([LABELLED, TAKEN_OFF, replace(WORD, who=EVE)], ""), ([LABELLED, TAKEN_OFF, replace(WORD, at=0.5)], ""),
        ([replace(TAKEN_OFF, at=0.1), LABELLED, WORD], ""),
        ([LABELLED, TAKEN_OFF, replace(WORD, text=claim("mine")), replace(WORD, number=5, at=5.0)], "other"),
    ],
)  # fmt: skip
def test_the_word_of_whoever_took_the_label_off_counts_since_it_was_put_on(history: list[Happening], whose: str) -> None:
    assert claimant(history, KNOWN, ASKS, "mine") == whose


def test_a_label_that_says_that_somebody_works_on_it_is_somebody_elses_unless_this_factory_does() -> None:
    working = [LABELLED, did("labeled", 2, BOT, DOING)]

    assert stands_elsewhere(KNOWN, working, NAMES)
    assert not stands_elsewhere(replace(KNOWN, shown=Shown.PROCESSING), working, NAMES)
    assert not stands_elsewhere(KNOWN, [*working, did("unlabeled", 3, BOT, DOING)], NAMES)
    assert not stands_elsewhere(KNOWN, [LABELLED, did("labeled", 2, BOT, "ai-factory-done")], NAMES)


def test_only_the_exchange_with_which_work_begins_is_a_claim_once_for_each_act_of_labelling() -> None:
    assert is_claim(KNOWN, Shown.PROCESSING)
    assert is_claim(replace(KNOWN, shown=Shown.FAILED), Shown.PROCESSING)
    assert not is_claim(replace(KNOWN, shown=Shown.QUESTION), Shown.PROCESSING)
    assert not is_claim(KNOWN, Shown.DONE)
    mine = replace(KNOWN, said=frozenset({claim_kind(KNOWN)}))
    assert not is_claim(mine, Shown.PROCESSING)
    assert is_claim(replace(mine, label_event=9), Shown.PROCESSING)


def test_what_is_left_to_another_one_is_cancelled_and_shows_nothing_until_an_operator_has_it_done() -> None:
    left = left_to(KNOWN, 1, "other was faster")
    assert owed(left, PARKED) is Word.CANCEL

    over = heard(left, Word.CANCEL)
    cancelled = ItemState(Status.CANCELLED)

    assert (over.state, over.reason) == (State.OVER, "another factory works on it: other was faster")
    assert (owed(over, cancelled), next_sign(over, cancelled, NAMES), settled(over, cancelled, NAMES)) == (None, None, over)
    again = settled(over, ItemState(Status.QUEUED), NAMES)
    assert (again.state, again.is_elsewhere, next_sign(again, ItemState(Status.QUEUED), NAMES) is None) == (State.ACCEPTED, False, False)
