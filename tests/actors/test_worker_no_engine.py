"""An item that is claimed for an engine which is dead by then."""

from pathlib import Path

import msgspec
import pytest

from factory.protocol.attempt_mail import Finish, Starting
from factory.protocol.lease_mail import NoneMade
from factory.protocol.worker import Hello
from tests.actors.worker_site import BASE, PREPARED, WORK, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_an_item_that_is_claimed_while_its_engine_is_dead_costs_nothing(site: Site) -> None:
    """Until the dispatcher's next look at it: there is no worker to adopt, none can be made, and nobody is to blame for that."""
    site.host.dead = True
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    site.copies_end()
    site.ticks(1)

    reason = "no worker can be made now: The Docker engine does not answer: nothing listens there."
    assert {(finish.outcome, finish.reason) for finish in site.finishes()} == {("given_back", reason)}


def test_the_dispatcher_is_told_before_the_place_is_free(site: Site) -> None:
    """Else the next one would be claimed for it, and the next, until it looks by itself."""
    site.host.dead = True
    site.actor.on_start()
    site.actor.on_mail(PREPARED)
    site.copies_end()

    order = [type(mail) for address, mail in site.mail.told if address == "dispatcher" or isinstance(mail, Finish)]
    assert order == [NoneMade, Finish]


def test_a_worker_that_was_made_before_its_engine_died_is_adopted_unseen(site: Site) -> None:
    """The queue knows the commit that it began with: it may live, and speak, while the engine does not."""
    site.host.dead = True

    site.new_actor(msgspec.structs.replace(WORK, base_commit=BASE)).on_start()
    site.hears(Hello("1.0", "boot", "idle"))
    site.ticks(2)

    assert site.finishes() == []
    assert site.asked(Starting) == []
