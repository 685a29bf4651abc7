"""The last column of `factory queue`, and a no with its reason."""

from typing import Any

from factory.paths import Paths
from factory.protocol.commands import Reply, Steer
from tests.unit.cli.answering import Answering, by_heart, run

_BEFORE = "the gate ruff failed"


def _queue(paths: Paths, *rows: dict[str, Any]) -> list[str]:
    with Answering(paths, by_heart(queue=Reply("ok", data={"items": list(rows)}))):
        return run(paths, "queue").stdout.splitlines()[1:]


def test_the_queue_says_of_each_item_why_it_is_where_it_is_and_nothing_of_the_attempt_before(paths: Paths) -> None:
    lines = _queue(
        paths,
        {"id": "aaa", "status": "running", "holder": "aaa-2", "reason": _BEFORE, "why": ""},
        {"id": "bbb", "status": "assigned", "holder": None, "reason": _BEFORE, "why": ""},
        {"id": "ccc", "status": "publishing", "reason": "", "why": "tried 7 times: disk full"},
        {"id": "ddd", "status": "queued", "reason": _BEFORE, "why": "1 ahead of it"},
        {"id": "eee", "status": "stuck", "reason": "no table", "why": ""},
    )

    said = {line.split()[0]: line.rstrip() for line in lines}
    assert said["aaa"].endswith("aaa-2 works on it")
    assert said["ccc"].endswith("tried 7 times: disk full")
    assert said["ddd"].endswith("1 ahead of it")
    assert said["eee"].endswith("no table")
    assert not [line for line in lines if _BEFORE in line]


def test_a_reason_is_sent_as_one_clean_line(paths: Paths) -> None:
    item = Reply("ok", data={"item": {"id": "abc0123456"}})
    with Answering(paths, by_heart(item=item, change=Reply("ok", data={"status": "cancelled"}))) as answering:
        done = run(paths, "reject", "abc0123456", "--reason", "It drops\n the \x1b[31mtests.", "--epoch", "2")

    assert (done.returncode, done.stderr) == (0, "reject abc0123456: it is cancelled now.\n")
    (sent,) = [request for request in answering.asked if isinstance(request, Steer)]
    assert (sent.verb, sent.item, sent.argument, sent.expected_epoch) == ("reject", "abc0123456", "It drops the tests.", 2)


def test_a_reason_that_is_a_book_is_refused_in_one_sentence(paths: Paths) -> None:
    done = run(paths, "reject", "abc0123456", "--reason", "x" * 801)

    assert done.returncode == 2
    assert done.stderr == "factory: --reason: it has at most 800 characters; say the rest where you say it to people.\n"
