"""What can happen to a factory whose workers are on other machines: F26, F49, F50. It sleeps, its clock is set, everybody comes back."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from factory.protocol.host_mail import HostAnswer, HostLook
from factory.transport.curve import KeyPair
from factory.transport.join_line import read_join_word
from factory.transport.mailbox_link import MailboxClient
from factory.worker_host.home import Identity
from factory.worker_ports import WorkerOrder
from tests.fakes.worker_host import FakeWorkerHost
from tests.faults import effects, plants
from tests.faults.remote_ground import SECONDS, Ground, H, end, processes_of, remote_ground
from tests.faults.test_suspend import HOUR, SKEWED
from tests.machine import Machine
from tests.real_factory import RealFactory, check_item, real_factory
from tests.remote_worker import RemoteWorker, free_port, is_here, join_line, remote_settings
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.alone, pytest.mark.timeout(300)]

ASLEEP = 15 * H
"""Three times what ends a lease."""

STORM = 50
"""Machines that come back at once."""


def passed(seconds: float) -> None:
    """Lets time pass: what a sleep is."""
    until = time.monotonic() + seconds
    eventually(lambda: time.monotonic() >= until, 2 * seconds, "time passes")


def test_a_factory_that_slept_ends_no_worker_of_another_machine() -> None:
    """F49: a hub that sleeps while its machines do not."""
    with remote_ground() as ground:
        item = ground.at_work()
        epoch, pids, agents = ground.epoch(item), ground.factory.pids(), ground.worker.agents()
        asleep = processes_of(ground.factory)

        effects.stop(asleep)
        passed(ASLEEP)
        effects.resume(random.Random(0).sample(asleep, len(asleep)))
        # Longer than it would take to declare it lost.
        for _ in range(6):
            ground.hears()

        assert ground.factory.pids() == pids, "something was restarted on waking up"
        assert ground.worker.agents() == agents
        assert ground.epoch(item) == epoch, "a worker that went on was declared lost"
        ground.settle(item)
        assert ground.epoch(item) == epoch


def test_clocks_that_are_set_end_no_session_no_lease_and_no_key() -> None:
    """F50: an hour forward and back. F51: a machine's clock that is off by days."""
    with remote_ground(skewed, **plants.PLANTS) as ground:
        pids = ground.factory.pids()
        running = ground.at_work()
        epoch = ground.epoch(running)
        for step in (HOUR, 0, -HOUR):
            set_clocks(ground.factory, step)
            for _ in range(5):
                ground.hears()
            assert ground.epoch(running) == epoch, f"a lease ended when clocks were set to {step:+} s"

        other = another_with_its_own_day(ground)
        ground.settle(running)
        assert ground.epoch(running) == epoch
        assert ground.factory.pids().items() >= pids.items(), "an actor ended"
        other.end()


def another_with_its_own_day(ground: Ground) -> RemoteWorker:
    """A machine joins, whose clock is a day behind a factory whose clock is an hour behind, and works for it."""
    folder = ground.factory.folder / "days"
    folder.mkdir()
    (folder / "plant-clock").write_text(str(-86_400))
    other = RemoteWorker(ground.factory.folder, "other", environment={**plants.PLANTS, "FACTORY_HOLD_DIR": str(folder)})
    done = other.join(*join_line(ground.factory, "other"))
    assert done.returncode == 0, done.stderr
    other.start()
    is_here(ground.factory, other)
    remote = ground.factory.remote("more")
    items = [ground.factory.submit(remote) for _ in range(3)]
    for item in items:
        ground.factory.settled(item)
        check_item(ground.factory, item, remote)
    hosts = ground.factory.rows("SELECT DISTINCT host FROM workers WHERE work_item_id = ANY(%s)", items)
    assert {"host": "other"} in hosts, hosts
    return other


def skewed(factory: RealFactory) -> None:
    """Starts it with a database whose clock can be set. Its tables are made anew there, so that their defaults go by that clock too."""
    factory.up()
    with factory.database() as database, database.transaction() as cursor:
        for statement in SKEWED:
            cursor.execute(statement)
    factory.down()
    factory.up()


def set_clocks(factory: RealFactory, seconds: float) -> None:
    with factory.database() as database, database.transaction() as cursor:
        cursor.execute(b"UPDATE skewed.step SET seconds = %s", [seconds])
    plants.set_clock(factory, seconds)
    (row,) = factory.rows("SELECT extract(epoch FROM clock_timestamp() - pg_catalog.clock_timestamp())::float8 AS by")
    assert row["by"] == pytest.approx(seconds, abs=1)


# -- everybody at once ------------------------------------------------------------------------------------------------


@contextmanager
def fleet(factory: RealFactory, port: int) -> Iterator[dict[str, Machine]]:
    """Fifty machines, each with one worker. Their keys are noted as if they had joined: few may do that in a minute."""
    _, word = join_line(factory, "m0")
    server_key = read_join_word(word).server_key
    keys = {f"m{number}": KeyPair.generate() for number in range(STORM)}
    with factory.database() as database, database.transaction() as cursor:
        for name, pair in keys.items():
            cursor.execute(
                b"INSERT INTO hosts (name, public_key, expires_at, joined_at) VALUES (%s, %s, clock_timestamp() + interval '1 day',"
                b" clock_timestamp()) ON CONFLICT (name) DO UPDATE SET public_key = excluded.public_key, expires_at = excluded.expires_at,"
                b" joined_at = excluded.joined_at, token_hash = NULL",
                [name, pair.public],
            )
    with ExitStack() as stack:
        machines = {}
        for name, pair in keys.items():
            workers = FakeWorkerHost()
            workers.start(WorkerOrder(f"{name}-1", ("run",), {}))
            made = machines[name] = Machine(factory.folder / f"w-{name}", workers)
            made.home.prepare()
            made.home.join(Identity(name, f"tcp://127.0.0.1:{port}", server_key), pair)
            made.start()
            stack.callback(made.stop)
        yield machines


def test_fifty_machines_come_back_at_once() -> None:
    """F26: all hosts are back; no host asks twice."""
    port = free_port()
    with real_factory(remote_settings(port, FACTORY_HEARTBEAT=f"{H}s")) as factory:
        factory.up()
        with fleet(factory, port) as machines:
            eventually(lambda: not missing(factory, machines), SECONDS, lambda: f"all are here but {missing(factory, machines)}")
            sessions = begun(factory)
            end(factory)
            factory.up()
            began = time.monotonic()
            eventually(lambda: not missing(factory, machines), SECONDS, lambda: f"all are back but {missing(factory, machines)}")
            print(f"{STORM} hosts were back {time.monotonic() - began:.1f} s after the factory answered")  # noqa: T201 - for who asks with -s
            again = {name: begun(factory)[name] - sessions[name] for name in machines}
            assert max(again.values()) <= 2, f"sessions begun after the restart: {again}"
        factory.down()


def missing(factory: RealFactory, machines: dict[str, Machine]) -> list[str]:
    """Machines whose worker the factory does not know to run."""
    mailbox = MailboxClient(factory.paths.run)
    try:
        return [name for name in machines if not _runs(mailbox.ask("hosts", HostLook(f"{name}-1", name), 5.0))]
    finally:
        mailbox.close()


def _runs(answer: object) -> bool:
    return isinstance(answer, HostAnswer) and answer.state is not None and answer.state.life == "running"


def begun(factory: RealFactory) -> dict[str, int]:
    """Sessions that the factory's log tells of, by machine."""
    told = (factory.paths.logs / "factory.log").read_text()
    return {f"m{number}": told.count(f"host m{number} is here") for number in range(STORM)}
