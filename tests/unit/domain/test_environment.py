"""Which variables reach which process."""

import pytest

from factory.domain.environment import is_for_remotes, is_for_servers, is_inherited


@pytest.mark.parametrize(
    "name",
    ["AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "PGPASSWORD",
     "FACTORY_DATABASE_URL", "DATABASE_URL", "https_proxy", "GIT_ASKPASS", "SOMETHING_NOBODY_THOUGHT_OF"],
)  # fmt: skip
def test_what_may_be_a_secret_is_not_for_every_process(name: str) -> None:
    assert not is_inherited(name)


@pytest.mark.parametrize("name", ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "PYTHONPATH", "LD_LIBRARY_PATH"])
def test_what_a_program_needs_to_run_at_all_is(name: str) -> None:
    assert is_inherited(name)


@pytest.mark.parametrize(
    ("name", "remotes", "servers"),
    [
        ("SSH_AUTH_SOCK", True, False),
        ("GIT_SSH_COMMAND", True, False),
        ("HTTPS_PROXY", True, False),
        ("no_proxy", True, False),
        ("GH_TOKEN", True, False),
        ("PGPASSWORD", False, True),
        ("ANTHROPIC_API_KEY", False, False),
        ("AWS_SECRET_ACCESS_KEY", False, False),
    ],
)
def test_what_reaches_remotes_and_servers_is_known_by_name(name: str, *, remotes: bool, servers: bool) -> None:
    assert (is_for_remotes(name), is_for_servers(name)) == (remotes, servers)
