"""A machine's ways out for its workers: when one is opened, by which terms, what is told of it, and what is left of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from factory.domain.budget import Spend
from factory.egress_ports import Outlay
from factory.errors import HostUnavailable
from factory.protocol.codec import encode
from factory.protocol.host import FromHost, HostLetOut, HostOutlay, HostTerms, OutlayKept, WantTerms
from factory.worker_host.account import Account, held
from factory.worker_host.home import Home
from factory.worker_host.ways_out import WaysOut
from tests.fakes.clock import ManualClock
from tests.file_locks import is_awaited, is_held
from tests.waiting import eventually

H = 5.0
NAME, OTHER = "0123456789-1", "0123456789-2"
LET_OUT = HostLetOut("s", NAME, 300.0, "t1", model=True, micros_cap=7)
TERMS = HostTerms("s", NAME, "t1", ("a.example",), (), "https://model.example", "the-key")
OUTLAY = HostOutlay("", NAME, 1, 10, 20, 1)
LATER = HostOutlay("", NAME, 2, 99, 99, 2)


class FakeOutlet:
    """Implements `ways_out.Outlet` in memory."""

    def __init__(self) -> None:
        self.told: list[HostTerms | HostLetOut] = []
        self.to_tell: list[HostOutlay] = []
        self.alive, self.ended = True, False

    def say(self, said: HostTerms | HostLetOut) -> None:
        self.told.append(said)

    def heard(self) -> Sequence[HostOutlay]:
        told, self.to_tell = self.to_tell, []
        return told

    def is_alive(self) -> bool:
        return self.alive

    def end(self) -> None:
        self.ended = True

    def dies(self) -> None:
        self.alive = False


class Site:
    """A machine without a factory or processes. `away`: nothing that it says is taken."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clock = Home(folder), ManualClock()
        self.home.prepare()
        self.said: list[FromHost] = []
        self.opened: list[FakeOutlet] = []
        self.away = self.full = False
        self.ways = self.anew()

    def anew(self) -> WaysOut:
        """As the next process of this machine has it."""
        self.ways = WaysOut(self.home, self, self.clock, self._say)
        self.ways.begin()
        return self.ways

    def open(self, worker: str) -> FakeOutlet:
        assert worker == NAME
        if self.full:
            raise HostUnavailable("no process could be made")
        self.opened.append(FakeOutlet())
        return self.opened[-1]

    def passes(self, seconds: float = 0.0, sid: str = "s") -> None:
        self.clock.advance(seconds)
        self.ways.passed(self.clock.monotonic(), sid, H)

    def lets_out(self) -> FakeOutlet:
        self.passes()
        self.ways.hear(LET_OUT)
        self.ways.hear(TERMS)
        return self.opened[-1]

    def uses(self, told: HostOutlay = OUTLAY) -> None:
        """As the process of the way does it."""
        self.home.account(told.worker).write_bytes(encode(told))
        self.opened[-1].to_tell.append(told)

    def outlays(self) -> list[HostOutlay]:
        return [said for said in self.said if isinstance(said, HostOutlay)]

    def _say(self, said: FromHost) -> bool:
        if not self.away:
            self.said.append(said)
        return not self.away


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_terms_that_are_not_here_are_asked_for_and_then_held_by_the_way_alone(site: Site) -> None:
    site.passes()
    site.ways.hear(LET_OUT)
    assert site.said == [WantTerms("s", NAME, "t1")]

    site.ways.hear(TERMS)

    assert site.opened[0].told == [TERMS, LET_OUT]
    assert "the-key" not in repr(site.ways)
    assert not any(b"the-key" in path.read_bytes() for path in site.home.data.rglob("*") if path.is_file())
    site.ways.hear(LET_OUT)
    assert site.opened[0].told[2:] == [LET_OUT]
    assert len(site.said) == 1


def test_other_terms_end_the_way_that_was_there(site: Site) -> None:
    first, later = site.lets_out(), msgspec.structs.replace(LET_OUT, terms="t2")

    site.ways.hear(later)
    assert site.opened == [first]
    site.ways.hear(msgspec.structs.replace(TERMS, terms="t2"))

    assert first.ended
    assert site.opened[1].told[1] == later


def test_terms_that_nobody_asked_for_open_nothing(site: Site) -> None:
    site.ways.hear(TERMS)
    site.ways.hear(LET_OUT)
    site.ways.hear(msgspec.structs.replace(TERMS, terms="t2"))
    site.ways.hear(msgspec.structs.replace(LET_OUT, worker="../escape"))

    assert site.opened == []
    assert not any(isinstance(said, WantTerms) and said.worker != NAME for said in site.said)


def test_a_way_that_died_or_could_not_be_made_is_opened_anew_with_the_next_word(site: Site) -> None:
    site.full = True
    site.ways.hear(LET_OUT)
    site.ways.hear(TERMS)
    site.full = False
    first = site.lets_out()
    first.dies()
    site.passes()
    second = site.lets_out()

    assert second is not first
    assert second.told == [TERMS, LET_OUT]


def test_it_ends_with_its_worker_and_no_late_word_opens_it_again(site: Site) -> None:
    outlet = site.lets_out()

    site.ways.shut(NAME)
    site.ways.hear(LET_OUT)
    site.ways.hear(TERMS)

    assert outlet.ended
    assert len(site.opened) == 1


def test_it_ends_when_nobody_vouches_any_more(site: Site) -> None:
    outlet = site.lets_out()

    site.passes(299.0)
    site.ways.hear(LET_OUT)
    site.passes(299.0)
    assert not outlet.ended
    site.passes(1.0)

    assert outlet.ended


def test_what_was_used_is_told_at_once_and_each_heartbeat_until_the_factory_has_it(site: Site) -> None:
    site.lets_out()
    site.uses()

    for seconds in (0.0, H - 1, 1.0):
        site.passes(seconds)
    assert site.outlays() == [msgspec.structs.replace(OUTLAY, sid="s")] * 2

    site.ways.hear(OutlayKept("s", NAME, 1))
    site.passes(H)
    assert len(site.outlays()) == 2
    assert site.home.account(NAME).exists(), "its next process counts from there"


def test_an_answer_to_an_earlier_word_leaves_the_newer_one_to_be_told(site: Site) -> None:
    site.lets_out()
    site.uses()
    site.passes()
    site.uses(msgspec.structs.replace(OUTLAY, number=2, tokens=30))

    site.passes()
    site.ways.hear(OutlayKept("s", NAME, 1))
    site.passes(H)

    assert [told.number for told in site.outlays()] == [1, 2, 2]


def test_what_was_used_while_the_factory_was_away_is_told_in_the_next_session_also_by_another_process(site: Site) -> None:
    site.lets_out()
    site.away = True
    site.uses()
    site.passes(sid="")
    site.anew()
    site.away = False

    site.passes(sid="s2")

    assert site.outlays() == [msgspec.structs.replace(OUTLAY, sid="s2")]


def test_in_a_new_session_what_may_have_been_lost_is_told_at_once(site: Site) -> None:
    site.lets_out()
    site.uses()
    site.passes()

    site.passes(sid="s2")

    assert [told.sid for told in site.outlays()] == ["s", "s2"]


@pytest.mark.parametrize("kept_first", [True, False])
def test_its_account_goes_when_it_has_ended_and_the_factory_has_all_of_it(site: Site, *, kept_first: bool) -> None:
    outlet = site.lets_out()
    site.uses()
    site.passes()
    site.ways.shut(NAME)

    def ends() -> None:
        outlet.dies()
        site.passes()

    steps = [lambda: site.ways.hear(OutlayKept("s", NAME, 1)), ends]
    for step in steps if kept_first else reversed(steps):
        assert site.home.account(NAME).exists()
        step()

    assert list(site.home.accounts.iterdir()) == []


def test_the_last_word_of_one_that_ends_is_told(site: Site) -> None:
    site.lets_out()
    site.ways.shut(NAME)
    site.uses()

    site.passes()

    assert [told.tokens for told in site.outlays()] == [10]


def test_of_two_ways_of_one_worker_the_larger_number_is_told_whichever_is_heard_last(site: Site) -> None:
    first = site.lets_out()
    site.ways.hear(msgspec.structs.replace(LET_OUT, terms="t2"))
    site.ways.hear(msgspec.structs.replace(TERMS, terms="t2"))
    site.uses(LATER)
    first.to_tell.append(OUTLAY)
    first.dies()

    site.passes()

    assert site.outlays() == [msgspec.structs.replace(LATER, sid="s")]


def test_what_was_written_down_after_the_report_that_the_factory_has_is_told_too(site: Site) -> None:
    """As by a way that a process before this one opened."""
    site.home.account(NAME).write_bytes(encode(OUTLAY))
    site.anew()
    site.passes()
    site.home.account(NAME).write_bytes(encode(LATER))

    site.ways.hear(OutlayKept("s", NAME, 1))
    site.passes()
    assert [told.number for told in site.outlays()] == [1, 2]

    site.ways.hear(OutlayKept("s", NAME, 2))
    assert list(site.home.accounts.iterdir()) == []


def test_an_account_on_which_another_process_counts_is_looked_at_once_that_has_ended(site: Site) -> None:
    account = site.home.account(NAME)
    account.write_bytes(encode(OUTLAY))
    site.anew()
    site.passes()

    with held(account):
        site.ways.hear(OutlayKept("s", NAME, 1))
        site.passes()
        assert account.with_suffix(".lock").exists()
        account.write_bytes(encode(LATER))
    site.passes()
    assert [told.number for told in site.outlays()] == [1, 2]

    site.ways.hear(OutlayKept("s", NAME, 2))
    assert list(site.home.accounts.iterdir()) == []


def test_an_account_that_cannot_be_read_keeps_the_others_from_nothing(site: Site) -> None:
    site.home.account(OTHER).write_bytes(b"\xff")
    site.home.account(NAME).write_bytes(encode(OUTLAY))

    site.anew()
    site.passes()

    assert [told.worker for told in site.outlays()] == [NAME]


# -- an account -------------------------------------------------------------------------------------------------------


def test_an_account_counts_on_where_another_process_left_it(tmp_path: Path) -> None:
    path = tmp_path / "a.outlay"
    first = Account.load(path, NAME)
    assert first.note(Outlay(NAME, Spend())) is None
    told = first.note(Outlay(NAME, Spend(10, 20, 1), ("a.example",), "over_budget: all", 2))
    assert told == HostOutlay("", NAME, 1, 10, 20, 1, ("a.example",), "over_budget: all", 2)

    second = Account.load(path, NAME)

    assert second.spent == Spend(10, 20, 1)
    assert second.note(Outlay(NAME, Spend(10, 20, 1), ("b.example",), "over_budget: all", 1)) == HostOutlay(
        "", NAME, 2, 10, 20, 1, ("a.example", "b.example"), "over_budget: all", 3
    )
    assert Account.load(path, NAME).told.number == 2


def test_an_account_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.outlay"
    path.write_bytes(b"\xff")

    assert Account.load(path, NAME).spent == Spend()


def test_who_waited_for_an_account_that_was_removed_has_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.outlay"
    lock = path.with_suffix(".lock")
    with ThreadPoolExecutor(1) as other:
        with held(path):
            waits = other.submit(_locked_file, path)
            eventually(lambda: is_awaited(lock), 60, "it waits")
            lock.unlink()

        assert waits.result(60), "what it holds has no name any more"


def _locked_file(path: Path) -> bool:
    with held(path):
        return is_held(path.with_suffix(".lock"))
