"""What follows where the label that asks was not there any more: somebody else may have the issue, or nobody."""

from actors.issue_claims import PATIENCE_SECONDS, Claims, Exchange
from factory.domain.issue import IssueText
from factory.domain.issue_known import Known, Seen, Shown, State
from tests.fakes.clock import ManualClock

ASKS, DOING = "ai-factory", "ai-factory-processing"
SEEN = Seen(IssueText("Widgets", "Body"), "eve", (ASKS,), is_open=True, updated_at=10.0)
KNOWN = Known("github:a/b#1", "github", "a/b#1", "a/b", 1, SEEN, state=State.ACCEPTED, label_event=1)
LATE = Exchange(Shown.PROCESSING, (DOING,), is_late=True)


def claims() -> tuple[Claims, ManualClock]:
    clock = ManualClock()
    return Claims(ASKS, "mine", clock), clock


def test_who_took_the_label_off_has_the_issue() -> None:
    after = claims()[0].follow(KNOWN, Exchange(Shown.PROCESSING, (DOING,)), begun_before=False)

    assert after is not None
    assert (after.shown, after.seen.labels, after.state) == (Shown.PROCESSING, (DOING,), State.ACCEPTED)


def test_who_was_too_late_waits_for_the_word_of_whoever_was_faster_and_goes_on_where_there_is_none() -> None:
    desk, clock = claims()
    assert desk.follow(KNOWN, LATE, begun_before=False) is None
    clock.advance(PATIENCE_SECONDS - 1)
    # Noted as begun by now, which says nothing about who took it off.
    assert desk.follow(KNOWN, LATE, begun_before=True) is None

    clock.advance(1)
    after = desk.follow(KNOWN, LATE, begun_before=True)

    assert after is not None
    assert (after.shown, after.is_elsewhere) == (Shown.PROCESSING, False)


def test_who_hears_that_word_leaves_the_issue_alone() -> None:
    after = claims()[0].follow(KNOWN, Exchange(Shown.PROCESSING, (DOING,), is_late=True, other="other"), begun_before=True)

    assert after is not None
    assert (after.state, after.reason) == (State.CANCELLING, "another factory works on it: other was faster")


def test_who_may_have_taken_it_off_itself_before_it_died_waits_for_nobody() -> None:
    after = claims()[0].follow(KNOWN, LATE, begun_before=True)

    assert after is not None
    assert after.shown is Shown.PROCESSING
