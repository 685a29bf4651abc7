"""What attempts spend, in every store of the queue: PostgreSQL, or the memory that the simulation runs on."""

from operator import methodcaller

import pytest

from factory.domain.egress import MOST_BLOCKED
from factory.protocol.egress_mail import Spent
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from tests.contract.work_stores import Site, memory_site, postgres_site
from tests.work import done


@pytest.fixture(params=["PostgreSQL", "memory"])
def site(request: pytest.FixtureRequest, database: Database) -> Site:
    return memory_site() if request.param == "memory" else postgres_site(database)


def test_spending_only_grows_tells_of_each_host_once_and_goes_with_the_lease_and_the_pull_request(site: Site) -> None:
    lease = site.running()

    def spent(of: Lease, tokens: int, micros: int, calls: int, *blocked: str) -> None:
        site.do(lambda round_: round_.spent(Spent(of, tokens, micros, calls, blocked)))

    spent(lease, 50, 900, 2, "a.example")
    spent(lease, 30, 1_000, 1, "a.example", "b.example")
    spent(lease, 1, 1, 1)
    spent(Lease(lease.item, 9), 5, 5, 5, "c.example")

    (leased,) = site.do(lambda round_: round_.leased())
    assert (leased.tokens, leased.micros, leased.calls) == (50, 1_000, 2)
    assert site.trail(lease.item).count("WAY_OUT.HOST.BLOCKED") == 2
    assert site.column(lease.item, "status") == "running"
    assert site.limits.usage().micros_today == 1_000
    assert site.finish(done(lease)) == "ok"
    (row,) = site.outbox.open()
    assert (row.micros, row.blocked) == (1_000, ("a.example", "b.example"))


def test_however_often_ever_new_hosts_are_told_of_those_that_are_kept_of_an_attempt_are_bounded(site: Site) -> None:
    lease = site.running()
    hosts = [f"{number}.example" for number in range(3 * MOST_BLOCKED)]

    for first in range(0, len(hosts), 15):
        site.do(methodcaller("spent", Spent(lease, 1, 1, 1, tuple(hosts[first : first + 15]))))

    assert site.trail(lease.item).count("WAY_OUT.HOST.BLOCKED") == MOST_BLOCKED
    assert site.finish(done(lease)) == "ok"
    (row,) = site.outbox.open()
    assert sorted(row.blocked) == sorted(hosts[:MOST_BLOCKED])
