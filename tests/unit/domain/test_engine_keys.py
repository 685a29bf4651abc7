"""Which engine gets which key, and what is said where there is none."""

import pytest

from factory.domain.engine_keys import KEYS, OWN_PROGRAM, credential, lacking_in, missing, name_of, refusal, secrets_of, take

ENVIRON = {
    "CLAUDE_CODE_OAUTH_TOKEN": "token", "ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": "http://x", "OPENAI_API_KEY": "open",
    "GEMINI_API_KEY": "gem", "MY_KEY": "mine", "PATH": "/bin",
}  # fmt: skip


def test_a_subscription_wins_over_a_key_that_would_silently_be_charged() -> None:
    assert credential("claude", ENVIRON) == {"CLAUDE_CODE_OAUTH_TOKEN": "token", "ANTHROPIC_BASE_URL": "http://x"}


@pytest.mark.parametrize(
    ("engine", "names"),
    [
        ("codex:-m x", {"OPENAI_API_KEY"}),
        ("gemini", {"GEMINI_API_KEY"}),
        ("opencode", {"ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"}),
        ("ralph", set()),
        ("command:agent", set()),
        ("nosuch", set()),
    ],
)
def test_an_engine_gets_its_own_keys_and_no_other(engine: str, names: set[str]) -> None:
    assert credential(engine, ENVIRON).keys() == names


def test_what_the_operator_names_is_added_for_that_engine_alone() -> None:
    more = {"ralph": ("MY_KEY", "NOT_SET"), "claude": ("MY_KEY",)}

    assert credential("ralph", ENVIRON, more) == {"MY_KEY": "mine"}
    assert credential("claude", ENVIRON, more).keys() == {"CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "MY_KEY"}
    assert credential("command:x", ENVIRON, more) == {}


@pytest.mark.parametrize("environ", [{}, {"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_BASE_URL": "http://x"}])
def test_an_address_or_nothing_is_no_credential(environ: dict[str, str]) -> None:
    assert credential("claude", environ) == {}
    assert "`claude setup-token`" in missing("claude", environ)


@pytest.mark.parametrize("engine", ["claude", "claude:/bin/claude", "codex", "gemini", "opencode"])
def test_what_is_missing_is_one_sentence_with_the_mend(engine: str) -> None:
    said = missing(engine, {"PATH": "/bin"})

    assert said.startswith(f"The engine {name_of(engine)} has no credential: ")
    assert any(name in said for name in KEYS[name_of(engine)].secrets)
    assert missing(engine, ENVIRON) == ""


@pytest.mark.parametrize("engine", ["codex:--oss", "opencode:-m ollama/llama3", "ralph", "command:agent", "nosuch"])
def test_nothing_is_missing_where_nobody_can_know_that_it_is_needed(engine: str) -> None:
    assert missing(engine, {}) == ""


def test_a_key_that_the_operator_names_is_a_credential_too() -> None:
    assert missing("claude", {"CLAUDE_CODE_USE_BEDROCK": "1"}, {"claude": ("CLAUDE_CODE_USE_BEDROCK",)}) == ""


def test_what_is_taken_is_gone_from_the_environment_and_the_rest_stays() -> None:
    environ = dict(ENVIRON)

    taken = take(environ, {"ralph": ("MY_KEY",)})

    assert environ == {"ANTHROPIC_BASE_URL": "http://x", "PATH": "/bin"}
    assert taken.keys() == {"claude", "codex", "gemini", "opencode", "ralph"}
    assert taken["ralph"] == {"MY_KEY": "mine"}


def test_what_a_factory_lacks_concerns_an_engine_by_its_name_unless_its_words_choose_otherwise() -> None:
    lacking = {"claude": "no program", "codex": "no key", OWN_PROGRAM: "no token"}

    assert [lacking_in(engine, lacking) for engine in ("claude", "claude:/bin/x", "codex", "codex:--oss", "ralph")] == [
        "no program", "no token", "no key", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["GH_TOKEN", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "PGPASSWORD", "PATH", "HOME"])
def test_what_reaches_remotes_or_the_database_is_no_engines_to_have(name: str) -> None:
    assert name in refusal(name)


def test_a_key_may_be_an_engines() -> None:
    names = [name for keys in KEYS.values() for name in (*keys.secrets, *keys.beside, "AWS_SECRET_ACCESS_KEY")]

    assert {name: refusal(name) for name in names if refusal(name)} == {}


def test_addresses_switches_and_what_is_too_short_are_no_secrets_to_hide() -> None:
    given = {"A_KEY": "long-enough", "B_TOKEN": "short", "C_BASE_URL": "http://somewhere", "AWS_REGION": "eu-central-1", "USE_IT": "1"}

    assert secrets_of(given) == ("long-enough",)
