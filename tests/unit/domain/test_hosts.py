from hypothesis import given
from hypothesis import strategies as st

from factory.domain.hosts import (
    LOCAL,
    Host,
    elsewhere,
    is_met,
    kinds,
    label_objection,
    listed,
    loaded,
    name_objection,
    needs_objection,
    place,
)

HERE = Host(LOCAL, 2)


def test_this_machine_comes_first_where_all_are_as_free():
    assert place([Host("anvil", 4), HERE], "claude") == LOCAL


def test_the_least_loaded_host_is_chosen():
    assert place([Host(LOCAL, 2, 1), Host("anvil", 4, 1)], "claude") == "anvil"


def test_a_full_a_draining_and_an_absent_host_get_nothing():
    hosts = [Host(LOCAL, 1, 1), Host("a", 2, draining=True), Host("b", 2, here=False), Host("c", 0), Host("d", 2, full=True)]

    assert place(hosts, "claude") is None


def test_a_host_without_the_engine_gets_nothing():
    assert place([Host("anvil", 4, engines=frozenset({"command"}))], "claude:--x") is None
    assert place([Host("anvil", 4, engines=frozenset({"claude"}))], "claude:--x") == "anvil"


def test_a_host_needs_all_labels_that_are_wanted():
    hosts = [Host("a", 4, labels=frozenset({"gpu"})), Host("b", 4, labels=frozenset({"gpu", "big"}))]

    assert place(hosts, "claude", ("gpu", "big")) == "b"


def test_a_machine_without_places_is_passed_over():
    assert place([Host(LOCAL, 0), Host("anvil", 1)], "claude") == "anvil"


def test_places_elsewhere_count_those_in_use_and_those_that_are_free():
    hosts = [HERE, Host("a", 3), Host("b", 2, here=False), Host("c", 2, draining=True)]
    placed = {"w1": "a", "w2": "b", "w3": "c", "w4": LOCAL, "w5": "gone"}

    assert elsewhere(hosts, placed) == 3 + 1 + 1 + 1


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=5), st.integers(0, 20))
def test_no_host_is_ever_given_more_than_it_takes(rows, wanted):
    hosts = [Host(f"h{number}", capacity, here=here, draining=draining) for number, (capacity, here, draining) in enumerate(rows)]
    placed: dict[str, str] = {}
    for number in range(wanted):
        chosen = place(loaded(hosts, placed), "claude")
        if chosen is not None:
            placed[str(number)] = chosen

    taken = list(placed.values())
    assert all(taken.count(host.name) <= host.capacity for host in hosts)
    assert len(placed) == min(wanted, sum(host.free for host in hosts))


def test_names_and_labels():
    assert name_objection("anvil-2") == ""
    assert "letters" in name_objection("Anvil!")
    assert "is the name of the machine" in name_objection(LOCAL)
    assert label_objection(("gpu", "cuda=12.4")) == ""
    assert "is no label" in label_objection(("a b",))
    assert "at most" in label_objection(tuple(f"l{number}" for number in range(21)))


def test_labels_as_people_list_them():
    assert listed("gpu, big,,gpu arm") == ("gpu", "big", "arm")
    assert needs_objection(listed(" ")) == ""
    assert "'GPU!' is no label" in needs_objection(("GPU!",))
    assert needs_objection([f"l{number}" for number in range(21)]) == "an item needs 20 labels at most"


def test_labels_of_hosts_are_told_once_and_met_by_one_host_alone():
    hosts = [Host("a", 1, labels=frozenset({"gpu", "big"})), Host("b", 1, labels=frozenset({"big", "gpu"})), Host("c", 1)]

    assert kinds(hosts) == (("big", "gpu"),)
    assert is_met(("gpu",), kinds(hosts))
    assert is_met((), ())
    assert not is_met(("big", "gpu"), (("big",), ("gpu",)))
