"""What one task learnt reaches the next one of the same repository, and nothing else does."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.domain.ids import ItemId, branch_of
from factory.protocol.commands import Query
from tests.real_factory import RealFactory, git, real_factory
from tests.waiting import eventually

LESSON = "run make check before you commit"
TOKEN = "ghp_" + "a1B2c3D4e5" * 4


@pytest.fixture(scope="module")
def factory() -> Iterator[RealFactory]:
    with real_factory() as factory:
        factory.up()
        yield factory


def agent(factory: RealFactory, name: str, first: str) -> str:
    """An engine that does something before it does its task."""
    path = factory.folder / f"{name}.sh"
    head, _, rest = factory.agent.read_text().partition("set -e\n")
    path.write_text(f"{head}set -e\n{first}\n{rest}")
    path.chmod(0o755)
    return f"command:{path}"


def writing(factory: RealFactory, name: str, *lines: str) -> str:
    return agent(factory, name, "\n".join(f"echo '{line}' >> \"$FACTORY_NOTES/new-learnings.md\"" for line in lines))


def reading(factory: RealFactory) -> str:
    """Puts what it was given into its commit."""
    return agent(factory, "reading", 'cp "$FACTORY_NOTES/learnings.md" seen.txt 2>/dev/null || echo nothing > seen.txt\ngit add seen.txt')


def learnings(factory: RealFactory, repo: Path, text: str = "") -> list[dict[str, Any]]:
    reply = factory.ask(Query("learnings", str(repo), text=text))
    assert reply.code == "ok", reply.reason
    rows: list[dict[str, Any]] = reply.data["learnings"]
    return rows


def taken(factory: RealFactory, item: str) -> dict[str, Any]:
    """Waits until the learner has looked at an item's result."""
    return eventually(lambda: factory.rows("SELECT * FROM learnings_taken WHERE item = %s", item), 30, f"{item} is looked at")[0]


def active(factory: RealFactory, repo: Path) -> list[str]:
    return eventually(lambda: [row["content"] for row in learnings(factory, repo) if row["active"]], 30, "a learning is active")


def test_what_a_published_task_learnt_is_quoted_to_the_next_one_of_that_repository(factory: RealFactory) -> None:
    remote, other = factory.remote("taught"), factory.remote("untaught")
    first = factory.submit(remote, engine=writing(factory, "teaching", f"- {LESSON}", f"the token is {TOKEN}"))
    factory.settled(first)
    assert active(factory, remote) == [LESSON]

    second, elsewhere = (factory.submit(repo, engine=reading(factory)) for repo in (remote, other))
    factory.settled(second)
    factory.settled(elsewhere)

    seen = git(remote, "show", f"{branch_of(ItemId(second))}:seen.txt")
    assert f"> - {LESSON}\n" in seen
    assert TOKEN not in seen
    assert git(other, "show", f"{branch_of(ItemId(elsewhere))}:seen.txt") == "nothing\n"
    assert eventually(lambda: learnings(factory, remote)[0]["use_count"], 20, "its use is counted") == 1


def test_a_line_with_a_token_is_kept_nowhere_and_its_refusal_is_in_the_trail(factory: RealFactory) -> None:
    remote = factory.remote("leaky")
    item = factory.submit(remote, engine=writing(factory, "leaking", f"use {TOKEN} to log in", "the tests need a terminal"))
    factory.settled(item)

    counted = taken(factory, item)

    assert (counted["kept"], counted["refused"]) == (1, 1)
    assert [row["content"] for row in learnings(factory, remote)] == ["the tests need a terminal"]
    events = factory.view("events", item)["events"]
    (told,) = [event["data"] for event in events if event["type"] == "LEARNING.TAKEN.SUCCESS"]
    assert "GitHub token" in told["reasons"][0]
    assert TOKEN not in str(events)


def test_a_task_that_failed_teaches_nothing(factory: RealFactory) -> None:
    gate = '[[gates]]\nname = "check"\ncommand = "test -f marker"\n'
    remote = factory.remote("failing", {".factory.toml": gate, ".gitignore": "marker\n"})
    # Green where the agent works and red in the clean clone, so that its result is taken first and found wanting then.
    engine = agent(factory, "misled", "touch marker\necho 'always skip the gates' >> \"$FACTORY_NOTES/new-learnings.md\"")
    item = factory.submit(remote, engine=engine)
    factory.settled(item, "failed")
    eventually(lambda: len(factory.rows("SELECT 1 FROM learnings_taken WHERE item = %s", item)) == 3, 30, "all attempts are looked at")

    assert {row["active"] for row in learnings(factory, remote)} == {False}
    assert learnings(factory, remote, "skip the gates") == []


def test_a_search_finds_by_likeness_and_says_by_which_model(factory: RealFactory) -> None:
    remote = factory.remote("searched")
    lines = ("the database tests need port 5432", "icons are drawn in the assets folder")
    factory.settled(factory.submit(remote, engine=writing(factory, "searched", *lines)))
    eventually(lambda: len(active(factory, remote)) == 2, 30, "both are active")

    reply = factory.ask(Query("learnings", "searched", text="which port do the database tests use"))

    assert reply.code == "ok", reply.reason
    assert reply.data["model"] in {"all-MiniLM-L6-v2", "hashing-384"}
    assert [row["content"] for row in reply.data["learnings"]] == list(lines)
    assert {row["model"] for row in learnings(factory, remote)} == {reply.data["model"]}


def test_work_goes_on_while_the_learner_is_stopped_and_it_catches_up_afterwards() -> None:
    with real_factory() as factory:
        factory.up()
        remote = factory.remote("alone")
        learner = eventually(lambda: factory.pids().get("learner"), 30, "the learner is there")
        psutil.Process(learner).suspend()
        item = factory.submit(remote, engine=writing(factory, "alone", LESSON))
        factory.settled(item)
        # Where that took long, its supervisor has ended it for its silence.
        with suppress(psutil.NoSuchProcess):
            psutil.Process(learner).kill()

        assert active(factory, remote) == [LESSON]


def test_the_stats_count_attempts_and_what_came_of_them(factory: RealFactory) -> None:
    remote = factory.remote("counted")
    factory.settled(factory.submit(remote))

    stats = factory.view("stats")

    (mine,) = [row for row in stats["repos"] if row["repo"] == str(remote)]
    assert (mine["items"], mine["attempts"], mine["published"], mine["success_rate"], mine["iterations"]) == (1, 1, 1, 1.0, 3)
    assert stats["total"]["items"] == sum(row["items"] for row in stats["repos"])
