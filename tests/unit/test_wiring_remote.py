"""Remote workers in the settings: what goes together, and what is only there where it was asked for."""

from typing import Literal

import pytest

from factory.config import Settings
from factory.errors import InvalidInput
from factory.wiring import specs
from factory.wiring_egress import check_way_out
from factory.wiring_remote import check_remote, listening


def names(settings: Settings) -> list[str]:
    return [spec.name for spec in specs(settings)]


def test_without_the_setting_nothing_of_it_is_there():
    settings = Settings()

    check_remote(settings)
    assert "hosts" not in names(settings)
    assert listening(settings) == ""


def test_the_actor_of_hosts_starts_behind_the_gateway_and_before_whoever_places_workers():
    found = names(Settings(worker_listen="tcp://127.0.0.1:7711", max_workers=0))

    assert found.index("gateway") < found.index("hosts") < found.index("dispatcher")


def test_a_factory_that_no_machine_works_for_is_refused():
    with pytest.raises(InvalidInput, match="set worker_listen"):
        check_remote(Settings(max_workers=0))


@pytest.mark.parametrize("network", ["egress", "none"])
def test_workers_of_other_machines_may_be_kept_from_the_network_too(network: Literal["egress", "none"]):
    settings = Settings(worker_listen="tcp://127.0.0.1:7711", network=network)

    check_way_out(settings)

    assert ("egress" in names(settings)) is (network == "egress")


@pytest.mark.parametrize("value", ["0.0.0.0:7711", "tcp://0.0.0.0", "tcp://0.0.0.0:*", "tcp://0.0.0.0:65535", "tcp://0.0.0.0:99999"])
def test_an_address_that_is_none_or_has_no_port_above_it_is_refused(value: str):
    with pytest.raises(ValueError, match="tcp://ADDRESS:PORT"):
        Settings(worker_listen=value)


def test_the_gateway_listens_where_it_is_told():
    assert listening(Settings(worker_listen="tcp://[::1]:7711")) == "tcp://[::1]:7711"
