"""What follows from what is read of a pull request."""

from dataclasses import replace

import pytest

from factory.domain.follow import PATIENCE, Check, HandsOff, Merge, Ours, Over, Review, Rework, Seen, Wait, decide, opinions
from factory.domain.ids import Commit

_HEAD, _EARLIER, _OTHER = Commit("a" * 40), Commit("b" * 40), Commit("c" * 40)
_URL = "https://github.com/acme/widgets/pull/7"
OURS = Ours(_URL, "main", _HEAD, (_EARLIER,))
OPEN = Seen("open", _HEAD, mergeable=True, clear=True)
RED = Check("unit", "failed", "failure", "2 failed")
GREEN = Check("unit", "passed", "success")
RUNNING = Check("slow", "pending")


def asks(number: int = 1, **more) -> Review:
    return Review(number, "alice", "changes", _HEAD, "Say hello.", **{"may_write": True, **more})


def approves(number: int = 1, **more) -> Review:
    return Review(number, "bob", "approved", **{"commit": _HEAD, "may_write": True, **more})


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (OPEN, "waits for a review."),
        (replace(OPEN, checks=(RUNNING,)), "waits for check slow; waits for a review."),
        (replace(OPEN, checks=(RED, RUNNING)), "waits for check slow; check unit failed; waits for a review."),
        (replace(OPEN, reviews=(approves(),)), "approved, waits to be merged."),
        (replace(OPEN, unread=("checks",)), "the token may not read checks; waits for a review."),
        (
            replace(OPEN, checks=(Check("deploy", "blocked", "action_required"),)),
            "check deploy ended without a verdict (action_required), which a person has to look at; waits for a review.",
        ),
    ],
)
def test_what_is_waited_for_is_said(seen: Seen, sentence: str) -> None:
    assert decide(seen, OURS) == Wait(sentence)


def test_one_that_was_merged_or_closed_is_over_and_it_is_said_by_whom() -> None:
    assert decide(Seen("merged", _HEAD, "alice"), OURS) == Over("merged", f"{_URL} was merged by alice.")
    assert decide(Seen("closed", _OTHER, "bob"), OURS) == Over("closed", f"{_URL} was closed by bob without being merged.")
    assert decide(Seen("closed", _HEAD), OURS) == Over("closed", f"{_URL} was closed without being merged.")


def test_one_that_was_pointed_at_another_branch_is_neither_merged_nor_reworked() -> None:
    approved = replace(OPEN, base="main", checks=(GREEN,), reviews=(approves(),))
    assert decide(approved, OURS, auto_merge=True) == Merge(_HEAD)

    for seen in (replace(approved, base="production"), replace(OPEN, base="production", mergeable=False)):
        following = decide(seen, OURS, auto_merge=True)
        assert isinstance(following, Wait)
        assert following.sentence.startswith("somebody pointed it at production, and the factory made it for main")


def test_checks_that_were_all_skipped_are_not_green() -> None:
    skipped = Check("unit", "passed", "skipped")
    approved = replace(OPEN, checks=(skipped,), reviews=(approves(),))

    assert isinstance(decide(approved, OURS, auto_merge=True), Wait)
    assert isinstance(decide(replace(approved, checks=(skipped, GREEN)), OURS, auto_merge=True), Merge)


def test_a_failed_check_is_reworked_with_its_text() -> None:
    following = decide(replace(OPEN, checks=(GREEN, RED)), OURS)

    assert isinstance(following, Rework)
    assert following.sentence == "The pull request needs rework: the check unit ended with failure."
    assert [(piece.heading, piece.text) for piece in following.pieces] == [("The check unit ended with failure", "2 failed")]


def test_a_failed_check_waits_for_the_others_but_not_for_ever() -> None:
    seen = replace(OPEN, checks=(RED, RUNNING))

    assert isinstance(decide(seen, replace(OURS, unchanged=PATIENCE - 1)), Wait)
    assert isinstance(decide(seen, replace(OURS, unchanged=PATIENCE)), Rework)


def test_a_review_that_asks_for_changes_is_reworked_at_once_and_only_once() -> None:
    seen = replace(OPEN, checks=(RUNNING,), reviews=(asks(5),))

    following = decide(seen, OURS)

    assert isinstance(following, Rework)
    assert (following.review, following.reasons) == (5, ("alice asks for changes",))
    assert decide(seen, replace(OURS, review=5)) == Wait("waits for check slow; waits for another look of alice.")


def test_a_review_of_an_earlier_commit_that_no_attempt_was_given_counts() -> None:
    late = Review(5, "alice", "changes", _EARLIER, "Say hello.", may_write=True)

    assert isinstance(decide(replace(OPEN, reviews=(late,)), replace(OURS, review=4)), Rework)


@pytest.mark.parametrize("more", [{"may_write": False}, {"is_person": False}])
def test_who_may_not_push_and_who_is_no_person_starts_nothing(more) -> None:
    assert isinstance(decide(replace(OPEN, reviews=(asks(**more),)), OURS), Wait)


def test_the_last_opinion_of_a_reviewer_holds_and_a_comment_is_none() -> None:
    comment = Review(3, "alice", "commented", _HEAD)
    dismissed = Review(4, "alice", "dismissed", _HEAD)

    assert opinions([comment, asks(1)]) == (asks(1),)
    assert opinions([asks(1), approves(2)]) == (asks(1), approves(2))
    assert opinions([asks(1), dismissed]) == ()
    assert opinions([asks(5), replace(asks(6), verdict="approved")]) == (replace(asks(6), verdict="approved"),)


def test_a_conflict_with_the_base_is_reworked_and_one_that_is_not_known_yet_is_waited_for() -> None:
    following = decide(replace(OPEN, mergeable=False), OURS)

    assert isinstance(following, Rework)
    assert (following.conflicts, following.reasons) == (True, ("it conflicts with main",))
    assert isinstance(decide(replace(OPEN, mergeable=None), OURS), Wait)


def test_all_reasons_go_into_one_rework() -> None:
    following = decide(replace(OPEN, mergeable=False, checks=(RED,), reviews=(asks(9),)), OURS)

    assert isinstance(following, Rework)
    assert following.reasons == ("alice asks for changes", "it conflicts with main", "the check unit ended with failure")
    assert following.review == 9


def test_a_commit_of_somebody_else_is_left_to_a_person_whatever_its_checks_say() -> None:
    following = decide(replace(OPEN, head=_OTHER, checks=(RED,)), OURS)

    assert isinstance(following, HandsOff)
    assert "Somebody else pushed" in following.sentence
    assert _OTHER[:12] in following.sentence


def test_a_forge_that_still_shows_an_earlier_commit_of_ours_is_waited_for() -> None:
    assert isinstance(decide(replace(OPEN, head=_EARLIER, checks=(RED,)), OURS), Wait)


MERGEABLE = replace(OPEN, checks=(GREEN,), reviews=(approves(),))


def test_nothing_is_merged_unless_it_is_set() -> None:
    assert isinstance(decide(MERGEABLE, OURS), Wait)
    assert decide(MERGEABLE, OURS, auto_merge=True) == Merge(_HEAD)


@pytest.mark.parametrize(
    "seen",
    [
        replace(MERGEABLE, checks=()),
        replace(MERGEABLE, checks=(GREEN, RUNNING)),
        replace(MERGEABLE, checks=(GREEN, Check("deploy", "blocked", "cancelled"))),
        replace(MERGEABLE, reviews=()),
        replace(MERGEABLE, reviews=(approves(commit=_EARLIER),)),
        replace(MERGEABLE, reviews=(approves(may_write=False),)),
        replace(MERGEABLE, reviews=(approves(is_person=False),)),
        replace(MERGEABLE, reviews=(approves(), asks(2, may_write=False))),
        replace(MERGEABLE, clear=False),
        replace(MERGEABLE, mergeable=None),
        replace(MERGEABLE, unread=("checks",)),
        replace(MERGEABLE, head=_EARLIER),
    ],
)
def test_what_is_not_checked_and_approved_at_exactly_this_commit_is_not_merged(seen: Seen) -> None:
    assert isinstance(decide(seen, OURS, auto_merge=True), Wait)


def test_names_from_outside_are_one_line_and_steer_no_terminal() -> None:
    following = decide(replace(OPEN, checks=(Check("a\x1b[31m\nb", "failed", "failure"),)), OURS)

    assert isinstance(following, Rework)
    assert following.reasons == ("the check a b ended with failure",)
