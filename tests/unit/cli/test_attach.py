"""`factory attach` against a factory that only answers: how it ends, what it sends, what it says to programs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from factory.cli.exits import Exit
from factory.paths import Paths
from factory.protocol.commands import MAX_NOTE, AnyRequest, Query, Reply, Steer
from tests.unit.cli.answering import Answering, run

_ITEM = "7k2d9x0abc"


def factory(status: str, logs: dict[int, str], *, ended: bool = True, noted: Reply | None = None) -> Callable[[AnyRequest], Reply]:
    """One item with a log for each of its attempts."""

    def answer(request: AnyRequest) -> Reply:
        if not isinstance(request, Query):
            return noted or Reply("ok", data={"read_by": f"{_ITEM}-1"})
        if request.what == "item":
            row = {"id": _ITEM, "status": status, "why": "its repository is busy"}
            return Reply("ok", data={"item": row, "attempts": [{"epoch": epoch} for epoch in logs]})
        epoch = request.epoch or max(logs, default=0)
        whole = logs.get(epoch, "").encode()
        data: dict[str, Any] = {"data": whole[request.offset :].decode(), "next": len(whole), "size": len(whole)}
        return Reply("ok", data={"epoch": epoch, "ended": ended and bool(epoch), **data})

    return answer


@pytest.mark.parametrize(("status", "code"), [("completed", Exit.OK), ("in_review", Exit.OK), ("failed", Exit.FAILED)])
def test_of_an_item_that_ended_the_last_lines_are_shown_and_how_it_ended_is_the_exit_code(paths: Paths, status: str, code: Exit) -> None:
    with Answering(paths, factory(status, {1: "old\n", 2: "one\ntwo\x1b[2J\nthree\n"})):
        done = run(paths, "attach", _ITEM, "--tail", "2")

    assert (done.returncode, done.stdout) == (code, "two\nthree\n")
    assert done.stderr.startswith(f"{_ITEM}: {status}")


def test_programs_get_an_object_for_each_line_and_each_change(paths: Paths) -> None:
    with Answering(paths, factory("completed", {2: "one\n"})):
        done = run(paths, "attach", _ITEM, "--json")

    state, line = map(json.loads, done.stdout.splitlines())
    assert (state["kind"], state["status"], state["schema"]) == ("state", "completed", "factory.attach/1")
    assert line == {"kind": "line", "item": _ITEM, "epoch": 2, "text": "one", "schema": "factory.attach/1"}
    assert done.stderr == ""


@pytest.mark.parametrize("logs", [{}, {1: "one\n"}], ids=["no attempt yet", "between attempts"])
def test_nobody_is_waited_for_where_that_is_not_wanted_and_why_nobody_works_is_said(paths: Paths, logs: dict[int, str]) -> None:
    with Answering(paths, factory("queued", logs)):
        done = run(paths, "attach", _ITEM, "--no-wait")

    assert (done.returncode, done.stdout) == (Exit.TIMED_OUT, "".join(logs.values()))
    assert f"Nobody works on {_ITEM}: it is queued, its repository is busy." in done.stderr


def test_one_line_is_handed_over_and_nothing_followed(paths: Paths) -> None:
    with Answering(paths, factory("running", {1: ""}, ended=False)) as answering:
        done = run(paths, "attach", _ITEM, "--say", " use tabs ")

    (asked,) = answering.asked
    assert isinstance(asked, Steer)
    assert (asked.verb, asked.item, asked.argument) == ("note", _ITEM, "use tabs")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"Accepted: {_ITEM}-1 reads it at its next iteration.\n"


def test_a_line_that_is_refused_says_why(paths: Paths) -> None:
    with Answering(paths, factory("completed", {}, noted=Reply("conflict", "no agent will read it"))):
        done = run(paths, "attach", _ITEM, "--say", "x", "--json")

    assert done.returncode == Exit.REFUSED
    assert json.loads(done.stdout)["error"] == "no agent will read it"


@pytest.mark.parametrize("text", ["", "a\nb", "x" * (MAX_NOTE + 1)], ids=["empty", "several lines", "too long"])
def test_what_cannot_be_handed_over_as_a_line_is_refused_before_anybody_is_asked(paths: Paths, text: str) -> None:
    with Answering(paths, factory("running", {1: ""})) as answering:
        done = run(paths, "attach", _ITEM, "--say", text)

    assert (done.returncode, answering.asked) == (Exit.USAGE, [])
