"""What can happen to the store: F32 to F35."""

import contextlib
import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.domain.ids import new_item_id
from factory.errors import FactoryUnreachable
from factory.protocol.commands import Reply, Submit
from tests.faults import effects
from tests.faults.agents import SPEC
from tests.faults.commit_thief import CommitThief
from tests.faults.driver import Trial
from tests.faults.evidence import free_bytes
from tests.faults.grounds import H, Site
from tests.faults.surroundings import tree
from tests.waiting import eventually

LONG_SPEC = "# Say hello often\n\n" + "".join(f"- [ ] number {number}\n" for number in range(12))
OPEN_OR_OVER = ("completed", "publishing")


def order(trial: Trial, spec: str = SPEC) -> Submit:
    item = new_item_id()
    return Submit(f"submit-{item}", item, trial.site.repo, "main", "Say hello", spec, f"command:{trial.site.agent}")


def answer(trial: Trial, request: Submit) -> str:
    """The code of what an operator is told, `none` where nobody answers."""
    try:
        reply: Reply = trial.site.ask(request)
    except FactoryUnreachable:
        return "none"
    return reply.code


def accepted(trial: Trial, request: Submit) -> None:
    """Says it until it is accepted, as a client would; it is one item however often it was said."""
    eventually(lambda: answer(trial, request) == "ok", 60, f"{request.item} is accepted")
    if request.item not in trial.items:
        trial.items.append(request.item)


def goes_on(trial: Trial, items: list[str], since: float) -> bool:
    """Whether each was heard after that moment of our clock, or is over its worker's part."""
    rows = trial.site.rows(
        "SELECT item.id, item.status, extract(epoch FROM clock_timestamp() - worker.last_heartbeat)::float8 AS age FROM work_items AS item"
        " LEFT JOIN workers AS worker ON worker.work_item_id = item.id AND worker.epoch = item.epoch WHERE item.id = ANY(%s)", items,
    )  # fmt: skip
    silent = time.monotonic() - since
    return all(row["status"] in OPEN_OR_OVER or (row["age"] is not None and row["age"] < silent) for row in rows)


def measure(trial: Trial, items: list[str]) -> None:
    """From the end of the fault until every worker is heard again and the queue takes new work."""
    trial.fault_ends()
    ended = time.monotonic()
    request = order(trial)
    accepted(trial, request)
    eventually(lambda: goes_on(trial, items, ended), 60, "the workers are heard again")
    trial.took_since_fault()


def untouched(trial: Trial, items: list[str], workers: list[int]) -> None:
    """No lease ended and no worker was replaced."""
    assert [trial.site.item(item)["epoch"] for item in items] == [1] * len(items), "a lease expired while the store was away"
    alive = [trial.worker(item) for item in items if trial.site.item(item)["status"] not in OPEN_OR_OVER]
    assert set(alive) <= set(workers), "a worker was replaced"


def one_claim_each(trial: Trial) -> int:
    """No epoch was given out twice; returns how many claims there were."""
    claims = trial.site.rows("SELECT data ->> 'holder' AS worker FROM events WHERE type = 'WORK_ITEM.CLAIMED.SUCCESS'")
    twice = [name for name, count in Counter(row["worker"] for row in claims).items() if count > 1]
    assert not twice, f"claimed twice: {twice}"
    return len(claims)


# -- F32 --------------------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.parametrize("how", ["fast", "immediate"])
@pytest.mark.scenario("F32", "an own PostgreSQL restarts", bound=3, own_database=True)
def test_a_restart_of_the_store_costs_nobody_anything(trial: Trial, how: str) -> None:
    own = trial.site.own
    assert own is not None
    items = [trial.begin(spec=LONG_SPEC) for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    trial.site.unsay("wait")
    trial.pause(0.2, 0.8)

    trial.end_server(how)
    trial.pause(0.1, 2)
    own.start()
    measure(trial, items)

    untouched(trial, items, workers)
    trial.settle()
    assert all(trial.site.item(item)["setbacks"] == 0 for item in trial.items)


@pytest.mark.faults
@pytest.mark.scenario("F32", "the factory's own PostgreSQL ends at once", bound=3)
def test_the_server_that_the_factory_runs_is_brought_back_by_it(trial: Trial) -> None:
    items = [trial.begin(spec=LONG_SPEC) for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    before = trial.site.postmaster()
    trial.site.unsay("wait")
    trial.pause(0.2, 0.8)

    trial.end_server("immediate")
    measure(trial, items)

    assert trial.site.postmaster() != before
    untouched(trial, items, workers)
    trial.settle()


@pytest.mark.faults
@pytest.mark.scenario("F32", "commits whose answer is lost", bound=3, own_database=True)
def test_a_commit_whose_answer_is_lost_is_found_out_by_reading_again(trial: Trial, thief: CommitThief) -> None:
    # Of accepting it, of taking its result, and of noting its pull request: each is done, and who did it cannot know.
    request = order(trial)
    thief.steal("factory queue", request.item)
    began = time.monotonic()
    accepted(trial, request)
    trial.did("the answer to the commit of the submission was lost", lambda: thief.stolen == 1)
    trial.took(time.monotonic() - began)
    trial.settle(request.item)

    items = [trial.begin(spec=LONG_SPEC) for _ in range(3)]
    thief.steal("factory ", times=12, chance=0.3)
    trial.site.unsay("wait")
    eventually(lambda: not thief.left, 60, "a dozen answers are lost")
    trial.did("a dozen answers to commits were lost, of whoever it was", lambda: thief.stolen == 13)
    measure(trial, items)

    trial.settle()
    assert all(trial.site.item(item)["epoch"] == 1 for item in trial.items)
    one_claim_each(trial)
    trial.remark = f"{thief.stolen} commits"


@pytest.fixture
def thief(trial: Trial) -> CommitThief:
    """The proxy before the own server, replaced by one that can lose the answers to commits."""
    own = trial.site.own
    assert own is not None
    if not isinstance(own.proxy, CommitThief):
        path, target = own.proxy.address, own.proxy.target
        own.proxy.close()
        own.proxy = CommitThief(path, target, trial.rng)
        eventually(trial.site.answers, 30, "the factory has reached its store again")
    own.proxy.stolen = 0
    return own.proxy


# -- F33 --------------------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.scenario("F33", "an own PostgreSQL is away for 20H", bound=3, own_database=True)
def test_nothing_ends_while_the_store_is_away_and_nothing_is_promised(trial: Trial) -> None:
    own = trial.site.own
    assert own is not None
    items = [trial.begin() for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    actors = trial.site.pids()
    refused = order(trial)

    trial.end_server("fast")
    told = told_during(trial, refused, 20 * H)
    own.start()
    measure(trial, items)

    assert "ok" not in told, f"a submission was accepted without a store: {told}"
    assert_same(trial, actors)
    untouched(trial, items, workers)
    accepted(trial, refused)
    trial.settle()
    trial.remark = f"submissions meanwhile: {dict(Counter(told))}"


@pytest.mark.faults
@pytest.mark.scenario("F33", "an own PostgreSQL stands still for 20H", bound=3, own_database=True)
def test_a_store_that_stands_still_harms_as_little_as_one_that_is_away(trial: Trial) -> None:
    own = trial.site.own
    assert own is not None
    assert own.pid is not None
    items = [trial.begin() for _ in range(3)]
    workers = [trial.worker(item) for item in items]
    actors = trial.site.pids()
    refused = order(trial)

    server = effects.family(own.pid)
    trial.stop(server, "PostgreSQL and its sessions")
    told = told_during(trial, refused, 20 * H)
    trial.resume(server, "PostgreSQL and its sessions")
    measure(trial, items)

    assert "ok" not in told, f"a submission was accepted without a store: {told}"
    assert_same(trial, actors)
    untouched(trial, items, workers)
    accepted(trial, refused)
    trial.settle()


def assert_same(trial: Trial, actors: dict[str, int]) -> None:
    now = {name: node["pid"] for name, node in tree(trial.site).items() if name in actors}
    assert now.items() <= actors.items(), f"actors were replaced: {now} after {actors}"


def told_during(trial: Trial, request: Submit, seconds: float) -> list[str]:
    """What a client hears that says the same thing again and again for so long."""
    told, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        told.append(answer(trial, request))
        trial.pause(0.5)
    return told


# -- F34 --------------------------------------------------------------------------------------------------------------


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.scenario("F34", "a session of the factory is cut each second", bound=1)
def test_sessions_that_are_cut_in_the_middle_of_anything_lead_to_no_double_claim(trial: Trial) -> None:
    items = []
    for _ in range(12):
        with contextlib.suppress(AssertionError):  # at this moment none had a session
            trial.cut_sessions(most=2)
        items.append(order(trial))
        accepted(trial, items[-1])
        trial.pause(0.5, 1.0)
    trial.cut_sessions()
    ended = time.monotonic()
    last = order(trial)
    accepted(trial, last)
    eventually(lambda: goes_on(trial, [item for item in trial.items if trial.site.item(item)["status"] == "running"], ended), 30)
    trial.took_since_fault()

    trial.settle()
    assert all(trial.site.item(item)["epoch"] == 1 for item in trial.items)
    trial.remark = f"{one_claim_each(trial)} claims here"


# -- F35 --------------------------------------------------------------------------------------------------------------


FREE_MEGABYTES = 24
"""On the disk of the data, beyond what they take: a segment of the log of 16 MB, and some."""
LARGE_SPEC = SPEC + "\n" + "".join(f"{random.Random(number).randbytes(30).hex()}\n" for number in range(8_000))
"""Half a megabyte that cannot be compressed."""


@pytest.fixture
def full_disk(trial: Trial) -> Iterator["FullDisk"]:
    """The server's data on a small disk of their own, for as long as the test runs."""
    site = trial.site
    data = site.folder / "pg" if site.own else site.paths.postgres
    aside = data.with_name(f"{data.name}-aside")
    stop(site)
    size = sum(path.lstat().st_blocks * 512 for path in data.rglob("*")) // 2**20 + FREE_MEGABYTES
    data.rename(aside)
    with effects.small_disk(data, size):
        copied(aside, data)
        start(site)
        yield FullDisk(data)
        if site.keep:
            return
        # What came of it has been checked by now; the next scenario finds the disk of before, with everything in it.
        stop(site)
        shutil.rmtree(aside)
        copied(data, aside)
    data.rmdir()
    aside.rename(data)
    start(site)


def stop(site: Site) -> None:
    site.down()
    if site.own:
        site.own._server.stop()


def start(site: Site) -> None:
    if site.own and site.own.pid is None:
        site.own.start()
    site.ensure_up()


def copied(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True, timeout=120)


class FullDisk:
    def __init__(self, folder: Path) -> None:
        self._folder, self._ballast = folder, folder / "ballast"

    def fill(self) -> int:
        """Takes all that is free and returns how much is left, in bytes."""
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(65_536)):
                pass
        return free_bytes(self._folder)

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.mark.faults
@pytest.mark.scenario("F35", "the disk of an own PostgreSQL is full", bound=3, own_database=True)
def test_on_a_full_disk_nothing_is_accepted_that_could_be_lost_and_all_goes_on_with_space(trial: Trial, full_disk: FullDisk) -> None:
    disk_runs_full(trial, full_disk)


@pytest.mark.faults
@pytest.mark.scenario("F35", "the disk of the factory's own PostgreSQL is full", bound=3, settings={"SITE": "disk"})
def test_the_server_that_the_factory_runs_outlives_a_full_disk_as_well(trial: Trial, full_disk: FullDisk) -> None:
    disk_runs_full(trial, full_disk)


def disk_runs_full(trial: Trial, disk: FullDisk) -> None:
    site = trial.site
    items = [trial.begin() for _ in range(2)]
    workers = [trial.worker(item) for item in items]

    trial.did("the disk is full", lambda: disk.fill() == 0 or None)
    refused, told = [], Counter[str]()
    until = time.monotonic() + 8 * H
    while time.monotonic() < until:
        request = order(trial, LARGE_SPEC)
        code = answer(trial, request)
        told[code] += 1
        if code == "ok":
            trial.items.append(request.item)
        else:
            refused.append(request)
        trial.pause(0.3)
    trial.did(
        "submissions were refused for it", lambda: refused and "No space left on device" in (site.paths.logs / "factory.log").read_text()
    )
    died = not site.runs() or (site.own is not None and site.own.pid is None)
    disk.empty()
    trial.fault_ends("there is space")
    start(site)
    measure(trial, items)

    untouched(trial, items, workers)
    for request in refused:
        accepted(trial, request)
    trial.settle()
    trial.remark = f"meanwhile {dict(told)}{', somebody had given up' if died else ''}"
