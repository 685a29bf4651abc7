"""Who of the tree is given which secret."""

import pytest

from factory.config import Settings
from factory.privileges import credential_for, environment_for, settings_for
from factory.wiring_actors import KINDS

OWN_SERVER = Settings(database_url="postgresql://me:canary@db/x", mcp={"tracker": {"key": "canary"}})
ENVIRON = {"SSH_AUTH_SOCK": "/agent", "PGPASSWORD": "canary", "AWS_SECRET_ACCESS_KEY": "canary", "PATH": "/bin"}


@pytest.mark.parametrize("kind", ["gateway", "worker", "dispatcher"])
def test_who_is_near_to_agents_has_no_way_to_the_database(kind: str) -> None:
    assert settings_for(kind, OWN_SERVER).database_url is None
    assert "PGPASSWORD" not in environment_for(kind, OWN_SERVER, ENVIRON)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"gateway", "worker", "dispatcher"}))
def test_who_works_with_the_database_knows_where_it_is(kind: str) -> None:
    assert settings_for(kind, OWN_SERVER).database_url == OWN_SERVER.database_url
    assert environment_for(kind, OWN_SERVER, ENVIRON)["PGPASSWORD"] == "canary"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_engines_log_in_with_is_for_workers_only(kind: str) -> None:
    its_own = kind == "worker"

    assert bool(credential_for(kind, {"ANTHROPIC_API_KEY": "canary"})) is its_own
    assert bool(settings_for(kind, OWN_SERVER).mcp) is its_own


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_reaches_remotes_is_for_delivery_only_and_the_rest_is_for_nobody(kind: str) -> None:
    given = environment_for(kind, Settings(), ENVIRON)

    assert given == ({"SSH_AUTH_SOCK": "/agent"} if kind == "delivery" else {})
