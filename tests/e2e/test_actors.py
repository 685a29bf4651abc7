"""What an operator does with single processes of a factory: look at them, stop, start and restart them, whatever state they are in."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.command_line import Person, person
from tests.waiting import eventually

_SECONDS = 60


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    with person(new=False) as one:
        assert one.says("up", "--detach").returncode == 0
        yield one
        assert one.says("down").returncode == 0
        assert one.left_over() == []


def node(one: Person, name: str) -> dict[str, Any]:
    return next(row for row in one.reads("tree")["tree"] if row["name"] == name)


def test_each_process_is_shown_with_its_memory_and_its_inbox(someone: Person) -> None:
    eventually(lambda: all(row["inbox"] == 0 for row in someone.reads("tree")["tree"]), _SECONDS, "all have said how they are")

    rows = {row["name"]: row for row in someone.reads("tree")["tree"]}

    assert {"database", "queue", "limiter", "locks", "gateway", "dispatcher", "journal", "delivery", "learner"} == set(rows)
    assert all(row["rss"] > row["private"] > 0 and row["uptime"] > 0 and row["state"] == "running" for row in rows.values())
    heads = someone.says("tree").stdout.splitlines()[0].split()
    assert heads == ["LEVEL", "NAME", "PID", "STATE", "RESTARTS", "UP", "INBOX", "RSS", "PRIVATE", "REASON"]


def test_a_killed_process_is_shown_with_the_reason_of_its_end(someone: Person) -> None:
    before = node(someone, "locks")
    os.kill(before["pid"], signal.SIGKILL)

    eventually(lambda: node(someone, "locks")["pid"] not in {None, before["pid"]}, _SECONDS)

    row = node(someone, "locks")
    assert (row["restarts"], row["reason"]) == (before["restarts"] + 1, "killed by SIGKILL")


def test_a_stopped_actor_stays_stopped_and_status_says_so_until_it_is_started(someone: Person) -> None:
    done = someone.says("actor", "stop", "delivery")
    assert (done.returncode, done.stdout) == (0, "")

    assert node(someone, "delivery")["state"] == "stopped by operator"
    assert "stopped by operator" in someone.says("tree").stdout
    assert "stopped    delivery (by " in someone.says("status").stdout
    assert [one["name"] for one in someone.reads("status")["stopped"]] == ["delivery"]
    assert someone.says("actor", "start", "delivery").returncode == 0
    assert node(someone, "delivery")["state"] == "running"
    assert someone.reads("status")["stopped"] == []


def test_a_stopped_journal_keeps_nobody_from_looking_and_from_starting_it_again(someone: Person) -> None:
    assert someone.says("actor", "stop", "journal").returncode == 0

    refused = someone.says("status")
    assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
    assert "`factory actor start journal` starts it" in refused.stderr
    assert node(someone, "journal")["state"] == "stopped by operator"
    assert someone.says("actor", "start", "journal").returncode == 0
    assert someone.says("status").returncode == 0


def test_a_journal_that_hangs_can_be_restarted(someone: Person) -> None:
    pid = node(someone, "journal")["pid"]
    os.kill(pid, signal.SIGSTOP)

    done = someone.says("actor", "restart", "journal")

    assert done.returncode == 0, done.stderr
    assert node(someone, "journal")["pid"] != pid


def test_the_database_can_be_restarted_under_all_others(someone: Person) -> None:
    others = {row["name"]: row["pid"] for row in someone.reads("tree")["tree"] if row["name"] != "database"}

    assert someone.says("actor", "restart", "database").returncode == 0

    eventually(lambda: someone.says("status").returncode == 0, _SECONDS)
    after = {row["name"]: row["pid"] for row in someone.reads("tree")["tree"] if row["name"] != "database"}
    assert after == others


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("stop", "nobody"), 3, "there is no actor 'nobody'"),
        (("stop", "database"), 5, "no other actor can work without the database"),
        (("restart", "supervisor"), 5, "`factory down` stops it"),
        (("stop", "delivery", "--timeout", "soon"), 2, "--timeout: 'soon'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(someone: Person, words: tuple[str, ...], code: int, sentence: str) -> None:
    done = someone.says("actor", *words)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert sentence in done.stderr


def test_without_a_factory_it_is_exit_code_4() -> None:
    with person() as alone:
        for words in (["tree"], ["actor", "stop", "queue"]):
            done = alone.says(*words)
            assert (done.returncode, done.stderr.count("\n")) == (4, 1), done.stderr
