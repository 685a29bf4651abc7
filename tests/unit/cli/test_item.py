"""`factory show`, `events`, `pr show`: what a person has to know of one item."""

from typing import Any

import pytest

from factory.cli.exits import Exit
from factory.cli.item import EVIDENCE_LINES, attempts_told
from factory.paths import Paths
from factory.protocol.commands import Reply
from tests.unit.cli.answering import Answering, by_heart, run

_ITEM = {"id": "abc", "status": "needs_approval", "attempts": 1, "attempts_made": 3, "evidence": "ci.yml is guarded\n\x1b[2Ja secret"}
_ATTEMPT = {"epoch": 3, "outcome": "policy", "burnt": False, "reason": "guarded"}


def _shown(paths: Paths, **more: Any) -> str:
    data = {"item": _ITEM, "attempts": [_ATTEMPT], "max_attempts": 3, **more}
    with Answering(paths, by_heart(item=Reply("ok", data=data))):
        return run(paths, "show", "abc").stdout


def test_what_waits_for_approval_is_shown_with_what_was_found_and_how_to_answer(paths: Paths) -> None:
    shown = _shown(paths)

    assert "found\n  ci.yml is guarded\n  a secret\n" in shown
    assert "next\n  factory diff abc\n  factory approve abc\n" in shown
    assert "policy (not counted)" in shown


def test_attempts_are_all_that_were_made_and_how_many_of_them_count(paths: Paths) -> None:
    assert "attempts  3 (1 of 3 counted)" in _shown(paths)
    assert attempts_told({"attempts_made": 1, "attempts": 0}, 3) == "1 (0 of 3 counted)"
    assert attempts_told({"attempts_made": 0, "attempts": 0}, 3) == "0"


def test_an_attempt_that_succeeded_is_not_said_to_be_uncounted(paths: Paths) -> None:
    assert "done (not counted)" not in _shown(paths, attempts=[{**_ATTEMPT, "outcome": "done"}])


def test_what_the_way_out_counted_and_refused_is_summed_over_the_attempts_and_left_out_where_it_saw_nothing(paths: Paths) -> None:
    seen = {"spent_micros": 1_200_000, "spent_calls": 7, "blocked_hosts": ["evil.example"]}
    shown = _shown(paths, attempts=[{**_ATTEMPT, **seen}, {**_ATTEMPT, **seen, "blocked_hosts": ["evil.example", "b.example"]}])

    assert "$2.40 in 14 calls of the model" in shown
    assert "evil.example, b.example" in shown
    assert "calls of the model" not in _shown(paths)


def test_gates_of_the_last_verification_and_the_end_of_their_output_are_shown(paths: Paths) -> None:
    gate = {"epoch": 2, "name": "test", "passed": False, "required": True, "seconds": 2.0, "code": 7}
    lines = "\n".join(f"line {number}" for number in range(EVIDENCE_LINES + 5))
    old = {**gate, "epoch": 1, "name": "of before"}
    shown = _shown(
        paths, item={**_ITEM, "status": "queued", "evidence": lines}, gates=[old, gate, {**gate, "name": "lint", "passed": True}]
    )

    assert "gates of attempt 2\n  failed  test, 2.0s, exit code 7\n  passed  lint, 2.0s\n" in shown
    assert "of before" not in shown
    assert "... 5 lines before these\n  line 5\n" in shown


def test_the_pull_request_has_a_heading(paths: Paths) -> None:
    assert "pull request\n  number  4\n" in _shown(paths, pull_request={"number": 4, "url": "u"})


def test_events_show_nested_data_as_json_and_long_ones_cut(paths: Paths) -> None:
    row = {"seq": 1, "at": 0.0, "type": "T", "data": {"agent": {"rc": 0, "timed_out": False}, "output": "x" * 5_000}}
    with Answering(paths, by_heart(events=Reply("ok", data={"events": [row]}))):
        shown = run(paths, "events", "abc").stdout

    assert 'agent={"rc": 0, "timed_out": false}' in shown
    assert len(shown.splitlines()[1]) < 600


def test_a_pull_request_is_found_by_its_item_or_its_number(paths: Paths) -> None:
    rows = [
        {"number": 1, "item": "abc", "repo": "/a"},
        {"number": 1, "item": "xyz", "repo": "/b"},
        {"number": 2, "item": "abd", "repo": "/a"},
    ]
    whole = {"item": {}, "pull_request": {"number": 2, "item": "abd", "body": "All \x1b[2Jof it"}}
    with Answering(paths, by_heart(pull_requests=Reply("ok", data={"pull_requests": rows}), item=Reply("ok", data=whole))):
        by_number, ambiguous, none = (run(paths, "pr", "show", word) for word in ("#2", "1", "q"))

    assert "\nAll of it\n" in by_number.stdout
    assert (ambiguous.returncode, none.returncode) == (Exit.NOT_FOUND, Exit.NOT_FOUND)
    assert "'1' may be abc or xyz: name one of them" in ambiguous.stderr


def test_a_pull_request_that_is_followed_is_shown_with_what_was_read_of_it(paths: Paths) -> None:
    shown = {
        "mergeable": False, "labels": ["made"], "checks": [{"name": "unit\x1b[2J", "state": "failed", "conclusion": "failure"}],
        "reviews": [{"author": "alice", "verdict": "changes", "may_write": True, "commit": "a" * 40},
                    {"author": "bob", "verdict": "approved", "may_write": False, "commit": "a" * 40}],
    }  # fmt: skip
    whole = {
        "number": 7,
        "item": "abc",
        "looked_at": 0.0,
        "standing": "waits for a review.",
        "reworks": 2,
        "look_error": "the network is away",
    }
    answers = by_heart(
        pull_requests=Reply("ok", data={"pull_requests": [whole]}),
        item=Reply("ok", data={"item": {}, "pull_request": {**whole, "shown": shown}}),
    )
    with Answering(paths, answers):
        lines = [" ".join(line.split()) for line in run(paths, "pr", "show", "abc").stdout.splitlines()]

    assert "standing waits for a review." in lines
    assert "reworks 2" in lines
    assert "look failed the network is away" in lines
    assert "conflict with its base branch" in lines
    assert "labels made" in lines
    assert "unit failed failure" in lines
    assert f"alice changes yes {'a' * 12}" in lines
    assert f"bob approved no, may not write {'a' * 12}" in lines


@pytest.mark.parametrize(("read", "is_told"), [("b" * 40, True), ("a" * 40, False), (None, False)], ids=["another", "the same", "none"])
def test_what_was_read_of_another_commit_is_said_to_be(paths: Paths, read: str | None, is_told: bool) -> None:
    shown = {"head": read, "checks": [{"name": "unit", "state": "passed", "conclusion": "success"}]} if read else {}
    whole = {
        "number": 7,
        "item": "abc",
        "head": "a" * 40,
        "looked_at": 1.0,
        "standing": "waits for a review.",
        "reworks": 1,
        "shown": shown,
    }
    answers = by_heart(
        pull_requests=Reply("ok", data={"pull_requests": [whole]}), item=Reply("ok", data={"item": {}, "pull_request": whole})
    )
    with Answering(paths, answers):
        lines = [" ".join(line.split()) for line in run(paths, "pr", "show", "abc").stdout.splitlines()]

    assert (f"read of {'b' * 12}, which is not its head: what it waits for, checks and reviews are of then" in lines) is is_told
    assert ("unit passed success" in lines) is (read is not None)


def test_one_that_is_not_followed_says_nothing_of_it(paths: Paths) -> None:
    whole = {"number": 7, "item": "abc", "looked_at": None, "standing": "", "shown": {}, "reworks": 0}
    answers = by_heart(
        pull_requests=Reply("ok", data={"pull_requests": [whole]}), item=Reply("ok", data={"item": {}, "pull_request": whole})
    )
    with Answering(paths, answers):
        shown = run(paths, "pr", "show", "abc").stdout

    assert "standing" not in shown
    assert "CHECK" not in shown
