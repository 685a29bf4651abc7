"""Who of the tree is given which secret."""

import pytest

from factory.config import Settings
from factory.privileges import credential_for, environment_for, settings_for
from factory.wiring_actors import KINDS

OWN_SERVER = Settings(database_url="postgresql://me:canary@db/x", mcp={"tracker": {"key": "canary"}})
CREDENTIALS = {"claude": {"ANTHROPIC_API_KEY": "canary"}, "gemini": {"GEMINI_API_KEY": "canary"}}
FOR_FORGES = {"GITHUB_TOKEN": "canary", "GITHUB_API_URL": "https://ghe"}
FOR_REMOTES = {"SSH_AUTH_SOCK": "/agent", "GITHUB_TOKEN": "canary", "GITHUB_API_URL": "https://ghe"}
FOR_WEBHOOKS = {"GITHUB_WEBHOOK_SECRET": "canary"}
ENVIRON = {**FOR_REMOTES, **FOR_WEBHOOKS, "PGPASSWORD": "canary", "AWS_SECRET_ACCESS_KEY": "canary", "PATH": "/bin"}


@pytest.mark.parametrize("kind", ["gateway", "worker", "dispatcher", "egress"])
def test_who_is_near_to_agents_has_no_way_to_the_database(kind: str) -> None:
    assert settings_for(kind, OWN_SERVER).database_url is None
    assert "PGPASSWORD" not in environment_for(kind, OWN_SERVER, ENVIRON)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"gateway", "worker", "dispatcher", "egress"}))
def test_who_works_with_the_database_knows_where_it_is(kind: str) -> None:
    assert settings_for(kind, OWN_SERVER).database_url == OWN_SERVER.database_url
    assert environment_for(kind, OWN_SERVER, ENVIRON)["PGPASSWORD"] == "canary"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_engines_log_in_with_is_for_workers_and_the_models_key_for_the_spec_writer_only(kind: str) -> None:
    its_own = kind == "worker"

    assert bool(credential_for(kind, "claude", CREDENTIALS)) is (its_own or kind in {"spec_writer", "egress"})
    assert bool(settings_for(kind, OWN_SERVER).mcp) is its_own


def test_a_worker_is_given_what_its_own_engine_logs_in_with_and_nothing_else() -> None:
    assert credential_for("worker", "claude:/bin/claude", CREDENTIALS) == {"ANTHROPIC_API_KEY": "canary"}
    assert credential_for("worker", "gemini", CREDENTIALS) == {"GEMINI_API_KEY": "canary"}
    assert credential_for("worker", "command:agent", CREDENTIALS) == {}


def test_by_the_way_out_no_actor_of_a_worker_has_the_models_key_and_its_own_keys_it_keeps_s4() -> None:
    """S4."""
    given = {
        "claude": {"ANTHROPIC_API_KEY": "canary", "ANTHROPIC_BASE_URL": "https://m"}, "ralph": {"ANTHROPIC_API_KEY": "canary"},
        "gemini": {"GEMINI_API_KEY": "own"}, "opencode": {"ANTHROPIC_API_KEY": "own"},
    }  # fmt: skip
    by_way_out = {engine: credential_for("worker", engine, given, by_way_out=True) for engine in given}

    assert by_way_out["claude"] == by_way_out["ralph"] == {"ANTHROPIC_API_KEY": "added-by-the-way-out"}
    assert (by_way_out["gemini"], by_way_out["opencode"]) == (given["gemini"], given["opencode"])
    assert credential_for("egress", "", given, by_way_out=True) == given["claude"]


def test_an_owners_token_stays_with_the_worker_and_its_address_does_not() -> None:
    given = {"claude": {"CLAUDE_CODE_OAUTH_TOKEN": "token", "ANTHROPIC_BASE_URL": "https://m"}, "opencode": {"ANTHROPIC_API_KEY": "paid"}}

    assert credential_for("worker", "claude", given, by_way_out=True) == {"CLAUDE_CODE_OAUTH_TOKEN": "token"}
    # A key beside it would be charged in its place.
    assert credential_for("egress", "", given, by_way_out=True) == given["claude"]


def test_the_spec_writer_has_the_models_key_and_address_and_nothing_else() -> None:
    with_token = {
        "claude": {"CLAUDE_CODE_OAUTH_TOKEN": "canary", "ANTHROPIC_BASE_URL": "https://m"},
        "opencode": {"ANTHROPIC_API_KEY": "key", "OPENAI_API_KEY": "canary"},
    }

    assert credential_for("spec_writer", "", CREDENTIALS) == {"ANTHROPIC_API_KEY": "canary"}
    assert credential_for("spec_writer", "", with_token) == {"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": "https://m"}
    assert credential_for("spec_writer", "", {"claude": with_token["claude"]}) == {}


def test_the_spec_writer_gets_to_its_model_through_the_operators_proxy() -> None:
    way = {"HTTPS_PROXY": "http://p", "no_proxy": "localhost", "SSL_CERT_FILE": "/ca"}

    assert environment_for("spec_writer", Settings(), {**ENVIRON, **way}) == way


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_opens_a_way_outside_is_for_the_one_who_goes_there_and_the_rest_is_for_nobody(kind: str) -> None:
    """S4: credentials only where they are used."""
    given = environment_for(kind, Settings(), ENVIRON)

    assert given == {"delivery": FOR_REMOTES, "intake": FOR_FORGES, "http": FOR_WEBHOOKS}.get(kind, {})
