"""Where the dispatcher has workers made."""

from actors.placement import Nowhere, Placement
from factory.protocol.host_mail import Hosts, HostSeen
from factory.protocol.mail import Lease, Work


def work(number: int, engine: str = "command:true", host: str = "") -> Work:
    return Work(Lease(f"{number:010d}", 1), "/repo", "main", "t", "s", engine, "operator", "assigned", host=host)


def anvil(capacity: int = 2, *, here: bool = True, draining: bool = False, engines: tuple[str, ...] = ("command",)) -> Hosts:
    return Hosts((HostSeen("anvil", here, draining, capacity, engines),))


def host_of(put: Work | Nowhere) -> str:
    assert isinstance(put, Work)
    return put.host


def test_without_other_machines_nothing_is_decided():
    one = work(1)

    assert Placement(here=0).put(one) is one


def test_workers_are_spread_over_this_machine_and_the_others():
    placement = Placement(remote=True, here=1)
    placement.heard(anvil(2))

    assert [host_of(placement.put(work(number))) for number in range(3)] == ["local", "anvil", "anvil"]
    assert isinstance(placement.put(work(4)), Nowhere)


def test_a_worker_stays_where_it_was_made():
    placement = Placement(remote=True, here=5)

    assert host_of(placement.put(work(1, host="anvil"))) == "anvil"
    placement.heard(anvil(1))
    assert placement.elsewhere == 1


def test_what_has_ended_takes_no_place_any_more():
    placement = Placement(remote=True)
    placement.heard(anvil(1))
    first, second = work(1), work(2)
    placement.put(first)
    assert isinstance(placement.put(second), Nowhere)

    placement.keep([])

    assert host_of(placement.put(second)) == "anvil"


def test_a_claim_for_a_place_that_is_gone_meanwhile_is_only_given_back():
    placement = Placement(remote=True)
    placement.heard(anvil(1))
    placement.put(work(1))

    put = placement.put(work(2))

    assert put == Nowhere("no place is free on anvil", passing=True)


def test_an_engine_that_no_machine_has_is_said():
    placement = Placement(remote=True)
    placement.heard(anvil())

    assert placement.put(work(1, "claude")) == Nowhere("no host that is here can run the engine claude", passing=False)


def test_hosts_of_which_nobody_speaks_now_take_nothing():
    placement = Placement(remote=True)
    placement.heard(anvil(4))
    assert placement.elsewhere == 4

    placement.heard(None)

    assert placement.elsewhere == 0
    assert placement.put(work(1)) == Nowhere("no host that is here can run the engine command", passing=True)


def test_a_host_that_is_drained_keeps_the_places_that_it_has():
    placement = Placement(remote=True)
    placement.heard(anvil(4))
    placement.put(work(1))

    placement.heard(anvil(4, draining=True))

    assert placement.elsewhere == 1
