"""Names, priorities and texts of issues."""

import pytest

from factory.domain.ids import is_item_id
from factory.domain.issue import MAX_BODY, IssueText, bounded, difference, issue_id, issue_item_id, issue_key, needs_of, priority_of, run_id
from factory.domain.work_item import Priority


def test_an_issue_is_one_item_however_its_repository_is_written_and_a_run_is_another() -> None:
    one, same = issue_id("Acme/Widgets", 12), issue_id("acme/widgets", 12)
    ids = {issue_item_id("github", one), issue_item_id("github", same)}
    others = {issue_item_id("github", one, 2), issue_item_id("inbox", one), issue_item_id("github", issue_id("acme/widgets", 1)) + "2"}

    assert len(ids) == 1
    assert not ids & others
    assert all(map(is_item_id, ids))
    assert (issue_key("github", one), run_id(one, 1), run_id(one, 2)) == ("github:acme/widgets#12", "acme/widgets#12", "acme/widgets#12/2")


def test_no_two_of_many_issues_are_the_same_item() -> None:
    ids = {issue_item_id("github", issue_id(f"acme/r{repo}", number)) for repo in range(20) for number in range(500)}

    assert len(ids) == 10_000


@pytest.mark.parametrize(
    ("labels", "priority"),
    [((), 2), (("bug",), 2), (("P0",), 0), (("Critical",), 0), (("high", "low"), 1), (("p3",), 3), (("P3", "P1", "bug"), 1)],
)
def test_the_most_urgent_label_is_the_priority(labels, priority: int) -> None:
    assert priority_of(labels) == priority


def test_an_own_table_stands_instead_of_the_usual_one() -> None:
    assert (priority_of(["urgent"], {"urgent": "critical"}), priority_of(["P0"], {"urgent": "critical"})) == (
        Priority.CRITICAL,
        Priority.MEDIUM,
    )


def test_labels_of_an_issue_stand_for_labels_of_hosts() -> None:
    table = {"needs-GPU": "gpu", "huge": "big", "large": "big"}

    assert needs_of(["Needs-gpu", "large", "HUGE", "bug"], table) == ("big", "gpu")
    assert needs_of(["bug"], table) == ()


def test_two_texts_have_one_digest_only_if_they_are_the_same() -> None:
    assert IssueText("a", "b").digest == IssueText("a", "b").digest
    assert len({IssueText(*both).digest for both in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "b "), ("A", "b"))}) == 5


def test_what_no_database_stores_and_what_is_too_long_is_cut() -> None:
    assert bounded("a\0\ud800b", "x" * (MAX_BODY + 5)) == IssueText("ab", "x" * MAX_BODY)


def test_a_difference_shows_also_what_cannot_be_seen() -> None:
    told = difference(IssueText("Widgets", "one\ntwo"), IssueText("Widgets", "one\nt\u200bwo\x1b[2J"))

    assert told.splitlines()[-2:] == ["-two", "+t\\u200bwo\\x1b[2J"]
    assert difference(IssueText("a", "b"), IssueText("a", "b")) == ""


def test_what_is_new_in_long_texts_is_shown_without_comparing_all_with_all() -> None:
    # Made to take minutes: each line is there often, but not so often that it is passed by.
    lines = [f"{'xy'[number % 2]}{number // 2 % 150}" for number in range(16_000)]
    before, after = ["same", *lines, "end"], ["same", *lines[1::2], *lines[::2], "also evil\u202e", "end"]

    told = difference(IssueText("t", "\n".join(before)), IssueText("t", "\n".join(after))).splitlines()

    assert told[:5] == ["--- as labelled", "+++ as it is now", "@@ -4,16000 +4,16001 @@", "-x0", "-y0"]
    assert told[103:105] == ["[15,900 more lines are gone]", "+y0"]
    assert told[-1] == "+also evil\\u202e"
    long = IssueText("t", "\n".join(before))
    assert difference(long, long) == ""
