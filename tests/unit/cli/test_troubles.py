"""What `factory status`, `show` and an error say of things that go wrong around the factory."""

from typing import Any

import pytest

from factory.cli import processes
from factory.cli.exits import Exit
from factory.clock import SystemClock
from factory.paths import Paths
from factory.protocol.commands import Reply
from tests.repositories import make_remote
from tests.unit.cli.answering import Answering, by_heart, run


def status(paths: Paths, **data: Any) -> list[str]:
    with Answering(paths, by_heart(status=Reply("ok", data=data))):
        return run(paths, "status").stdout.splitlines()


def test_a_result_that_cannot_be_published_now_is_told_with_what_is_in_its_way(paths: Paths) -> None:
    rows = [{"item": f"item{number}", "tries": 4, "last_error": "GitHub could not answer (502)."} for number in range(5)]

    shown = status(paths, outbox=[{"item": "fine", "tries": 0, "last_error": ""}, *rows])

    told = [line.split(maxsplit=1)[1] for line in shown if line.startswith("blocked")]
    assert told == [*(f"item{number} (tried 4 times): GitHub could not answer (502)." for number in range(3)), "and 2 more"]
    assert "fine" not in "".join(shown)


def test_an_engine_that_may_not_be_used_is_told_with_until_when(paths: Paths) -> None:
    now = SystemClock().now()
    limits = {
        "hold:claude": {"kind": "quota", "reason": "the limit is reached", "until": now + 7230},
        "hold:codex": {"kind": "auth", "reason": "not logged in", "until": None},
        "hold:gemini": {"kind": "quota", "reason": "was reached", "until": now - 60},
    }

    held = [line for line in status(paths, limits=limits) if line.startswith("held")]

    assert len(held) == 2
    assert "claude for 2h 0m: the limit is reached" in held[0]
    assert "codex until `factory resume`: not logged in" in held[1]


def test_an_item_that_waits_for_a_person_without_a_result_is_not_said_to_be_approvable(paths: Paths) -> None:
    item = {"id": "abc", "status": "needs_approval"}
    attempt = {"epoch": 1, "outcome": "policy", "head_commit": None}

    with Answering(paths, by_heart(item=Reply("ok", data={"item": item, "attempts": [attempt]}))):
        shown = run(paths, "show", "abc").stdout

    assert shown.endswith("next\n  factory retry abc\n  factory cancel abc\n")


def test_a_submission_that_is_not_answered_names_the_item_that_it_may_become(paths: Paths) -> None:
    remote = make_remote(paths.data / "app").bare
    (paths.data / "SPEC.md").write_text("# A\n\n- [ ] one\n")
    away = Reply("unavailable", "the queue does not answer at the moment; the same command may be given again")

    with Answering(paths, by_heart(change=away, status=Reply("ok", data={}))) as factory:
        done = run(paths, "submit", "--repo", str(remote), "--spec", "SPEC.md", "--engine", "command:true")

    item = next(request.item for request in factory.asked if hasattr(request, "item"))
    assert done.returncode == Exit.UNREACHABLE
    assert f"the queue does not answer at the moment. It may be accepted all the same: look with `factory show {item}`" in done.stderr
    assert "same command" not in done.stderr


@pytest.mark.parametrize(
    ("why", "warned"),
    [
        ("no host has the label gpu: `factory worker enroll NAME --label gpu` makes one", True),
        ("no place is free on a host with the label gpu", False),
        ("waiting for hosts to reconnect", False),
    ],
)
def test_labels_that_no_host_has_are_warned_of_and_not_refused(paths: Paths, why: str, warned: bool) -> None:
    remote = make_remote(paths.data / "app").bare
    (paths.data / "SPEC.md").write_text("# A\n\n- [ ] one\n")
    shown = Reply("ok", data={"item": {"why": why}})

    with Answering(paths, by_heart(change=Reply("ok"), status=Reply("ok", data={}), item=shown)) as factory:
        done = run(paths, "submit", "--repo", str(remote), "--spec", "SPEC.md", "--engine", "command:true", "--needs", "gpu")

    item = next(request.item for request in factory.asked if hasattr(request, "item"))
    assert (done.returncode, done.stdout.strip()) == (0, item)
    assert (f"It waits: {why}." in done.stderr) is warned


@pytest.mark.parametrize(("state", "words"), [("running", "`factory doctor` looks"), ("starting", "starting or stopping")])
def test_a_factory_whose_journal_runs_and_says_nothing_is_not_taken_for_one_that_starts(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, state: str, words: str
) -> None:
    node = {"name": "journal", "state": state, "stopped_by": ""}
    monkeypatch.setattr(processes, "supervisors_tree", lambda *_: {"tree": [node]})

    assert words in processes.why_silent(paths)


def test_with_an_own_database_too_it_is_said_that_what_was_done_is_kept(paths: Paths) -> None:
    (paths.logs / "factory.log").touch()

    assert "What was done there is kept" in run(paths, "status").stderr
