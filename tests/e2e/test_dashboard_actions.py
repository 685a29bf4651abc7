"""Each key that changes something, pressed on the screens themselves: through the command socket and the feed of a real factory.

What it did is read from the database and the operating system, and the notice from the screen. The terminal is Textual's own here;
test_dashboard.py has a real one.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from factory.clock import SystemClock
from factory.domain.events import item_stream
from factory.domain.ids import ItemId, branch_of
from factory.protocol.commands import Steer
from factory.transport.command_client import CommandClient
from factory.transport.feed_subscriber import FeedSubscriber
from tests.real_factory import AGENT, HEARTBEAT, SETTLED, RealFactory, git, real_factory
from tests.tui.conftest import Person
from tests.tui.test_fast_keys import at_once
from tests.waiting import eventually
from tui.app import FactoryTui
from tui.context import Context
from tui.link import Link
from tui.states import patience
from tui.world import World

_LATER = 100_000.0
"""Seconds before an item may be claimed that is to stay in the queue."""
_HOLDS = "while :; do sleep 0.1; done\n"
_GUARDED = "echo '# mine' >> .factory.toml\ngit add .factory.toml\n"
_AT_WORK = ("killed", "cancelled", "stopped", "locking")
_TO_JUDGE = ("approved", "rejected")
_QUEUED = ("raised", "lowered", "undone", "noted", "retried", "one of both", "other of both")


@dataclass(frozen=True)
class Site:
    """A factory with an item for each action.

    Attributes:
        items: their ids by the title.
        pids: of the agents of those at work.
    """

    factory: RealFactory
    remote: Path
    items: dict[str, str]
    pids: dict[str, int]

    def row(self, title: str) -> dict[str, Any]:
        return self.factory.item(self.items[title])

    def has_status(self, title: str, status: str) -> bool:
        return bool(self.row(title)["status"] == status)

    def gone(self, title: str) -> bool:
        return not psutil.pid_exists(self.pids[title])

    def events(self, title: str, type_: str) -> list[dict[str, Any]]:
        stream = item_stream(ItemId(self.items[title]))
        return [
            row["data"] for row in self.factory.rows("SELECT data FROM events WHERE stream = %s AND type = %s ORDER BY seq", stream, type_)
        ]

    def switched(self, part: str) -> str:
        """What holds a part of the factory; empty while nothing does."""
        (row,) = self.factory.rows("SELECT (SELECT value FROM limits WHERE name = 'pause') AS value")
        return str(((row["value"] or {}).get(part)) or "")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """All is made at once: agents start beside each other, and a killed attempt is the last one."""
    settings = {"FACTORY_MAX_ATTEMPTS": "1", "FACTORY_RETRY_STUCK": "false", "FACTORY_MAX_WORKERS": "6"}
    with real_factory(settings) as factory:
        factory.up()
        remote = factory.remote("api")
        holds, guarded = (program(factory, name, before) for name, before in (("holds", _HOLDS), ("guarded", _GUARDED)))
        items = {title: factory.submit(remote, title=title, engine=guarded) for title in _TO_JUDGE}
        items |= {title: factory.submit(remote, title=title, engine=holds, files=(f"{title}.txt",)) for title in _AT_WORK}
        items |= {title: factory.submit(remote, title=title, delay=_LATER) for title in _QUEUED}
        assert factory.ask(Steer(uuid4().hex, "cancel", items["retried"], "test"), SETTLED).code == "ok"
        pids = {title: eventually(partial(agent_of, factory, items[title]), SETTLED, factory.log) for title in _AT_WORK}
        for title in _TO_JUDGE:
            factory.settled(items[title], "needs_approval")
        yield Site(factory, remote, items, pids)
        factory.down()


def program(factory: RealFactory, name: str, before: str) -> str:
    agent = factory.folder / f"{name}.sh"
    agent.write_text(AGENT.replace("set -e\n", f"set -e\n{before}"))
    agent.chmod(0o755)
    return f"command:{agent}"


def agent_of(factory: RealFactory, item: str) -> int:
    row = factory.item(item)
    return factory.agents().get(f"{item}-{row['epoch']}", 0) if row["status"] == "running" else 0


def pressed(site: Site, steps: Callable[[Person], Any]) -> None:
    """Runs steps in front of the dashboard, once it is connected."""
    run, clock = site.factory.paths.run, SystemClock()
    link = Link(partial(FeedSubscriber, run, HEARTBEAT), partial(CommandClient, run))
    context = Context(World(), link, clock.monotonic, patience(HEARTBEAT), "me", wall=clock.now)

    async def inside() -> None:
        app = FactoryTui(context)
        async with app.run_test(size=(130, 30)) as pilot:
            person = Person(app, pilot)
            await person.until(lambda: link.live and context.world.items, "connected", SETTLED)
            await steps(person)

    asyncio.run(inside())


async def only(person: Person, screen: str, text: str) -> None:
    """A screen with nothing in it but what has this text."""
    await person.press(screen)
    types(person, f"/{text}", "enter")
    await person.until(lambda: person.app.seen.table.cursor_row is not None, f"{text} is under the cursor")  # type: ignore[union-attr]


def types(person: Person, text: str, *keys: str) -> None:
    """A text and the keys behind it, all in one read of the terminal: one by one they would take as long as all the rest."""
    names = {"/": "slash", ":": "colon", " ": "space"}
    at_once(person, [*(names.get(character, character) for character in text), *keys])


@dataclass(frozen=True)
class Key:
    """An action on an item.

    Attributes:
        title: of the item, or what all of them have in it.
        keys: what is pressed on it; a text in brackets is typed.
        done: whether it is seen outside of the dashboard.
        notice: what the dashboard says then.
    """

    title: str
    keys: Sequence[str]
    done: Callable[[Site], object]
    notice: str
    screen: str = "2"


KEYS = {
    "kill": Key("killed", ("ctrl+k", "y"), lambda site: site.gone("killed") and site.has_status("killed", "failed"), "kill {}: done"),
    "cancel": Key(
        "cancelled", ("X", "y"), lambda site: site.gone("cancelled") and site.has_status("cancelled", "cancelled"), "cancel {}: done",
    ),
    "cancel marked ones": Key(
        "of both", ("g", "space", "space", "X", "2", "enter"),
        lambda site: all(site.has_status(f"{one} of both", "cancelled") for one in ("one", "other")), "cancel 2 items: done",
    ),
    "retry": Key("retried", ("r",), lambda site: not site.has_status("retried", "cancelled"), "retry {}: done"),
    "raise": Key("raised", ("plus",), lambda site: site.row("raised")["priority"] == 1, "raise {}: done"),
    "lower": Key("lowered", ("minus",), lambda site: site.row("lowered")["priority"] == 3, "lower {}: done"),
    "undo": Key("undone", ("plus", "plus", "u"), lambda site: site.row("undone")["priority"] == 1, "undo: raise {}: done"),
    "note": Key(
        "noted", ("m", "[mind the gap]", "enter"),
        lambda site: [told["text"] for told in site.events("noted", "WORK_ITEM.NOTED.SUCCESS")] == ["mind the gap"], "note to {}: done",
    ),
    "approve": Key(
        "approved", ("a",),
        lambda site: f"refs/heads/{branch_of(ItemId(site.items['approved']))}" in git(site.remote, "for-each-ref"), "approve {}: done", "4",
    ),
    "reject": Key(
        "rejected", ("x", "[not this way]", "enter"),
        lambda site: site.has_status("rejected", "cancelled") and "not this way" in site.row("rejected")["reason"], "reject {}: done", "4",
    ),
    "take a lock away": Key(
        "locking.txt", ("ctrl+k", "[release]", "enter"),
        lambda site: not site.factory.rows("SELECT 1 FROM file_locks WHERE file_path = 'locking.txt'"), "release locking.txt: done", "5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("action", KEYS)
def test_a_key_on_a_row_does_it_to_the_row(site: Site, action: str) -> None:
    key = KEYS[action]
    notice = key.notice.format(site.items.get(key.title))

    async def steps(person: Person) -> None:
        await only(person, key.screen, site.items.get(key.title, key.title))
        if key.screen == "4":
            # A yes counts only for what is seen.
            await person.until(lambda: person.app.seen._digest, "the result is shown", SETTLED)  # type: ignore[union-attr]
        for one in key.keys:
            if one.startswith("["):
                types(person, one.strip("[]"))
            else:
                await person.press(one)
        await person.until(lambda: notice in person.notices, notice, SETTLED)
        assert all(told.endswith(": done") for told in person.notices)

    assert not key.done(site)
    pressed(site, steps)
    eventually(lambda: key.done(site), SETTLED, site.factory.log)


BOTH = "intake and dispatch"
SWITCHES: Sequence[tuple[str, str, set[str]]] = (
    (":pause intake", "pause intake", {"intake"}), (":resume intake", "resume intake", set()),
    (":pause dispatch", "pause dispatch", {"dispatch"}), (":resume", f"resume {BOTH}", set()),
    (":pause", f"pause {BOTH}", {"intake", "dispatch"}), (":resume", f"resume {BOTH}", set()),
    ("F", "drain dispatch", {"dispatch"}), (":resume dispatch", "resume dispatch", set()),
)  # fmt: skip
"""What is typed, what the dashboard says then, and what is held afterwards."""


def is_told(person: Person, notice: str) -> bool:
    return person.notices[-1:] == [notice]


def test_the_factory_is_paused_drained_and_resumed(site: Site) -> None:
    async def steps(person: Person) -> None:
        for keys, notice, held in SWITCHES:
            types(person, keys, *(["enter"] if keys.startswith(":") else []))
            await person.until(partial(is_told, person, f"{notice}: done"), notice, SETTLED)
            assert {part for part in ("intake", "dispatch") if site.switched(part)} == held, keys

    pressed(site, steps)


def test_a_process_of_the_tree_is_restarted(site: Site) -> None:
    before = site.factory.pids()["learner"]

    async def steps(person: Person) -> None:
        await only(person, "9", "learner")
        await person.press("ctrl+k")
        await person.sees("Restart learner?")
        await person.press("y")
        await person.until(lambda: person.notices == ["restart learner: done"], "the notice", SETTLED)

    pressed(site, steps)
    after = eventually(lambda: site.factory.pids().get("learner", before) != before, SETTLED, site.factory.log)
    assert after
    assert not psutil.pid_exists(before)


def test_all_agents_are_stopped_and_what_they_did_is_kept(site: Site) -> None:
    # The last one: it ends what the others are about.
    assert not site.gone("stopped")

    async def steps(person: Person) -> None:
        types(person, ":stop all", "enter")
        await person.sees("Stop all?")
        await person.press("y")
        await person.until(lambda: person.notices == ["emergency stop: done"], "the notice", SETTLED)

    pressed(site, steps)
    eventually(lambda: site.gone("stopped") and site.has_status("stopped", "queued"), SETTLED, site.factory.log)
    assert site.row("stopped")["attempts"] == 0
    assert site.switched("dispatch")
