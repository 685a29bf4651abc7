"""What the dashboard holds of a busy factory, whenever it starts, stops or stands still: the fold of the events, each time (F26 to F28)."""

import json
import random
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from factory.domain.events import LIFECYCLE, EventType, NewEvent, fold, item_stream, operator_stream
from factory.protocol.commands import Steer, Switch
from factory.storage.events import EventReader, append
from factory.transport.command_client import CommandClient
from factory.transport.feed_subscriber import FeedSubscriber
from tests.real_factory import HEARTBEAT, RealFactory, real_factory
from tests.waiting import eventually
from tui.link import Link
from tui.world import World

_SECONDS = 60.0
_STARTS, _AT_ONCE, _SEED = 200, 8, 5
_MOST_UPDATES = 60
"""A client is stopped after so many messages at most: before its first snapshot, right behind it, or well on its way."""
_ITEMS = 12
_EVENTS_OF_A_MINUTE = 30_000
"""Five hundred a second: what a large factory tells. Half of it is more than the queues between the two ends hold."""
_AT_ONE_TIME = 500
_PADDING = "x" * 1_500
_MOST_BYTES = 20_000_000
"""What the second half of that may cost the factory, which has 24 MB to tell in it. Where others have the processors also the one that
goes on is behind at times, and what waits for it takes room: 2 to 15 MB were seen."""

_LONG = "# Say hello often\n\n" + "".join(f"- [ ] number {number}\n" for number in range(45))

Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def site() -> Iterator[RealFactory]:
    with real_factory({"FACTORY_MAX_WORKERS": "2"}) as factory:
        factory.up()
        yield factory
        factory.down()


class Client:
    """The dashboard without a screen: its link to the factory and the world that it holds."""

    def __init__(self, run_dir: Path) -> None:
        self.world = World()
        self.taken = 0
        self._link = Link(partial(FeedSubscriber, run_dir, HEARTBEAT), partial(CommandClient, run_dir))
        self._link.start()

    def take(self) -> int:
        """Takes what came, and returns how much that is by now."""
        for update in self._link.updates():
            self.world.take(update, 0.0)
            self.taken += 1
        return self.taken

    def items(self) -> dict[str, Row]:
        return {key: seen.row for key, seen in self.world.items.items()}

    def close(self) -> None:
        self._link.close()


@contextmanager
def client_of(site: RealFactory) -> Iterator[Client]:
    client = Client(site.paths.run)
    try:
        yield client
    finally:
        client.close()


def versions(site: RealFactory) -> dict[str, int]:
    return {row["id"]: row["version"] for row in site.rows("SELECT id, version FROM work_items")}


def start_and_stop(site: RealFactory, updates: int) -> dict[str, Row]:
    """The items that a client holds when it is stopped after so many messages, and has in it all that was there by then."""
    before = versions(site)
    with client_of(site) as client:
        eventually(lambda: client.take() >= updates, _SECONDS, lambda: f"{updates} messages come, not {client.taken}")
        if updates:
            assert behind(client, before) == {}, "its snapshot is older than its start"
            now = versions(site)
            eventually(lambda: client.take() and not behind(client, now), _SECONDS, lambda: f"not told: {behind(client, now)}")
        return client.items()


def behind(client: Client, wanted: Mapping[str, int]) -> dict[str, int]:
    """Items of which it holds no version as new as these."""
    held = client.items()
    return {item: version for item, version in wanted.items() if item not in held or held[item]["version"] < version}


@contextmanager
def steered(site: RealFactory, items: list[str]) -> Iterator[None]:
    """Priorities change all the time, as quickly as the factory takes it."""
    stopping, failures = threading.Event(), deque[str]()

    def steer() -> None:
        client, rng = CommandClient(site.paths.run), random.Random(_SEED)
        while not stopping.is_set():
            reply = client.ask(Steer(uuid4().hex, "prioritise", rng.choice(items), "test", argument=str(rng.randrange(4))), _SECONDS)
            if reply.code not in {"ok", "refused"}:
                failures.append(reply.reason)
        client.close()

    thread = threading.Thread(target=steer)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(_SECONDS)
    assert not failures


def states(site: RealFactory, items: list[str]) -> dict[str, list[Row]]:
    """Item → what the fold of its events gives at each of its versions, from the first."""
    with site.database() as database:
        reader = EventReader(database)
        told = {item: [event.data for event in _whole(reader, item) if event.data.keys() & set(LIFECYCLE)] for item in items}
    return {item: [fold(data[: end + 1]) for end in range(len(data))] for item, data in told.items()}


def _whole(reader: EventReader, item: str) -> list[Any]:
    events: list[Any] = []
    while page := reader.stream(item_stream(item), len(events)):
        events += page
    return events


def lifecycle(row: Row) -> Row:
    return {column: row[column] for column in LIFECYCLE}


def known(client: Client) -> dict[str, dict[str, Row]]:
    """Its tables without ages and the like, which are of the moment when they were told."""
    _ = client.take()
    world, kept = client.world, ("id", "status", "epoch", "version", "state", "pid")
    tables = {
        "items": world.items, "workers": world.workers, "locks": world.locks, "pull_requests": world.pull_requests,
        "outbox": world.outbox, "nodes": world.nodes,
    }  # fmt: skip
    return {name: {key: {k: seen.row.get(k) for k in kept} for key, seen in table.items()} for name, table in tables.items()}


def test_a_dashboard_that_starts_and_stops_at_any_time_holds_the_fold_of_the_events(site: RealFactory) -> None:
    remote = site.remote("busy")
    items = [site.submit(remote, spec=_LONG) for _ in range(_ITEMS)]
    eventually(lambda: "running" in {row["status"] for row in site.rows("SELECT status FROM work_items")}, _SECONDS, site.log)
    rng = random.Random(_SEED)
    stops = [max(0, rng.randrange(-_MOST_UPDATES // 4, _MOST_UPDATES)) for _ in range(_STARTS)]

    with client_of(site) as always:
        with steered(site, items), ThreadPoolExecutor(_AT_ONCE) as pool:
            held = list(pool.map(partial(start_and_stop, site), stops))
        for item in items:
            site.ask(Steer(uuid4().hex, "cancel", item, "test"), _SECONDS)
        settled(site, always)

    was = states(site, items)
    assert {item: len(was[item]) for item in items} == versions(site)
    for stop, rows in zip(stops, held, strict=True):
        assert rows.keys() == set(items) or (not stop and not rows)
        assert {item: lifecycle(row) for item, row in rows.items()} == {item: was[item][row["version"] - 1] for item, row in rows.items()}
    assert sum("running" in {row["status"] for row in rows.values()} for rows in held) > _STARTS / 2, "the factory was busy"


def settled(site: RealFactory, client: Client) -> None:
    """Waits until nothing happens any more, and one that was there all the time holds what one sees that begins then."""
    eventually(lambda: not site.rows("SELECT 1 FROM workers WHERE status <> 'dead'"), _SECONDS, site.log)
    with client_of(site) as fresh:
        eventually(fresh.take, _SECONDS)
        eventually(lambda: known(client) == known(fresh), _SECONDS, lambda: f"{known(client)} is not {known(fresh)}")


_STOPPABLE = """
import json, sys, time
from pathlib import Path
from factory.domain.events import LIFECYCLE
from tests.e2e.test_dashboard_replica import Client

client, file, said = Client(Path(sys.argv[1])), Path(sys.argv[2]), None
while True:
    client.take()
    if client.world.version != said:
        said = client.world.version
        new = file.with_suffix(".new")
        new.write_text(json.dumps({key: {name: row[name] for name in LIFECYCLE} for key, row in client.items().items()}))
        new.replace(file)
    time.sleep(0.02)
"""


@contextmanager
def another(site: RealFactory, file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A client in a process of its own, that writes the items that it holds to a file."""
    process = subprocess.Popen([sys.executable, "-c", _STOPPABLE, str(site.paths.run), str(file)], env={"PYTHONPATH": str(Path.cwd())})
    try:
        yield process
    finally:
        process.kill()
        process.wait(_SECONDS)


def flood(site: RealFactory, events: int, client: Client) -> None:
    """Adds so many events to the trail, and waits until one that follows has heard the last of them."""
    stream = operator_stream("test")
    with site.database() as database:
        for number in range(0, events, _AT_ONE_TIME):
            told = [NewEvent(stream, EventType.COMMAND, {"number": number + more, "text": _PADDING}) for more in range(_AT_ONE_TIME)]
            with database.transaction() as cursor:
                append(cursor, told)
            client.take()
    last = site.rows("SELECT max(seq) AS seq FROM events WHERE stream = %s", stream)[0]["seq"]
    eventually(lambda: client.take() and client.world.events and client.world.events[-1]["seq"] == last, _SECONDS, "all was told")


def test_one_that_stands_still_for_a_minutes_worth_of_events_costs_the_factory_nothing_and_catches_up(site: RealFactory) -> None:
    remote, file = site.remote("still"), site.folder / "held.json"
    site.ask(Switch("p", "pause", ("dispatch",), "test"))
    items = [site.submit(remote) for _ in range(_ITEMS)]

    def held() -> Any:
        return json.loads(file.read_text()) if file.exists() else None

    def there() -> dict[str, Row]:
        return {row["id"]: lifecycle(row) for row in site.rows("SELECT * FROM work_items")}

    with another(site, file) as process, client_of(site) as quick:
        eventually(lambda: held() == there(), _SECONDS)
        journal = psutil.Process(site.pids()["journal"])
        process.send_signal(signal.SIGSTOP)
        flood(site, _EVENTS_OF_A_MINUTE // 2, quick)
        before = journal.memory_info().rss

        flood(site, _EVENTS_OF_A_MINUTE // 2, quick)
        grown = journal.memory_info().rss - before
        for number, item in enumerate(items):
            assert site.ask(Steer(uuid4().hex, "prioritise", item, "test", argument=str(number % 4)), _SECONDS).code == "ok"
        eventually(lambda: quick.take() and not behind(quick, versions(site)), _SECONDS, "the others are told at once")

        assert grown < _MOST_BYTES
        assert held() != there()
        process.send_signal(signal.SIGCONT)
        eventually(lambda: held() == there(), _SECONDS, "it has caught up")
