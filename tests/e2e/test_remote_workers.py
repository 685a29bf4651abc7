"""Items whose workers run on another machine, which here is another process with a folder of its own."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from factory.errors import FactoryUnreachable
from factory.protocol.commands import SteerHost
from tests.real_factory import RealFactory, check_item, left_over, real_factory
from tests.remote_worker import RemoteWorker, enrolled, free_port, is_here, join_line, remote_settings
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def factory() -> Iterator[RealFactory]:
    with real_factory(remote_settings(free_port())) as factory:
        factory.up()
        yield factory
        factory.down()


@pytest.fixture(scope="module")
def anvil(factory: RealFactory) -> RemoteWorker:
    """A machine that has joined, and does not run: few may join within a minute."""
    made = RemoteWorker(factory.folder, "anvil")
    assert made.join(*join_line(factory, "anvil")).returncode == 0
    return made


def test_an_item_runs_on_a_remote_worker(factory: RealFactory, anvil: RemoteWorker) -> None:
    remote, worker = factory.remote("repo"), anvil
    worker.start()

    item = factory.submit(remote)
    factory.settled(item)

    check_item(factory, item, remote)
    rows = factory.rows("SELECT host, isolation FROM workers WHERE work_item_id = %s", item)
    assert rows == [{"host": "anvil", "isolation": "unconfined"}]
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left but {left_over(factory, item)}")
    eventually(lambda: not any((worker.data / "workers").glob("*-*")), 30, "nothing is left over there")
    assert list((worker.data / "outgoing").iterdir()) == []
    worker.stop()


def test_an_item_runs_on_a_machine_of_the_version_before(factory: RealFactory, anvil: RemoteWorker) -> None:
    """F40: a version before this one is served. By a process of its own, that says and understands what that version does."""
    remote = factory.remote("before")
    older = RemoteWorker(factory.folder, anvil.name, environment={"PYTHONPATH": str(ROOT)}, program="tests.older")
    older.start()

    item = factory.submit(remote)
    factory.settled(item)

    check_item(factory, item, remote)
    assert factory.rows("SELECT DISTINCT host FROM workers WHERE work_item_id = %s", item) == [{"host": "anvil"}]
    older.stop()


def test_a_join_line_is_good_once_and_not_for_long(factory: RealFactory) -> None:
    """S13: reuse, expiry or a token never given; revoked with an open connection."""
    first, second = RemoteWorker(factory.folder, "first"), RemoteWorker(factory.folder, "second")
    address, token = join_line(factory, "first")
    assert first.join(address, token).returncode == 0

    again = second.join(address, token)
    assert (again.returncode, "was used already" in again.stderr) == (5, True)

    address, token = join_line(factory, "second")
    factory.rows("UPDATE hosts SET token_until = clock_timestamp() - interval '1 s' WHERE name = 'second' RETURNING name")
    late = second.join(address, token)
    assert (late.returncode, "older than 10 minutes" in late.stderr) == (5, True)

    mistyped = second.join(address, token[:-6])
    assert (mistyped.returncode, "copy the whole line" in mistyped.stderr) == (2, True)
    stored = factory.rows("SELECT token_hash FROM hosts WHERE name = 'second'")[0]["token_hash"]
    assert stored not in token

    first.start()
    is_here(factory, first)
    assert factory.ask(SteerHost("r", "revoke", "first", "test")).code == "ok"
    seen = factory.rows("SELECT seen_at FROM hosts WHERE name = 'first'")
    eventually(lambda: "nobody answers" in first.log(), 60, lambda: f"the host notices: {first.log()}")
    assert factory.rows("SELECT seen_at FROM hosts WHERE name = 'first'") == seen
    first.stop()


def why(factory: RealFactory, item: str) -> str:
    with suppress(FactoryUnreachable):
        return str(factory.view("item", item)["item"]["why"])
    return ""


def test_an_item_that_needs_a_label_waits_until_a_machine_has_it(factory: RealFactory) -> None:
    remote = factory.remote("labelled")
    item = factory.submit(remote, needs=("gpu",))
    told = eventually(lambda: why(factory, item), 60, "it says why it waits")
    assert told.startswith("no host has the label gpu: ")

    worker = enrolled(factory, "labelled", labels=("gpu", "big"))
    factory.settled(item)

    check_item(factory, item, remote)
    assert factory.rows("SELECT epoch, host FROM workers WHERE work_item_id = %s", item) == [{"epoch": 1, "host": "labelled"}]
    worker.stop()
