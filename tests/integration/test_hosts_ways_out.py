"""Ways out of other machines' workers over real sockets: terms on their way there, and what was used on its way back."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.base import FactoryActor
from actors.egress import Egress
from actors.egress_elsewhere import OutTerms
from factory.clock import SystemClock
from factory.host_ports import Place
from factory.protocol.codec import encode
from factory.protocol.egress_mail import LetOut, Spent, SpentKept, TermsTold, WentOut
from factory.protocol.host import Facts, HostLetOut, HostOutlay, HostTerms
from factory.protocol.host_mail import HostList, Hosts
from factory.protocol.mail import Lease
from factory.worker_host import daemon
from factory.worker_host.home import Home
from factory.worker_ports import Life
from tests.actors.test_egress import Server
from tests.fakes.host_store import FakeHostStore
from tests.fakes.worker_host import FakeWorkerHost
from tests.hub import Hub
from tests.hub import hub as hubs
from tests.machine import Machine, is_here, machine, remote_host
from tests.older import OlderLine, older_factory
from tests.waiting import eventually

SECONDS = 60.0
LEASE = Lease("0123456789", 1)
NAME, ACTOR = LEASE.worker, f"worker-{LEASE.worker}"
LET_OUT = LetOut(LEASE, NAME, 600.0, ACTOR, True, 0, 5_000, 0, 0, 0, "anvil")
TERMS = OutTerms(("a.example",), (), "https://model.example", "the-key", "", b"s")
ABLE = Facts(("command",), 4, 8192, 3, "confined", "test", ("claude", "command"))


class Listener(FactoryActor):
    """Keeps its mail. `keeps`: as a queue does that can write it down."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(mailbox=hub, clock=SystemClock())
        self.mails: list[Any] = []
        self.keeps = True

    def on_mail(self, mail: Any) -> None:
        self.mails.append(mail)
        if isinstance(mail, Spent) and self.keeps and mail.reports_to:
            self.mailbox.tell(mail.reports_to, SpentKept(mail.lease.worker, mail.number))


class Outlet:
    """Implements `ways_out.Outlet`, and counts as one does."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.told: list[HostTerms | HostLetOut] = []
        self._news: list[HostOutlay] = []
        self._ended = False

    def say(self, said: HostTerms | HostLetOut) -> None:
        self.told.append(said)

    def uses(self, outlay: HostOutlay) -> None:
        self._home.account(NAME).write_bytes(encode(outlay))
        self._news.append(outlay)

    def heard(self) -> Sequence[HostOutlay]:
        news, self._news = self._news, []
        return news

    def is_alive(self) -> bool:
        return not self._ended

    def end(self) -> None:
        self._ended = True


class Site:
    """A factory and a machine. Implements `ways_out.Outlets`."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub, self.home, self.opened = hub, Home(folder), list[Outlet]()
        self.server, self.queue, self.actor = Server(), Listener(hub), Listener(hub)
        self.egress = Egress(mailbox=hub, clock=SystemClock(), server=self.server, terms=TERMS)
        self.server.alive = True
        for address, actor in (("egress", self.egress), ("queue", self.queue), (ACTOR, self.actor)):
            hub.add(address, actor)

    def open(self, worker: str) -> Outlet:
        assert worker == NAME
        self.opened.append(Outlet(self.home))
        return self.opened[-1]

    def lets_out(self, count: int = 1) -> Outlet:
        """As the worker's actor says it again and again."""

        def is_open() -> bool:
            self.hub.tell("egress", LET_OUT)
            return len(self.opened) >= count and len(self.opened[-1].told) > 1

        eventually(is_open, SECONDS, "it is let out")
        return self.opened[-1]

    def spent(self) -> list[tuple[int, int]]:
        return [(mail.number, mail.tokens) for mail in self.queue.mails if isinstance(mail, Spent)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    store = FakeHostStore()
    store.places[NAME] = Place("anvil", counts=True, repo="repo", alive=True)
    with hubs(tmp_path, store) as hub:
        made = Site(hub, tmp_path / "anvil")
        yield made
        made.server.close()


@pytest.fixture
def anvil(site: Site) -> Iterator[Machine]:
    with machine(site.hub, site.home.data, "anvil", FakeWorkerHost(), facts=ABLE, outlets=site) as made:
        yield made


@pytest.mark.usefixtures("anvil")
def test_terms_get_there_and_what_is_used_gets_back_and_is_acknowledged(site: Site) -> None:
    outlet = site.lets_out()
    (terms, let_out) = outlet.told[:2]
    assert isinstance(terms, HostTerms)
    assert isinstance(let_out, HostLetOut)
    assert (terms.key, terms.allowed, let_out.micros_cap) == ("the-key", ("a.example",), 5_000)

    outlet.uses(HostOutlay("", NAME, 1, 10, 20, 1, ("evil.example",)))

    eventually(
        lambda: any(isinstance(mail, WentOut) and mail.blocked == ("evil.example",) for mail in site.actor.mails), SECONDS, "it is told"
    )
    assert site.spent()[0] == (1, 10)
    remote_host(site.hub, "anvil").stop(NAME, 0.0)
    eventually(lambda: not any(site.home.accounts.iterdir()), SECONDS, "nothing is left of it once the factory has all")


@pytest.mark.usefixtures("anvil")
def test_what_no_store_has_kept_is_said_again_also_to_a_factory_that_was_restarted(site: Site) -> None:
    outlet = site.lets_out()
    site.queue.keeps = False
    outlet.uses(HostOutlay("", NAME, 1, 10, 20, 1))
    eventually(lambda: len(site.spent()) >= 2, SECONDS, "it is said again")

    site.hub.forget()
    before = len(site.spent())
    eventually(lambda: len(site.spent()) > before, SECONDS, "the next actor of hosts hears it")
    site.queue.keeps = True
    remote_host(site.hub, "anvil").stop(NAME, 0.0)

    eventually(lambda: not any(site.home.accounts.iterdir()), SECONDS, "it is kept")
    assert set(site.spent()) == {(1, 10)}


def test_what_a_machines_process_had_not_told_the_next_one_tells(site: Site, anvil: Machine) -> None:
    outlet = site.lets_out()
    site.queue.keeps = False
    outlet.uses(HostOutlay("", NAME, 3, 30, 20, 1))
    eventually(lambda: (3, 30) in site.spent(), SECONDS, "it is told")
    anvil.stop()
    site.queue.mails.clear()

    anvil.start()

    eventually(lambda: (3, 30) in site.spent(), SECONDS, "it is told again")
    again = [one.terms for one in site.lets_out(2).told]
    assert again[0] == outlet.told[0].terms, "its next way out is opened by the same terms"


def test_a_machine_of_the_version_before_is_told_nothing_of_it_and_seen_as_one_that_cannot(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F40: a version before this one is served. Its line takes no word that it does not know, and ends its machine with it."""
    monkeypatch.setattr(daemon, "HostLine", OlderLine)
    with machine(site.hub, site.home.data, "anvil", FakeWorkerHost(), facts=ABLE, outlets=site):
        site.hub.tell("egress", LET_OUT)
        site.hub.tell("hosts", TermsTold("anvil", TERMS.told(NAME, model=True)))
        worker = remote_host(site.hub, "anvil").stop(NAME, 0.0)

        assert worker.life is Life.GONE, "it answers all the same"
        listed = site.hub.ask("hosts", HostList(), SECONDS)
        assert isinstance(listed, Hosts)
        assert [(host.engines, host.alone) for host in listed.hosts] == [(("command",), ())]
    assert site.opened == []


def test_a_factory_of_the_version_before_is_not_told_what_it_takes_for_noise(site: Site) -> None:
    """F40: a newer minor version is served. What is left of a later factory's time is kept until one of that version is there again."""
    site.hub.passes = older_factory
    made = Machine(site.home.data, FakeWorkerHost(), ABLE, outlets=site)
    made.join(site.hub, "anvil")
    site.home.prepare()
    site.home.account(NAME).write_bytes(encode(HostOutlay("", NAME, 1, 10, 20, 1)))
    made.start()
    try:
        eventually(lambda: is_here(site.hub, "anvil"), SECONDS, "it is here")
        assert remote_host(site.hub, "anvil").stop(NAME, 0.0).life is Life.GONE
    finally:
        made.stop()

    assert site.spent() == []
    assert site.home.account(NAME).exists()
