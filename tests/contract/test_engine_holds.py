"""Two workers of one engine run into different walls: what shuts it longer stands, in every store."""

from collections.abc import Callable

import pytest

from factory.protocol.attempt_mail import Finish
from factory.protocol.mailbox import Lease
from factory.storage.database import Database
from tests.contract.work_stores import Site, memory_site, postgres_site

FIVE_HOURS, SEVEN_DAYS = 18_000.0, 604_800.0


@pytest.fixture(params=["PostgreSQL", "memory"])
def site(request: pytest.FixtureRequest, database: Database) -> Site:
    return memory_site() if request.param == "memory" else postgres_site(database)


def five_hours(lease: Lease) -> Finish:
    return Finish(lease, 0, "quota", "five hours are used up", retry_after=FIVE_HOURS, holds="account")


def seven_days(lease: Lease) -> Finish:
    return Finish(lease, 0, "quota", "seven days are used up", retry_after=SEVEN_DAYS, holds="account")


def no_login(lease: Lease) -> Finish:
    return Finish(lease, 0, "auth", "log in first", holds="login")


def opened_after(site: Site, seconds: float) -> bool:
    """Whether items of the engine may be claimed again so long after."""
    site.do(lambda round_: round_.shift(-seconds))
    site.do(lambda round_: round_.unpark())
    return bool(site.claimed())


@pytest.mark.parametrize(
    ("first", "then", "shut", "opened"),
    [
        (seven_days, five_hours, FIVE_HOURS + 60, SEVEN_DAYS),
        (five_hours, seven_days, FIVE_HOURS + 60, SEVEN_DAYS),
        (no_login, seven_days, SEVEN_DAYS + 60, None),
        (seven_days, no_login, SEVEN_DAYS + 60, None),
    ],
)
def test_the_longer_hold_stands_whichever_came_first(
    site: Site, first: Callable[[Lease], Finish], then: Callable[[Lease], Finish], shut: float, opened: float | None
) -> None:
    one, other = site.running(engine="claude"), site.running(engine="claude")

    assert [site.finish(first(one)), site.finish(then(other))] == ["ok", "ok"]

    assert not opened_after(site, shut)
    if opened is not None:
        assert opened_after(site, opened)


def test_a_hold_whose_time_is_over_keeps_no_later_one_out(site: Site) -> None:
    one, other = site.running(engine="claude"), site.running(engine="claude")
    site.finish(seven_days(one))
    site.do(lambda round_: round_.shift(-SEVEN_DAYS - 60))

    site.finish(five_hours(other))

    assert not opened_after(site, FIVE_HOURS - 60)
