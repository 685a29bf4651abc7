"""`factory diff` and `factory gates`: a factory that answers, and a person who has to decide."""

import json
from typing import Any

from factory.cli.exits import Exit
from factory.paths import Paths
from factory.protocol.commands import AnyRequest, Query, Reply
from tests.unit.cli.answering import Answering, by_heart, run

_PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new \x1b[2J\u202e\r\n"
_PAGE = 40


def _answer(request: AnyRequest, **more: Any) -> Reply:
    assert isinstance(request, Query)
    page = _PATCH[request.offset : request.offset + _PAGE]
    told = {
        "item": "abc", "epoch": 2, "base": "b" * 40, "commit": "c" * 40, "digest": "d", "approvable": True,
        "commits": [{"commit": "c" * 40, "subject": "Do \x1b[31mit"}], "files": [{"path": "a.py", "added": 1, "deleted": None}],
        "file_count": 1, "patch": page, "size": len(_PATCH), "too_large": "", "offset": request.offset, "next": request.offset + len(page),
    }  # fmt: skip
    return Reply("ok", data={**told, **more})


def test_a_person_sees_all_of_it_and_what_to_say_yes_with(paths: Paths) -> None:
    with Answering(paths, _answer) as factory:
        done = run(paths, "diff", "abc")

    assert done.returncode == 0
    assert "abc, attempt 2: bbbbbbbbbbbb..cccccccccccc" in done.stdout
    assert "cccccccccccc Do it" in done.stdout
    assert "-old\n+new \\x1b[2J\\u202e\\r\n" in done.stdout
    assert "factory approve abc --epoch 2" in done.stderr
    # All further pages are of the same attempt, also where another one began meanwhile.
    assert [(ask.target, ask.epoch, ask.offset) for ask in factory.asked][:2] == [("abc", 0, 0), ("abc", 2, _PAGE)]


def test_programs_get_the_whole_patch_as_it_is(paths: Paths) -> None:
    with Answering(paths, _answer):
        found = json.loads(run(paths, "diff", "abc", "--json").stdout)

    assert (found["patch"], found["schema"], found["digest"]) == (_PATCH, "factory.diff/1", "d")


def test_what_nobody_has_to_approve_brings_no_such_advice(paths: Paths) -> None:
    with Answering(paths, lambda request: _answer(request, approvable=False)):
        assert run(paths, "diff", "abc").stderr == ""


def test_colours_are_for_terminals_and_those_who_ask_for_them(paths: Paths) -> None:
    with Answering(paths, _answer):
        plain, coloured = run(paths, "diff", "abc"), run(paths, "diff", "abc", FORCE_COLOR="1", NO_COLOR="")

    assert "\x1b" not in plain.stdout
    assert "\x1b[31m-old\x1b[0m" in coloured.stdout


def test_a_result_that_is_being_read_is_asked_for_again(paths: Paths) -> None:
    turns = iter([Reply("unavailable", "the result is being read; ask again")] * 2)

    with Answering(paths, lambda request: next(turns, None) or _answer(request)):
        assert run(paths, "diff", "abc").returncode == 0


def test_a_result_that_is_gone_is_not_found(paths: Paths) -> None:
    with Answering(paths, by_heart(diff=Reply("not_found", "the result is not kept any more"))):
        assert run(paths, "diff", "abc").returncode == Exit.NOT_FOUND


def test_a_patch_too_large_is_said_so_with_its_files(paths: Paths) -> None:
    large = {"too_large": "The patch is larger than 4 MB.", "size": 0, "patch": "", "file_count": 700}
    with Answering(paths, lambda request: _answer(request, **large)):
        shown = run(paths, "diff", "abc").stdout

    assert "The patch is larger than 4 MB." in shown
    assert "and 650 files more" in shown


def test_gates_are_shown_with_their_exit_code_and_the_end_of_their_output(paths: Paths) -> None:
    gate = {"epoch": 1, "name": "test", "passed": False, "required": True, "seconds": 2.0, "code": 7, "output": "1 failed\x1b[2J"}
    rows = [gate, {**gate, "epoch": 2, "passed": True, "code": 0, "output": "fine"}]
    with Answering(paths, by_heart(item=Reply("ok", data={"item": {"id": "abc"}, "gates": rows}))):
        everything, one = run(paths, "gates", "abc").stdout, json.loads(run(paths, "gates", "abc", "--attempt", "2", "--json").stdout)

    assert "1        test  failed  yes       7     2.0s" in everything
    assert "== test, attempt 1\n1 failed\n" in everything
    assert [row["epoch"] for row in one["gates"]] == [2]
