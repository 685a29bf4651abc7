"""`factory attach` at a real terminal: what a worker prints is seen as it prints it, and a line that is typed reaches its agent."""

from collections.abc import Iterator

import pytest

from tests.e2e.command_line import Person, person
from tests.e2e.terminal import needs_tmux, terminal
from tests.waiting import eventually

pytestmark = needs_tmux

_AGENT = """#!/bin/sh
set -e
line=$(grep -n -m1 -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1)
echo "the agent works on line $line"
[ ! -f "$FACTORY_NOTES/notes.md" ] || sed 's/^/it was told: /' "$FACTORY_NOTES/notes.md"
while [ -e "$(dirname "$0")/hold" ]; do sleep 0.05; done
echo "line $line" >> out.txt
git add out.txt
git commit -qm "task $line"
sed -i "${line}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
"""


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    with person(new=False) as one:
        one.use_agent(_AGENT)
        assert one.says("up", "--detach").returncode == 0
        yield one


def held(one: Person, boxes: int = 2) -> str:
    """An item whose agent is at work until `hold` goes."""
    one.hold.touch()
    one.spec.write_text("# Say hello\n\n" + "- [ ] again\n" * boxes)
    done = one.says("submit", *one.work())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def await_beats(one: Person, worker: str) -> None:
    """Two more, with which a note is said again to an agent that has not got it."""
    seen: set[float] = set()

    def beaten() -> bool:
        seen.update(row["beat_at"] for row in one.told("workers")["workers"] if row["id"] == worker)
        return len(seen) > 2

    eventually(beaten, 60, lambda: f"{worker} beats twice; {seen}")


def test_a_typed_line_is_read_by_a_later_iteration_and_the_view_ends_with_the_item(someone: Person) -> None:
    # An iteration is short, and a note that is accepted while the next one begins is read by the one after it.
    item = held(someone, boxes=6)
    with terminal(someone.folder, someone.command("attach", item[:6]), someone.environment) as shown:
        shown.sees("the agent works on line 3", "What you type is handed to the agent")
        shown.types("use \x1b[Atabs")
        shown.press("Enter")
        shown.sees(f"Accepted: {item}-1 reads it at its next iteration.")
        someone.hold.unlink()

        assert shown.ends() == 0
        past = shown.past()
        assert "the agent works on line 4" in past
        assert "it was told: use tabs" in past, someone.told("events", item)
        assert shown.modes == shown.modes_before


@pytest.mark.parametrize(("key", "code"), [("C-c", 130), ("C-d", 0)])
def test_leaving_leaves_the_worker_alone(someone: Person, key: str, code: int) -> None:
    item = held(someone)
    with terminal(someone.folder, someone.command("attach", item), someone.environment) as shown:
        shown.sees("the agent works on line 3")
        shown.press(key)

        assert shown.ends() == code
        assert f"The factory goes on with {item}." in shown.past()
    someone.hold.unlink()
    eventually(lambda: someone.status_of(item) == "completed", 60, "the worker goes on")
    assert len(someone.told("item", item)["attempts"]) == 1
