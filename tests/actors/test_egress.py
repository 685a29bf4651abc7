"""The way out's actor between workers' actors and its server, and a worker's actor between that and the queue."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from actors.egress import Egress
from actors.way_out import VerificationWays, WayOutTerms
from actors.worker_orders import EngineAccess
from factory.domain.budget import Caps, Spend
from factory.domain.way_out import secret_for
from factory.egress_ports import Grant, Outlay
from factory.protocol.attempt_mail import Recorded
from factory.protocol.egress_mail import LetOut, ShutOut, Spent, WentOut
from factory.protocol.lease_mail import LeaseEnded
from tests.actors.worker_site import LEASE, NAME, WORK, H, Site
from tests.fakes.clock import ManualClock
from tests.fakes.recording_mailbox import RecordingMailbox

ACTOR = f"worker-{NAME}"
TERMS = WayOutTerms(Path("/data/link/out/egress.sock"), b"k" * 32, Caps(1_000, 5_000_000))
CLAUDE = msgspec.structs.replace(WORK, engine="claude")
ACCESS = EngineAccess(credential={"ANTHROPIC_API_KEY": "placeholder"})


class Server:
    """Implements `egress_ports.WayOutServer` in memory."""

    def __init__(self) -> None:
        self.granted: list[Grant] = []
        self.revoked: list[str] = []
        self.to_tell: list[Outlay] = []
        self.alive = False
        self._ends = os.pipe()

    def start(self) -> str:
        self.alive = True
        return "/data/link/out/egress.sock"

    def is_alive(self) -> bool:
        return self.alive

    def stop(self) -> None:
        self.alive = False

    def pollable(self) -> int:
        return self._ends[0]

    def grant(self, grant: Grant) -> None:
        self.granted.append(grant)

    def revoke(self, worker: str) -> None:
        self.revoked.append(worker)

    def news(self) -> Sequence[Outlay]:
        told, self.to_tell = self.to_tell, []
        return told

    def close(self) -> None:
        for end in self._ends:
            os.close(end)


class Egresses:
    """The actor with its surroundings."""

    def __init__(self) -> None:
        self.mail, self.clock, self.server = RecordingMailbox(), ManualClock(), Server()
        self.actor = Egress(mailbox=self.mail, clock=self.clock, server=self.server)
        self.actor.on_start()

    def happens(self, outlay: Outlay) -> None:
        self.server.to_tell.append(outlay)
        self.actor.on_ready(self.server)


@pytest.fixture
def egress() -> Iterator[Egresses]:
    site = Egresses()
    yield site
    site.server.close()


LET_OUT = LetOut(LEASE, NAME, 15.0, ACTOR, True, 1_000, 5_000_000, 10, 20, 3)


# -- the way out's actor ----------------------------------------------------------------------------------------------


def test_whoever_is_vouched_for_is_let_out_with_what_is_known_of_it(egress: Egresses) -> None:
    egress.actor.on_mail(LET_OUT)
    egress.actor.on_mail(ShutOut(NAME))

    assert egress.server.granted == [Grant(NAME, True, Caps(1_000, 5_000_000), Spend(10, 20, 3), 15.0)]
    assert egress.server.revoked == [NAME]


def test_what_becomes_of_it_is_told_to_whoever_vouched(egress: Egresses) -> None:
    egress.actor.on_mail(LET_OUT)

    egress.happens(Outlay(NAME, Spend(50, 60, 4), ("evil.example",), "over_budget: much", 2))

    assert egress.mail.to(ACTOR, WentOut) == [WentOut(LEASE, 50, 60, 4, ("evil.example",), "over_budget: much", 2)]


def test_what_could_not_be_told_is_told_again_as_it_is_then(egress: Egresses) -> None:
    egress.actor.on_mail(LET_OUT)
    egress.mail.full = {ACTOR}
    egress.happens(Outlay(NAME, Spend(50, 60, 4)))
    egress.happens(Outlay(NAME, Spend(70, 80, 5)))
    egress.mail.full = set()

    egress.actor.on_tick()
    egress.actor.on_tick()

    assert egress.mail.to(ACTOR, WentOut) == [WentOut(LEASE, 70, 80, 5)]


def test_the_last_calls_of_a_worker_are_told_when_it_is_shut_out(egress: Egresses) -> None:
    egress.actor.on_mail(LET_OUT)
    egress.server.to_tell.append(Outlay(NAME, Spend(50, 60, 4)))

    egress.actor.on_mail(ShutOut(NAME))

    assert egress.mail.to(ACTOR, WentOut) == [WentOut(LEASE, 50, 60, 4)]
    egress.happens(Outlay(NAME, Spend(90, 90, 9)))
    assert len(egress.mail.to(ACTOR, WentOut)) == 1


def test_of_what_verifies_a_result_nobody_is_told(egress: Egresses) -> None:
    egress.actor.on_mail(LetOut(LEASE, f"verify-0-{NAME}", 30.0))

    egress.happens(Outlay(f"verify-0-{NAME}", Spend(), ("evil.example",)))

    assert egress.mail.told == []
    assert egress.server.granted[0].model is False


def test_with_its_server_the_actor_ends_and_is_started_anew(egress: Egresses) -> None:
    egress.actor.on_tick()
    egress.server.alive = False

    with pytest.raises(RuntimeError, match="has ended"):
        egress.actor.on_tick()


# -- a worker's actor -------------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, CLAUDE, ACCESS, TERMS)


def went_out(refused: int = 0, *blocked: str, tokens: int = 60) -> WentOut:
    return WentOut(LEASE, tokens, 70, 4, blocked, "over_budget: all is spent" if refused else "", refused)


def test_a_worker_is_vouched_for_before_it_is_made_and_with_each_beat(site: Site) -> None:
    site.launched()
    site.ticks(2)

    (first, *_) = said = site.mail.to("egress", LetOut)
    assert len(said) >= 4
    assert (first.worker, first.reports_to, first.model, first.token_cap, first.micros_cap) == (NAME, ACTOR, True, 1_000, 5_000_000)
    assert first.seconds >= 3 * H
    assert site.kinds().index(("egress", LetOut)) < len(site.kinds())


def test_it_is_shut_out_when_its_lease_is_over(site: Site) -> None:
    site.working().actor.on_mail(LeaseEnded(LEASE, "killed"))
    site.actor.on_tick()

    assert site.mail.to("egress", ShutOut) == [ShutOut(NAME)]
    assert ("egress", LetOut) not in site.kinds()[site.kinds().index(("egress", ShutOut)) :]


def test_its_files_name_the_socket_and_its_own_secret_and_no_key_s4(site: Site) -> None:
    """S4."""
    order = site.launched().host.workers[NAME].order

    told = json.loads(order.files["egress.json"])
    assert told == {
        "socket": "/data/link/out/egress.sock", "worker": NAME, "token": secret_for(b"k" * 32, NAME),
        "environment": {"ANTHROPIC_BASE_URL": "{way_out}/anthropic"},
    }  # fmt: skip
    assert Path("/data/link/out") in order.readable
    assert secret_for(b"k" * 32, "0123456789-3") != told["token"]


def test_another_engine_is_let_out_but_not_to_the_model(tmp_path: Path) -> None:
    site = Site(tmp_path, WORK, EngineAccess(), TERMS).launched()

    assert json.loads(site.host.workers[NAME].order.files["egress.json"])["environment"] == {}
    assert not any(mail.model for mail in site.mail.to("egress", LetOut))


def test_without_a_way_out_nobody_speaks_of_one(tmp_path: Path) -> None:
    site = Site(tmp_path).working()
    site.ticks(2)

    assert "egress" not in {address for address, _ in site.mail.told}
    assert "egress.json" not in site.host.workers[NAME].order.files


def test_what_is_spent_is_kept_by_the_queue_and_said_to_a_way_out_that_starts_anew_f48(site: Site) -> None:
    """F48."""
    site.working()
    for mail in (went_out(0, "a.example"), went_out(0, "a.example"), went_out(0, "b.example", tokens=5)):
        site.actor.on_mail(mail)
    site.ticks(1)

    assert site.to_queue(Spent) == [Spent(LEASE, 60, 70, 4, ("a.example",)), Spent(LEASE, 60, 70, 4, ("a.example", "b.example"))]
    assert {(mail.tokens, mail.micros, mail.calls) for mail in site.mail.to("egress", LetOut)[-1:]} == {(60, 70, 4)}


def test_an_adopted_worker_goes_on_with_what_it_has_spent_f48(tmp_path: Path) -> None:
    """F48."""
    site = Site(tmp_path, msgspec.structs.replace(CLAUDE, tokens=600, micros=7, calls=8), ACCESS, TERMS).launched()

    assert (site.mail.to("egress", LetOut)[0].tokens, site.mail.to("egress", LetOut)[0].calls) == (600, 8)


def test_an_engine_that_goes_on_beyond_its_cap_is_ended_with_the_reason_f48(site: Site) -> None:
    """F48."""
    site.working()
    site.actor.on_mail(went_out(1))
    assert site.finishes() == []

    site.clock.advance(2 * H)
    site.actor.on_mail(went_out(1))
    assert site.finishes() == [], "nothing was refused since"
    site.actor.on_mail(went_out(2))

    assert [(mail.outcome, mail.reason) for mail in site.finishes()] == [("policy", "over_budget: all is spent")]


def test_an_engine_that_ends_by_itself_at_its_cap_may_hand_in_its_work_f48(site: Site) -> None:
    """F48."""
    site.finishing().actor.on_mail(went_out(1))
    site.clock.advance(3 * H)
    site.actor.on_mail(went_out(2))

    assert {mail.outcome for mail in site.finishes()} == {"done"}
    seq = site.finishes()[-1].seq
    site.actor.on_mail(Recorded(LEASE, seq, "ok"))
    assert site.left


def test_what_verifies_is_vouched_for_again_and_again_and_shut_out_afterwards() -> None:
    mail = RecordingMailbox()
    ways = VerificationWays(mail, TERMS)
    first, second = {f"verify-0-{NAME}": LEASE}, {f"verify-1-{NAME}": LEASE}

    for now, under_way in [(0.0, {}), (1.0, first), (1.5, first), (5.0, first), (6.0, second), (7.0, {})]:
        ways.vouch(under_way, now)

    said = [(type(each).__name__, each.worker[:8]) for _, each in mail.told]
    assert said == [
        ("LetOut", "verify-0"), ("LetOut", "verify-0"), ("ShutOut", "verify-0"), ("LetOut", "verify-1"), ("ShutOut", "verify-1"),
    ]  # fmt: skip
    VerificationWays(mail, None).vouch(first, 9.0)
    assert len(mail.told) == 5
