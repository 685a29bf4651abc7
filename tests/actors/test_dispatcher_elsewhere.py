"""The dispatcher of a factory whose workers may be made on other machines."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from actors.dispatcher import Dispatcher
from factory.protocol.attempt_mail import Finish
from factory.protocol.host_mail import Hosts, HostSeen
from factory.protocol.lease_mail import Claimed, Outstanding
from factory.protocol.limiter_mail import Capacity, Room
from factory.protocol.mailbox import Lease, StartWorkerActor
from tests.actors.dispatcher_site import BOOT, Factory, H, work

FIRST, SECOND, THIRD = (Lease(f"{letter}" * 10, 1) for letter in "abc")


class Elsewhere(Factory):
    """Two places here, and one machine with two."""

    def __init__(self) -> None:
        super().__init__()
        self.here, self.seen = 2, HostSeen("anvil", here=True, draining=False, capacity=2, engines=("command",))
        self.mail.answers["hosts"] = lambda _: Hosts((self.seen,))
        self.barred = ""
        self.keeps()

    def keeps(self, *, alone: bool = False) -> None:
        """A dispatcher whose workers have a network, or none."""
        self.actor = Dispatcher(
            mailbox=self.mail, clock=self.clock, host=self.host, background=self.background, heartbeat=H, ready=self.host.ready,
            remote=True, alone=alone,
        )  # fmt: skip

    def _limit(self, asked: Capacity) -> Room:
        self.told_away, self.elsewhere, self.barred = asked.away, asked.elsewhere, asked.barred
        return Room(max(self.here + (asked.elsewhere or 0) - asked.active, 0), here=self.here)

    def hosts(self) -> dict[str, str]:
        asked = [asked.work for _, asked in self.mail.asked if isinstance(asked, StartWorkerActor)]
        return {one.lease.worker: one.host for one in asked}


@pytest.fixture
def factory() -> Iterator[Elsewhere]:
    made = Elsewhere()
    yield made
    made.background.close()


def credit(factory: Elsewhere) -> int:
    return factory.credits()[-1].free


def test_places_of_other_machines_may_be_claimed_for(factory: Elsewhere) -> None:
    factory.begins()
    factory.actor.on_tick()

    assert credit(factory) == 4


def test_workers_are_made_here_and_there(factory: Elsewhere) -> None:
    factory.begins()

    factory.hears(Claimed(BOOT, 3, work(FIRST, SECOND, THIRD)))

    assert sorted(factory.hosts().values()) == ["anvil", "local", "local"]
    assert credit(factory) == 1


def test_a_worker_that_was_made_elsewhere_is_looked_after_where_it_is(factory: Elsewhere) -> None:
    factory.begins()
    (one,) = (msgspec.structs.replace(each, host="anvil") for each in work(FIRST))

    for _ in range(4):
        factory.clock.advance(H / 2)
        factory.actor.on_tick()
    factory.hears(Outstanding(BOOT, 1, (FIRST,), (one,), (), factory.surveys()[-1], 0))

    assert factory.hosts() == {FIRST.worker: "anvil"}
    assert credit(factory) == 3


def test_a_machine_that_is_away_gives_no_place_and_what_was_claimed_for_it_is_given_back(factory: Elsewhere) -> None:
    factory.here = 0
    factory.begins()
    factory.actor.on_tick()
    assert credit(factory) == 2

    factory.seen = msgspec.structs.replace(factory.seen, here=False)
    factory.actor.on_tick()
    assert credit(factory) == 0
    factory.hears(Claimed(BOOT, 1, work(FIRST)))

    told: list[Any] = factory.mail.to("queue", Finish)
    assert [(finish.lease, finish.outcome) for finish in told] == [(FIRST, "given_back")]
    assert factory.hosts() == {}


def test_an_engine_here_that_is_away_keeps_nobody_elsewhere_from_work(factory: Elsewhere) -> None:
    factory.begins()
    factory.host.away = True
    for _ in range(4):
        factory.clock.advance(H / 2)
        factory.actor.on_tick()
    factory.answers()

    assert (credit(factory), factory.told_away) == (2, "")
    factory.hears(Claimed(BOOT, 1, work(FIRST)))
    assert factory.hosts() == {FIRST.worker: "anvil"}


def test_items_that_need_labels_are_claimed_only_while_a_host_that_has_them_has_a_place(factory: Elsewhere) -> None:
    factory.seen = msgspec.structs.replace(factory.seen, labels=("gpu",), capacity=1)
    factory.begins()
    factory.actor.on_tick()
    assert factory.credits()[-1].labels == (("gpu",),)

    (one,) = work(FIRST)
    factory.actor.on_mail(Claimed(BOOT, 1, (msgspec.structs.replace(one, needs=("gpu",)),)))

    assert factory.hosts()[FIRST.worker] == "anvil"
    assert factory.credits()[-1].labels == ()
    asked = [mail for _, mail in factory.mail.asked if isinstance(mail, Capacity)]
    assert (asked[-1].labels, asked[-1].offered) == ((("gpu",),), ())


def test_a_machine_that_cannot_keep_workers_from_the_network_gets_none_and_the_limiter_hears_why(factory: Elsewhere) -> None:
    factory.keeps(alone=True)
    factory.here = 0
    factory.begins()
    factory.actor.on_tick()

    assert (credit(factory), factory.elsewhere) == (0, 0)
    assert factory.barred.startswith("anvil: workers cannot be kept from the network there")

    factory.seen = msgspec.structs.replace(factory.seen, alone=("command",))
    factory.actor.on_tick()

    assert (credit(factory), factory.barred) == (2, "")
