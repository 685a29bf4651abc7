"""Approving with open eyes: from a result that a person has to look at to exactly that result on its branch."""

from collections.abc import Iterator

import pytest

from tests.e2e.command_line import Person, person
from tests.waiting import eventually

_TOUCHES_GATES = """#!/bin/sh
set -e
echo "hello" > out.txt
echo "# mine" >> .factory.toml
git add .
git commit -qm "Do it"
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
"""
_LEFT_OUT = """#!/bin/sh
touch left.tmp
echo more >> out.txt
git add out.txt
git commit -qm "Do it"
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
"""
_NEEDS_LEFT_OUT = """[[gates]]
name = "test"
command = "test -e left.tmp || { echo left.tmp is missing; exit 7; }"
"""


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    """With a factory that runs, and an agent whose results a person has to look at."""
    with person(new=False) as one:
        one.use_agent(_TOUCHES_GATES)
        assert one.says("up", "--detach").returncode == 0
        yield one


def test_what_is_approved_was_seen_before_anything_was_pushed(someone: Person) -> None:
    before = someone.branches()
    item = someone.says("submit", *someone.work()).stdout.strip()
    eventually(lambda: someone.status_of(item) == "needs_approval", 60)

    shown, seen = someone.says("show", item), someone.reads("diff", item)
    text = someone.says("diff", item)

    assert "found\n  .factory.toml is guarded\n" in shown.stdout
    assert f"factory diff {item}" in shown.stdout
    assert "+# mine" in text.stdout
    assert f"factory approve {item} --epoch 1" in text.stderr
    assert someone.branches() == before
    assert list((someone.paths.imports / "shown").glob("*")) == []

    assert someone.says("approve", item, "--epoch", "1").returncode == 0
    eventually(lambda: someone.status_of(item) == "completed", 60)

    assert someone.branches()[f"factory/{item}"] == seen["commit"]
    # Its bundle is gone by then, and the branch is on the remote.
    assert someone.reads("diff", item)["patch"] == seen["patch"]
    assert someone.says("retry", item).stderr == (
        f"factory: {item} is completed, only an item that failed, was cancelled or waits can be retried\n"
    )


def test_a_result_is_rejected_with_the_reason_that_its_readers_find(someone: Person) -> None:
    before = someone.branches()
    item = someone.says("submit", *someone.work()).stdout.strip()
    eventually(lambda: someone.status_of(item) == "needs_approval", 60)

    done = someone.says("reject", item, "--reason", "The gates are \x1b[31mnot yours.", "--epoch", "1")

    assert (done.returncode, done.stderr) == (0, f"reject {item}: it is cancelled now.\n")
    told = someone.reads("show", item)["item"]
    assert told["status"] == "cancelled"
    assert told["reason"].endswith(": The gates are not yours.")
    assert ": The gates are not yours." in someone.says("events", item).stdout
    assert someone.branches() == before


@pytest.fixture
def another() -> Iterator[Person]:
    with person(new=False) as one:
        yield one


def test_a_gate_that_is_red_in_the_verification_alone_tells_what_it_printed(another: Person) -> None:
    (another.repo / ".factory.toml").write_text(_NEEDS_LEFT_OUT)
    (another.repo / ".gitignore").write_text("left.tmp\n")
    another.git("add", ".")
    another.git("commit", "-qm", "Gates")
    another.use_agent(_LEFT_OUT)
    assert another.says("up", "--detach", "--set", "max_attempts=1").returncode == 0
    item = another.says("submit", *another.work()).stdout.strip()
    eventually(lambda: another.status_of(item) == "failed", 60)

    shown, gates, events = (another.says(word, item).stdout for word in ("show", "gates", "events"))

    assert "failed  test, " in shown
    assert ", exit code 7\n" in shown
    assert "left.tmp is missing" in shown
    assert "== test, attempt 1\nleft.tmp is missing" in gates
    assert "GATE.VERIFICATION.FAILED" in events
    assert another.says("logs", item, "--attempt", "9").returncode == 3
    assert "is not kept any more" in another.says("diff", item).stderr
