"""Labels that items need of a host, in every store of the queue: PostgreSQL, or the memory that the simulation runs on."""

import pytest

from factory.storage.database import Database
from tests.contract.work_stores import Site, memory_site, postgres_site


@pytest.fixture(params=["PostgreSQL", "memory"])
def site(request: pytest.FixtureRequest, database: Database) -> Site:
    return memory_site() if request.param == "memory" else postgres_site(database)


def test_what_needs_labels_is_claimed_only_for_a_host_that_has_them_all_and_keeps_nobody_waiting(site: Site) -> None:
    both, one, none = (site.submitted(priority=number, needs=needs) for number, needs in enumerate((("big", "gpu"), ("gpu",), ())))
    assert [work.lease.item for work in site.claimed(5)] == [none]

    with_gpu = site.do(lambda round_: round_.claim(5, (("arm", "big"), ("arm", "gpu"))))
    with_both = site.do(lambda round_: round_.claim(5, (("arm", "big", "gpu"),)))

    assert [(work.lease.item, work.needs) for work in with_gpu] == [(one, ("gpu",))]
    assert [(work.lease.item, work.needs) for work in with_both] == [(both, ("big", "gpu"))]
