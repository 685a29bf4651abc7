"""The way out of one worker as a process of its own: real processes, a real socket, and a provider that a test plays."""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from factory.demo.model_server import Asked, Say, serving
from factory.domain.budget import Spend
from factory.domain.way_out import secret_for
from factory.integrations.outlet_process import OutletProcess, OutletProcesses
from factory.paths import fresh_folder
from factory.protocol.codec import encode
from factory.protocol.host import HostLetOut, HostOutlay, HostTerms
from factory.protocol.way_out import WayOutFile
from factory.worker_host.account import Account
from factory.worker_host.home import Home
from tests.file_locks import is_awaited
from tests.integration.way_out_site import Answer, call, port_of
from tests.living_folder import holders_below
from tests.waiting import eventually
from worker_agent.way_out_forwarder import Forwarder

NAME = "0123456789-1"
KEY = "sk-ant-api03-canary-of-outlets"
LET_OUT = HostLetOut("", NAME, 3_600.0, "t", model=True)


@pytest.fixture
def provider() -> Iterator["Provider"]:
    made = Provider()
    with serving(made) as server:
        made.url = server.url
        yield made


class Provider:
    """Answers each call, and keeps under which keys it was called."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.url = ""

    def __call__(self, asked: Asked) -> Say:
        self.keys.append(asked.headers["x-api-key"])
        return Say("hello", tokens=(100, 50))


class Site:
    """A machine with one worker, whose part of the way runs in this process."""

    def __init__(self, folder: Path, url: str) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.terms = HostTerms("", NAME, "t", (), (), url, KEY)
        self.heard: list[HostOutlay] = []
        self.opened: list[OutletProcess] = []
        told = WayOutFile(str(self.home.way_out(NAME)), NAME, secret_for(self.home.out_key(), NAME))
        self.forwarder = Forwarder(told)

    def opens(self, let_out: HostLetOut = LET_OUT) -> OutletProcess:
        outlet = OutletProcesses(self.home).open(NAME)
        self.opened.append(outlet)
        outlet.say(self.terms)
        outlet.say(let_out)
        return outlet

    def calls(self) -> Answer:
        return call(port_of(self.forwarder))

    def hears(self, until: Callable[[HostOutlay], bool]) -> HostOutlay:
        def told() -> HostOutlay | None:
            self.heard += self.opened[-1].heard()
            return next((one for one in self.heard if until(one)), None)

        return eventually(told, 60, lambda: f"it tells so, it told {self.heard}")

    @property
    def pid(self) -> int:
        return self.opened[-1]._process.pid

    def close(self) -> None:
        self.forwarder.close()
        for outlet in self.opened:
            outlet.end()
            with suppress(psutil.NoSuchProcess):
                outlet._process.kill()
            outlet._process.wait(60)
            eventually(partial(ended, outlet), 60, "it has gone")


@pytest.fixture
def site(provider: Provider) -> Iterator[Site]:
    made = Site(fresh_folder("ol-"), provider.url)
    yield made
    made.close()


def ended(outlet: OutletProcess) -> bool:
    outlet.heard()
    return not outlet.is_alive()


def test_a_call_is_made_under_the_key_that_only_its_memory_has_and_what_it_cost_is_told_and_kept(site: Site, provider: Provider) -> None:
    site.opens()

    answer = site.calls()

    assert answer.status == 200
    assert provider.keys == [KEY]
    told = site.hears(lambda told: told.calls == 1)
    assert Account.load(site.home.account(NAME), NAME).told == told
    process = psutil.Process(site.pid)
    assert not any(KEY in word for word in (*process.cmdline(), *process.environ().values()))
    assert list(holders_below(site.home.data, KEY.encode())) == []
    assert resource.prlimit(site.pid, resource.RLIMIT_CORE) == (0, 0), "no crash writes it down"


def test_the_next_one_counts_on_where_one_was_killed_and_its_cap_holds_over_both(site: Site) -> None:
    site.opens()
    site.calls()
    first = site.hears(lambda told: told.calls == 1)
    psutil.Process(site.pid).send_signal(signal.SIGKILL)
    eventually(lambda: ended(site.opened[0]), 60, "it is seen to have gone")

    site.opens(HostLetOut("", NAME, 3_600.0, "t", model=True, micros_cap=first.micros))
    answer = site.calls()

    assert answer.status == 400
    assert b"over_budget" in answer.body
    last = site.hears(lambda told: bool(told.over))
    assert (last.calls, last.micros, last.refused) == (1, first.micros, 1)
    assert last.number > first.number


def test_what_the_factory_knows_of_the_attempt_counts_too(site: Site) -> None:
    site.opens(HostLetOut("", NAME, 3_600.0, "t", model=True, token_cap=10, tokens=10, micros=7, calls=3))

    assert site.calls().status == 400
    assert site.hears(lambda told: bool(told.over)).tokens == 10


def test_it_ends_with_whoever_holds_the_other_end_and_not_by_a_signal_to_all(site: Site) -> None:
    outlet = site.opens()
    site.calls()
    process = psutil.Process(site.pid)

    process.send_signal(signal.SIGTERM)
    assert site.calls().status == 200
    outlet.end()

    eventually(lambda: ended(outlet), 60, "it has gone")
    assert outlet._process.returncode == 0


def test_it_tells_at_its_start_what_the_one_before_may_have_told_nobody(site: Site) -> None:
    before = HostOutlay("", NAME, 2, 99, 98, 2)
    site.home.account(NAME).write_bytes(encode(before))

    site.opens()

    assert site.hears(lambda told: True) == before


def test_two_at_once_do_not_write_over_each_others_account(site: Site) -> None:
    """As where the process that made it was killed and the next one is there before it has ended."""
    first = site.opens()
    site.calls()
    site.hears(lambda told: told.calls == 1)
    site.opens()
    second = site.opened[-1]
    # It waits until the first has ended, whose socket still answers.
    eventually(lambda: is_awaited(site.home.account(NAME).with_suffix(".lock")), 60, "the second waits")
    assert site.calls().status == 200

    first.end()
    eventually(lambda: ended(first), 60, "the first has gone")
    site.heard.clear()
    site.calls()

    told = site.hears(lambda told: told.calls >= 3)
    assert (told.calls, Account.load(site.home.account(NAME), NAME).spent) == (3, Spend(told.tokens, told.micros, 3))
    assert second.is_alive()
