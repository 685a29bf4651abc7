"""The way out of workers on other machines, at the factory: by which terms each is let out, and whom their hosts are believed about."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from actors.complaints import EVERY_SECONDS
from actors.egress import Egress
from actors.egress_elsewhere import OutTerms
from actors.host_ways_out import BURST, PER_SECOND
from actors.way_out import WayOut, WayOutTerms
from actors.worker_orders import EngineAccess
from factory.domain.budget import Caps
from factory.domain.egress import MOST_BLOCKED
from factory.domain.lease import LeaseTerms
from factory.host_ports import Place
from factory.protocol.codec import Decoder
from factory.protocol.egress_mail import LetOut, LetOutElsewhere, ShutOut, Spent, SpentKept, TermsTold, TermsWanted, WentOut
from factory.protocol.host import Facts, FromHost, HostHello, HostLetOut, HostOutlay, HostTerms, OutlayKept, ToHost, WantTerms
from factory.protocol.host_mail import HostOutbound
from tests.actors.test_egress import Server
from tests.actors.test_hosts_hostile import Ground
from tests.actors.worker_site import LEASE, NAME, WORK, H, Site
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox

_decode: Decoder[ToHost] = Decoder(ToHost)
KEY = "sk-ant-api03-the-key"
TERMS = OutTerms(("a.example",), ("10.0.0.0/8",), "https://model.example", KEY, "", b"s" * 32)
LET_OUT = LetOut(LEASE, NAME, 300.0, f"worker-{NAME}", True, 1_000, 5_000, 10, 20, 3, "anvil")
ABLE, OLD = Facts(("command",), alone=("claude", "command")), Facts(("claude", "command"))


# -- the way out's actor ----------------------------------------------------------------------------------------------


class Egresses:
    def __init__(self) -> None:
        self.mail, self.clock, self.server = RecordingMailbox(), ManualClock(), Server()
        self.actor = Egress(mailbox=self.mail, clock=self.clock, server=self.server, terms=TERMS)
        self.actor.on_start()

    def number(self, let_out: LetOut = LET_OUT) -> str:
        self.actor.on_mail(let_out)
        return self.mail.to("hosts", LetOutElsewhere)[-1].terms

    def told(self) -> list[TermsTold]:
        return self.mail.to("hosts", TermsTold)


@pytest.fixture
def egress() -> Iterator[Egresses]:
    made = Egresses()
    yield made
    made.server.close()


def test_a_worker_elsewhere_is_let_out_by_its_host_and_not_here(egress: Egresses) -> None:
    number = egress.number()

    assert egress.mail.told == [("hosts", LetOutElsewhere(LET_OUT, number))]
    assert egress.server.granted == []


def test_its_host_is_told_the_terms_where_it_asks_for_them(egress: Egresses) -> None:
    number = egress.number()

    egress.actor.on_mail(TermsWanted("anvil", NAME, number))

    (told,) = egress.told()
    assert told == TermsTold("anvil", HostTerms("", NAME, number, ("a.example",), ("10.0.0.0/8",), "https://model.example", KEY))
    assert KEY not in repr(told)


@pytest.mark.parametrize(
    ("host", "worker", "vouched"),
    [("other", NAME, True), ("anvil", "0123456789-9", True), ("anvil", NAME, False)],
    ids=["another host", "another worker", "nobody vouches any more"],
)
def test_nobody_else_is_told_the_key(egress: Egresses, host: str, worker: str, *, vouched: bool) -> None:
    number = egress.number()
    if not vouched:
        egress.clock.advance(300.0)
        egress.actor.on_tick()

    egress.actor.on_mail(TermsWanted(host, worker, number))

    assert egress.told() == []


def test_a_host_that_asks_for_terms_that_are_others_by_now_is_not_told_these_in_their_place(egress: Egresses) -> None:
    egress.number()

    egress.actor.on_mail(TermsWanted("anvil", NAME, "the number of terms before a restart"))

    assert egress.told() == []


def test_who_wants_what_is_not_its_own_ever_again_does_not_fill_the_log(egress: Egresses, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(500):
        egress.actor.on_mail(TermsWanted("anvil", NAME, "t1"))
    assert len(caplog.messages) == 1

    egress.clock.advance(EVERY_SECONDS)
    egress.actor.on_tick()

    assert caplog.messages[1:] == [
        f"host anvil wants the terms of worker {NAME}, for which nobody vouches there (499 times since this was last said)"
    ]


def test_after_the_attempt_it_is_told_nothing(egress: Egresses) -> None:
    number = egress.number()

    egress.actor.on_mail(ShutOut(NAME))
    egress.actor.on_mail(TermsWanted("anvil", NAME, number))

    assert egress.told() == []


def test_for_a_worker_that_calls_no_model_there_is_no_key_in_them(egress: Egresses) -> None:
    without = msgspec.structs.replace(LET_OUT, model=False)
    number = egress.number(without)

    egress.actor.on_mail(TermsWanted("anvil", NAME, number))

    (told,) = egress.told()
    assert (told.terms.key, told.terms.token, told.terms.url, told.terms.allowed) == ("", "", "", ("a.example",))
    assert number != egress.number()


def test_the_same_terms_have_the_same_number_after_a_restart_and_others_have_another(egress: Egresses) -> None:
    assert TERMS.told(NAME, model=True).terms == egress.number()
    for other in (replace(TERMS, key="another"), replace(TERMS, allowed=()), replace(TERMS, secret=b"t" * 32)):
        assert TERMS.told(NAME, model=True).terms != other.told(NAME, model=True).terms


# -- a worker's actor -------------------------------------------------------------------------------------------------


def test_a_worker_elsewhere_is_vouched_for_as_long_as_it_works_on_without_the_factory(tmp_path: Path) -> None:
    there = msgspec.structs.replace(WORK, engine="claude", host="anvil")
    ours = WayOutTerms(tmp_path / "out" / "egress.sock", b"k" * 32, Caps(1_000, 5_000))
    site = Site(tmp_path, there, EngineAccess(credential={"ANTHROPIC_API_KEY": "placeholder"}), ours).launched()

    said = site.mail.to("egress", LetOut)[0]
    assert (said.host, said.seconds, said.model, said.micros_cap) == ("anvil", 60 * H, True, 5_000)
    order = site.host.workers[NAME].order
    told = json.loads(order.files["egress.json"])
    assert (told["socket"], told["token"]) == ("", ""), "what holds here is worth nothing there"
    assert told["environment"] == {"ANTHROPIC_BASE_URL": "{way_out}/anthropic"}
    assert tmp_path / "out" not in order.readable


def test_however_many_hosts_its_machine_says_were_blocked_the_account_of_an_attempt_is_bounded(tmp_path: Path) -> None:
    mail = RecordingMailbox()
    there = msgspec.structs.replace(WORK, host="anvil")
    way_out = WayOut(mail, there, LeaseTerms(H), WayOutTerms(tmp_path / "egress.sock", b"k" * 32), model=True)

    for number in range(5 * MOST_BLOCKED):
        way_out.hear(WentOut(LEASE, 0, 0, 0, (f"{number}.example",)), 0.0)

    assert [spent.blocked for spent in mail.to("queue", Spent)][-1] == tuple(f"{number}.example" for number in range(MOST_BLOCKED))
    assert len(mail.to("queue", Spent)) == MOST_BLOCKED, "nothing new is told of those beyond it"


# -- the actor of hosts -----------------------------------------------------------------------------------------------


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path / "in")
    for name in ("anvil", "other"):
        made.joins(name)
    made.store.places[NAME] = Place("anvil", counts=True, repo="repo", alive=True)
    made.begins()
    yield made
    made.background.close()


def to_host(ground: Ground, host: str = "anvil") -> list[ToHost]:
    return [_decode(mail.frame) for _, mail in ground.mail.told if isinstance(mail, HostOutbound) and mail.host == host]


def said(ground: Ground, host: str, message: FromHost) -> list[ToHost]:
    before = len(to_host(ground, host))
    ground.hears(host, message)
    return to_host(ground, host)[before:]


def test_a_host_is_told_whom_to_let_out_and_by_what(ground: Ground) -> None:
    sid = ground.is_welcome("anvil", ABLE)

    ground.actor.on_mail(LetOutElsewhere(LET_OUT, "t1"))
    ground.actor.on_mail(TermsTold("anvil", TERMS.told(NAME, model=True)))

    let_out, terms = to_host(ground)[-2:]
    assert let_out == HostLetOut(sid, NAME, 300.0, "t1", True, 1_000, 5_000, 10, 20, 3)
    assert isinstance(terms, HostTerms)
    assert (terms.sid, terms.key) == (sid, KEY)


def test_a_host_that_is_older_than_this_is_told_nothing_of_it(ground: Ground) -> None:
    ground.is_welcome("anvil", OLD)
    before = to_host(ground)

    ground.actor.on_mail(LetOutElsewhere(LET_OUT, "t1"))
    ground.actor.on_mail(TermsTold("anvil", TERMS.told(NAME, model=True)))

    assert to_host(ground) == before


def test_a_host_may_ask_for_the_terms_of_its_own_worker_alone(ground: Ground) -> None:
    sids = {name: ground.is_welcome(name, ABLE) for name in ("anvil", "other")}

    said(ground, "other", WantTerms(sids["other"], NAME, "t1"))
    said(ground, "anvil", WantTerms(sids["anvil"], "no worker", "t1"))
    assert ground.mail.to("egress", TermsWanted) == []

    said(ground, "anvil", WantTerms(sids["anvil"], NAME, "t1"))
    ground.store.places[NAME] = Place("anvil", counts=True, repo="repo", alive=False)
    said(ground, "anvil", WantTerms(sids["anvil"], NAME, "t1"))

    assert ground.mail.to("egress", TermsWanted) == [TermsWanted("anvil", NAME, "t1")]


def test_what_a_worker_used_goes_to_the_queue_and_its_actor_and_is_acknowledged_once_it_is_durable(ground: Ground) -> None:
    sid = ground.is_welcome("anvil", ABLE)

    answers = said(ground, "anvil", HostOutlay(sid, NAME, 4, 50, 60, 7, ("evil.example",), "over_budget: all", 2))

    assert answers == []
    assert ground.mail.to("queue", Spent) == [Spent(LEASE, 50, 60, 7, ("evil.example",), "hosts", 4)]
    assert ground.mail.to(f"worker-{NAME}", WentOut) == [WentOut(LEASE, 50, 60, 7, ("evil.example",), "over_budget: all", 2)]
    ground.actor.on_mail(SpentKept(NAME, 4))
    assert to_host(ground)[-1] == OutlayKept(sid, NAME, 4)


def test_what_another_machines_worker_used_it_cannot_say(ground: Ground) -> None:
    sid = ground.is_welcome("other", ABLE)

    answers = said(ground, "other", HostOutlay(sid, NAME, 4, 50, 60, 7))

    assert ground.mail.to("queue", Spent) == []
    assert ground.mail.to(f"worker-{NAME}", WentOut) == []
    assert answers == [OutlayKept(sid, NAME, 4)], "else it says so for ever"


def test_what_no_store_could_hold_or_no_host_is_called_is_not_handed_on(ground: Ground) -> None:
    sid = ground.is_welcome("anvil", ABLE)

    said(ground, "anvil", HostOutlay(sid, NAME, 1, 2**62, -5, 2**63 - 1, ("`<b>`", "a.example:8443", *["b.example"] * 500), "\0over"))

    (spent,) = ground.mail.to("queue", Spent)
    assert (spent.tokens, spent.micros, spent.calls) == (2**53 - 1, 0, 2**53 - 1)
    assert spent.blocked == ("a.example:8443", "b.example")
    assert ground.mail.to(f"worker-{NAME}", WentOut)[0].over == "over"


def test_of_blocked_hosts_only_their_names_are_handed_on_and_no_text_of_the_machine(ground: Ground) -> None:
    sid = ground.is_welcome("anvil", ABLE)
    texts = ("[fe80::1%eth0]", f"[fe80::1%{'A' * 40_000}\x1b[31m\n@everyone]", "Evil.Example.", "evil.example:443", "::1")

    said(ground, "anvil", HostOutlay(sid, NAME, 1, blocked=texts))

    assert ground.mail.to("queue", Spent)[0].blocked == ("evil.example", "::1")
    assert ground.mail.to(f"worker-{NAME}", WentOut)[0].blocked == ("evil.example", "::1")


def test_a_host_that_floods_does_not_wear_out_the_store_and_costs_no_other(ground: Ground) -> None:
    sids = {name: ground.is_welcome(name, ABLE) for name in ("anvil", "other")}

    def answered() -> int:
        """Each that the store was asked about."""
        before = len(ground.mail.to("gateway", HostOutbound))
        for number in range(3 * BURST):
            ground.hears("other", HostOutlay(sids["other"], NAME, number))
        return len(ground.mail.to("gateway", HostOutbound)) - before

    assert answered() == BURST
    said(ground, "anvil", WantTerms(sids["anvil"], NAME, "t1"))
    assert ground.mail.to("egress", TermsWanted) == [TermsWanted("anvil", NAME, "t1")]

    ground.hears("other", HostHello("another boot", ABLE))
    sids["other"] = ground.is_welcome("other", ABLE)
    assert answered() == 0, "a new session gives no more"
    ground.clock.advance(1.0)
    assert answered() == PER_SECOND
