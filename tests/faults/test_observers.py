"""What can happen between the factory and those who watch it: F26 to F28."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from factory.domain.events import LIFECYCLE
from factory.protocol.commands import Query
from factory.protocol.feed import Snapshot
from factory.transport.feed_subscriber import FeedSubscriber
from tests.faults import observing
from tests.faults.driver import Trial
from tests.faults.evidence import timed
from tests.faults.grounds import H
from tests.faults.test_hub import heard_since
from tests.waiting import eventually

WORKERS, TERMINALS = 12, 10
STEERS = 1500
LATE_JOINERS = 25
MEGABYTE = 1_000_000


class Terminal:
    """An observer's process and what it holds."""

    def __init__(self, trial: Trial, number: int) -> None:
        self._file = trial.site.folder / f"observer-{secrets.token_hex(4)}-{number}.json"
        command = [sys.executable, observing.__file__, str(trial.site.paths.run), str(H), str(self._file)]
        self.process = subprocess.Popen(command, env={"PYTHONPATH": str(Path.cwd())}, stdin=subprocess.DEVNULL)

    def state(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            state: dict[str, Any] = json.loads(self._file.read_text())
            return state
        return {"items": {}, "snapshots": 0, "updates": 0, "painted": None, "live": False}

    def agrees(self, trial: Trial, items: list[str]) -> bool:
        return all(same(self.state()["items"].get(item), trial.site.item(item)) for item in items)


def same(seen: dict[str, Any] | None, row: dict[str, Any]) -> bool:
    return seen is not None and all(seen[column] == row[column] for column in LIFECYCLE)


@contextmanager
def terminals(trial: Trial, count: int) -> Iterator[list[Terminal]]:
    with ExitStack() as stack:
        watching = [Terminal(trial, number) for number in range(count)]
        for terminal in watching:
            stack.callback(terminal.process.wait, 10)
            stack.callback(terminal.process.kill)
        eventually(lambda: all(terminal.state()["live"] for terminal in watching), 60, "all terminals show something")
        yield watching


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.alone
@pytest.mark.scenario("F26", "all workers and terminals reconnect at once", bound=2, settings={"FACTORY_MAX_WORKERS": str(WORKERS)})
def test_everybody_is_back_soon_after_gateway_and_journal_were_killed(trial: Trial) -> None:
    trial.site.say("wait")
    items = [trial.submit() for _ in range(WORKERS)]
    for item in items:
        trial.running(item)
    with terminals(trial, TERMINALS) as watching:
        before = [terminal.state()["snapshots"] for terminal in watching]
        pids = trial.site.pids()
        trial.kill([pids["gateway"], pids["journal"]], "gateway and journal")
        killed = time.monotonic()
        eventually(lambda: all(heard_since(trial, item, killed) for item in items), 30, "all workers are heard")
        eventually(lambda: all(t.state()["snapshots"] > b for t, b in zip(watching, before, strict=True)), 30, "all terminals are up")
        trial.took_since_fault()
        trial.pause(2)
        asked = [terminal.state()["snapshots"] - number for terminal, number in zip(watching, before, strict=True)]
        assert max(asked) <= 2, f"snapshots asked for: {asked}"

    trial.settle()
    assert {trial.site.item(item)["epoch"] for item in items} == {1}
    trial.remark = f"{WORKERS} workers, {TERMINALS} terminals"


@pytest.mark.faults
@pytest.mark.timeout(200)
@pytest.mark.alone
@pytest.mark.scenario("F27", "a terminal is stopped while much happens", bound=2)
def test_a_slow_terminal_costs_nobody_else_anything(trial: Trial) -> None:
    site = trial.site
    item = trial.submit(delay=3600.0)
    with terminals(trial, 2) as (slow, quick):
        journal = psutil.Process(trial.actor("journal"))
        memory = journal.memory_info().rss
        updates = quick.state()["updates"]
        trial.stop([slow.process.pid], "a terminal")
        waits = []
        for number in range(STEERS):
            trial.steer("prioritise", item, argument=str(number % 4))
            if number % 100 == 0:
                waits.append(timed(lambda: site.ask(Query("status"))))
        assert max(waits) < 1, "others waited for the slow one"
        eventually(lambda: quick.agrees(trial, [item]), 10, "the other terminal is up to date")
        grown = (journal.memory_info().rss - memory) / MEGABYTE
        assert grown < 50, f"the journal grew by {grown:.0f} MB"
        trial.resume([slow.process.pid], "the terminal")
        eventually(lambda: slow.agrees(trial, [item]), 30, "the slow terminal has caught up")
        trial.took_since_fault()
        trial.remark = f"{STEERS} changes, {quick.state()['updates'] - updates} updates, the journal grew by {grown:.1f} MB"

    assert trial.steer("cancel", item).code == "ok"
    trial.settle(status="cancelled")


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F28", "terminals start at any time", bound=1)
def test_a_late_joiner_sees_what_is(trial: Trial) -> None:
    items = [trial.submit() for _ in range(3)]
    trial.did("items are being worked on", lambda: any(trial.site.item(item)["status"] == "running" for item in items), 30)
    slowest = 0.0
    for _ in range(LATE_JOINERS):
        trial.pause(0.0, 0.15)
        began = time.monotonic()
        subscriber = FeedSubscriber(trial.site.paths.run, H)
        try:
            first = subscriber.poll(10)
            slowest = max(slowest, time.monotonic() - began)
            assert isinstance(first, Snapshot)
            replica = {row["id"]: row for row in first.items}
            eventually(lambda s=subscriber, r=replica: caught_up(s, r, trial, items), 10, "it agrees")  # type: ignore[misc]
            trial.took(time.monotonic() - began)
        finally:
            subscriber.close()
    assert slowest <= 1, f"the first picture took {slowest:.2f} s"

    trial.settle()
    trial.remark = f"{LATE_JOINERS} joiners, first picture after {slowest:.3f} s at most"


def caught_up(subscriber: FeedSubscriber, replica: dict[str, Any], trial: Trial, items: list[str]) -> bool:
    while (update := subscriber.poll(0)) is not None:
        if isinstance(update, Snapshot):
            replica.clear()
            replica.update({row["id"]: row for row in update.items})
        elif update.kind == "item":
            replica[update.id] = update.data
    return all(same(replica.get(item), trial.site.item(item)) for item in items)
