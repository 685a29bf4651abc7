"""Where the dispatcher has workers made."""

import msgspec

from actors.placement import Nowhere, Placement
from factory.protocol.host_mail import Hosts, HostSeen
from factory.protocol.mail import Lease, Work


def work(number: int, engine: str = "command:true", host: str = "", needs: tuple[str, ...] = ()) -> Work:
    return Work(Lease(f"{number:010d}", 1), "/repo", "main", "t", "s", engine, "operator", "assigned", host=host, needs=needs)


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


def labelled(capacity: int, *, here: bool = True) -> Hosts:
    seen = [HostSeen("anvil", here, draining=False, capacity=capacity if here else 0, engines=("command",), labels=("gpu",))]
    return Hosts((*seen, HostSeen("plain", here=True, draining=False, capacity=5, engines=("command",))))


def test_a_worker_is_made_on_a_host_that_has_the_labels_that_its_item_needs():
    placement = Placement(remote=True, here=5, labels=frozenset({"big"}))
    placement.heard(labelled(1))

    assert (placement.known_labels, placement.offered_labels) == ((("big",), ("gpu",)), (("big",), ("gpu",)))
    assert host_of(placement.put(work(1, needs=("gpu",)))) == "anvil"
    assert host_of(placement.put(work(2, needs=("big",)))) == "local"
    assert (placement.known_labels, placement.offered_labels) == ((("big",), ("gpu",)), (("big",),))
    assert placement.put(work(3, needs=("gpu",))) == Nowhere("no place is free on anvil", passing=True)


def test_where_the_host_with_the_labels_has_gone_since_the_claim_the_item_is_only_given_back():
    placement = Placement(remote=True, here=5)
    placement.heard(labelled(1, here=False))

    assert (placement.known_labels, placement.offered_labels) == ((("gpu",),), ())
    put = placement.put(work(1, needs=("gpu",)))

    assert put == Nowhere("no host that is here can run the engine command and has the labels gpu", passing=True)


def test_an_engine_that_no_host_with_the_labels_has_is_no_passing_matter():
    placement = Placement(remote=True)
    placement.heard(labelled(1))

    put = placement.put(work(1, engine="codex", needs=("gpu",)))

    assert put == Nowhere("no host that is here can run the engine codex and has the labels gpu", passing=False)


def test_without_other_machines_the_labels_of_this_one_count():
    placement = Placement(labels=frozenset({"gpu"}))

    assert placement.offered_labels == placement.known_labels == (("gpu",),)


def aged(age: float, *, here: bool) -> Hosts:
    return Hosts((HostSeen("anvil", here, draining=False, capacity=2 if here else 0, engines=("command",), labels=("gpu",)),), age)


def test_hosts_have_a_grace_to_come_back_in_after_their_actor_was_replaced():
    placement = Placement(remote=True, grace=15.0)
    said = []
    for answer, now in ((aged(60.0, here=True), 0.0), (None, 1.0), (aged(0.5, here=False), 2.0), (aged(3.0, here=True), 5.0)):
        placement.heard(answer, now)
        said.append((placement.reconnecting, placement.known_labels, placement.offered_labels))

    gone, back = (True, (("gpu",),), ()), (False, (("gpu",),), (("gpu",),))
    assert said == [back, gone, gone, back]


def test_after_the_grace_nobody_is_expected_any_more():
    placement = Placement(remote=True, grace=15.0)
    placement.heard(aged(60.0, here=False), 0.0)
    said = [placement.reconnecting]
    for now in (10.0, 25.0):
        placement.heard(None, now)
        said.append(placement.reconnecting)

    assert said == [False, True, False]
    assert placement.known_labels == ()


def test_before_anybody_has_said_which_hosts_there_are_no_label_is_known_to_be_missing():
    placement = Placement(remote=True, grace=15.0, here=1, labels=frozenset({"big"}))
    placement.heard(None, 0.0)

    assert (placement.reconnecting, placement.known_labels) == (True, ())


def mixed() -> Hosts:
    able = HostSeen("able", here=True, draining=False, capacity=2, engines=("command",), labels=("gpu",), alone=("claude", "command"))
    old = HostSeen("old", here=True, draining=False, capacity=5, engines=("claude", "command"), labels=("big",))
    return Hosts((able, old))


def test_workers_without_a_network_are_made_where_hosts_can_keep_them_so():
    placement = Placement(remote=True, alone=True)
    placement.heard(mixed())

    assert [host_of(placement.put(work(number, "claude"))) for number in range(2)] == ["able", "able"]
    assert placement.put(work(2, "claude")) == Nowhere("no place is free on able", passing=True)
    assert placement.elsewhere == 2
    assert placement.offered_labels == ()
    assert placement.barred.startswith("old: workers cannot be kept from the network there")


def test_where_workers_have_a_network_no_host_is_barred():
    placement = Placement(remote=True)
    placement.heard(mixed())

    assert (placement.elsewhere, placement.barred) == (7, "")
    assert host_of(placement.put(work(1, "claude"))) == "old"


def test_what_runs_on_a_host_that_is_barred_since_counts_and_goes_on():
    placement = Placement(remote=True, alone=True)
    placement.heard(mixed())

    assert host_of(placement.put(work(1, host="old"))) == "old"
    assert placement.elsewhere == 3


def test_a_host_whose_disk_is_full_takes_nobody_and_is_named_with_that():
    """F36: nobody is started on a disk that is nearly full. On another machine, which says so."""
    placement = Placement(remote=True)
    full = HostSeen("anvil", here=True, draining=False, capacity=2, engines=("command",), full=True)
    placement.heard(Hosts((full,)))

    assert placement.put(work(1)) == Nowhere("no place is free on anvil", passing=True)
    assert placement.barred == "anvil: the disk there is nearly full"

    placement.heard(Hosts((msgspec.structs.replace(full, full=False),)))
    assert (host_of(placement.put(work(1))), placement.barred) == ("anvil", "")
