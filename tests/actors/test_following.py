"""Delivery looks at the pull requests of items in review, and says what becomes of them."""

import select
from collections.abc import Callable
from dataclasses import replace

import pytest

from actors.following import FollowSettings
from factory.delivery_ports import ReworkOrder
from factory.domain.follow import Check, Review
from factory.domain.ids import ItemId, branch_of
from factory.errors import ForgeRefused, ForgeUnavailable
from factory.protocol.follow_mail import LookAt
from factory.protocol.issue_mail import Followed
from factory.protocol.mailbox import Refused
from tests.actors.following_site import HEAD, OPEN, OTHER, REPO, TRACKED, URL, Place, make, place
from tests.repositories import ITEM

__all__ = ["make", "place"]
_WAIT_SECONDS = 60.0
RED = replace(OPEN, checks=(Check("unit", "failed", "failure", "2 failed"),))


def test_one_at_which_nothing_happens_is_looked_at_less_and_less_often(place: Place) -> None:
    place.review(OPEN)

    place.for_a_while(200)
    early = len(place.reader.looks)
    place.for_a_while(200)

    assert 4 <= early <= 6
    assert len(place.reader.looks) - early <= 2
    assert (set(place.store.said), place.words) == ({"waits for a review."}, [])


def test_what_is_new_is_noticed_and_looked_at_often_again(place: Place) -> None:
    place.review(OPEN)
    place.for_a_while(400)
    place.reader.pulls[7] = replace(OPEN, checks=(Check("slow", "pending"),))

    place.until(lambda: place.store.said[-1] == "waits for check slow; waits for a review.")

    assert place.store.rows[ITEM].unchanged == 0


def test_a_hint_makes_it_look_at_once(place: Place) -> None:
    place.review(OPEN)
    place.for_a_while(400)
    looks = len(place.reader.looks)

    place.site.actor.on_mail(LookAt(REPO, 7))
    place.until(lambda: len(place.reader.looks) > looks)

    assert len(place.reader.looks) == looks + 1


def test_a_hint_that_comes_during_a_look_makes_it_look_again(place: Place) -> None:
    place.review(OPEN)
    place.for_a_while(400)
    looks, then = len(place.reader.looks), place.site.clock.monotonic()
    place.site.actor.on_mail(LookAt(REPO, 7))
    select.select([place.site.background.pollable()], [], [], _WAIT_SECONDS)
    # That look has been made, and is not yet heard of.
    place.site.actor.on_mail(LookAt(REPO, 7))

    place.until(lambda: len(place.reader.looks) == looks + 2)
    assert place.site.clock.monotonic() - then < FollowSettings().every


def test_one_is_looked_at_after_the_other_and_none_is_left_out(place: Place) -> None:
    for number in range(20):
        place.review(OPEN, replace(TRACKED, item=ItemId(f"{number:010}"), number=number))

    place.until(lambda: len(place.reader.looks) >= 20)

    assert {number for number, _ in place.reader.looks[:20]} == set(range(20))


@pytest.mark.parametrize("state", ["merged", "closed"])
def test_one_that_is_over_is_told_to_the_queue_with_by_whom(place: Place, state: str) -> None:
    place.review(replace(OPEN, state=state, ended_by="alice"))  # type: ignore[arg-type] # one of its states

    place.until(lambda: place.words)

    without = "" if state == "merged" else " without being merged"
    assert place.words == [Followed(ITEM, 1, state, f"{URL} was {state} by alice{without}.", "", HEAD)]  # type: ignore[arg-type]


def test_a_failed_check_becomes_a_rework_with_what_it_put_out_and_an_order_for_its_attempt(place: Place) -> None:
    place.review(RED)

    place.until(lambda: place.words)

    (word,) = place.words
    assert (word.what, word.reason) == ("rework", "The pull request needs rework: the check unit ended with failure.")
    assert "> 2 failed" in word.evidence
    order = place.store.rework_of(ITEM)
    assert order == ReworkOrder(branch_of(ITEM), HEAD, (HEAD,), ("the check unit ended with failure",), word.evidence)


def test_the_last_review_that_was_handed_on_is_remembered(place: Place) -> None:
    place.review(replace(OPEN, reviews=(Review(9, "alice", "changes", HEAD, "Say hello.", may_write=True),)))

    place.until(lambda: place.words)

    assert "> Say hello." in place.words[0].evidence
    place.store.add(replace(TRACKED, review=9, epoch=2))
    place.for_a_while(100)
    assert len(place.words) == 1
    assert place.reader.looks[-1] == (7, 9)


def test_a_commit_of_somebody_else_is_told_once_and_an_attempt_after_it_goes_on_with_ours_or_not_at_all(place: Place) -> None:
    place.review(replace(RED, head=OTHER))

    place.until(lambda: place.words)
    place.for_a_while(100)

    assert [word.what for word in place.words] == ["hands_off"]
    assert place.store.orders[ITEM].head == HEAD


def test_one_that_is_reworked_or_left_to_a_person_is_only_looked_at_until_it_is_over(place: Place) -> None:
    place.review(replace(RED, head=OTHER), replace(TRACKED, only_watched=True))
    place.for_a_while(100)
    assert (place.words, place.store.orders) == ([], {})

    place.reader.pulls[7] = replace(OPEN, state="merged", ended_by="alice")
    place.until(lambda: place.words)

    assert place.words[0].what == "merged"


def test_a_queue_that_does_not_answer_is_told_later(place: Place) -> None:
    place.review(RED)
    place.site.queue.away = True
    place.until(lambda: any(said.startswith("failed: The queue did not answer") for said in place.store.said))

    place.site.queue.away = False
    place.until(lambda: place.words)

    assert len(place.words) == 1


def test_a_queue_that_refuses_is_no_reason_to_end(place: Place) -> None:
    place.review(RED)
    place.site.queue.on_followed = lambda _: Refused("it is at attempt 2")

    place.until(lambda: any("it is at attempt 2" in said for said in place.store.said))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["looked", "order_rework", "ask"])
def test_a_process_killed_at_any_step_says_it_once_and_orders_it_once(place: Place, step: str, after: bool) -> None:
    place.review(RED)
    trap = place.site.traps["mailbox"] if step == "ask" else place.trap
    trap.set(step, after=after)
    with pytest.raises(BaseException, match=step):
        place.until(lambda: place.words and False)

    place.site.restart()
    place.until(lambda: place.words)
    place.for_a_while(60)

    assert [word.what for word in place.words] == ["rework"]
    assert len(place.store.orders) == 1


def test_a_look_that_fails_is_said_and_repeated_not_before_the_forge_allows_it(place: Place) -> None:
    def limited() -> None:
        raise ForgeUnavailable("GitHub allows no call for 120 s.", 120.0)

    place.review(OPEN)
    place.reader.trouble = limited
    place.until(lambda: place.store.said)
    since = place.site.clock.monotonic()
    place.reader.trouble = lambda: None

    place.until(lambda: len(place.reader.looks) > 1)

    assert place.site.clock.monotonic() - since >= 119.0
    assert place.words == []


def test_one_that_the_forge_does_not_show_any_more_is_never_gone(place: Place) -> None:
    def gone() -> None:
        raise ForgeRefused("GitHub has no repository acme/widgets that its token can see.")

    place.review(OPEN)
    place.reader.trouble = gone
    place.for_a_while(900)

    assert (place.words, ITEM in place.store.rows) == ([], True)
    assert len(place.reader.looks) == 2


APPROVED = replace(
    OPEN, checks=(Check("unit", "passed", "success"),), reviews=(Review(1, "bob", "approved", HEAD, may_write=True),)
)  # fmt: skip


def test_nothing_is_merged_unless_it_is_set(place: Place) -> None:
    place.review(APPROVED)
    place.for_a_while(100)

    assert place.reader.merges == []


def test_what_is_green_and_approved_is_merged_at_that_commit_and_told_at_once(make: Callable[..., Place]) -> None:
    place = make(merge="squash")
    place.review(APPROVED)
    since = place.site.clock.monotonic()

    place.until(lambda: place.words)

    assert place.reader.merges == [(7, HEAD, "squash")]
    assert place.words[0].what == "merged"
    assert place.site.clock.monotonic() - since < 15.0


def test_what_is_being_reworked_is_not_merged_by_the_factory_nor_said_to_be(make: Callable[..., Place]) -> None:
    place = make(merge="squash")
    place.review(APPROVED, replace(TRACKED, only_watched=True))
    place.for_a_while(100)

    assert (place.reader.merges, place.words) == ([], [])
    assert set(place.store.said) == {"approved, waits to be merged."}


def test_a_merge_that_the_forge_refuses_is_tried_again_later(make: Callable[..., Place]) -> None:
    place = make(merge="merge")
    place.review(APPROVED)

    def refuses() -> None:
        if place.reader.merges:
            place.reader.trouble = lambda: None
            raise ForgeRefused("GitHub refuses it for acme/widgets (405: Base branch was modified).")

    place.reader.trouble = refuses
    place.until(lambda: place.words)

    assert len(place.reader.merges) == 2
    assert any("405" in said for said in place.store.said)
