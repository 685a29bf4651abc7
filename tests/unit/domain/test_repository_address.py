"""Which addresses of repositories carry a secret."""

import pytest

from factory.domain.repository_address import holds_secret


@pytest.mark.parametrize(
    "address",
    [
        "https://ghp_x@github.com/o/r",
        "https://ghp_CANARYTOKEN0000000000000000000000000@github.com/o/r",
        "https://ghp%5FCANARY@github.com/o/r",
        "HTTPS://github_pat_11AAA@github.com/o/r",
        "https://glpat-abc@gitlab.com/o/r",
        "https://x-access-token:abc@github.com/o/r",
        "https://:abc@github.com/o/r",
        "https://me@there:abc@github.com/o/r",
        "ssh://me:hunter2@example.org/r",
        "https://0123456789abcdef0123456789abcdef01234567@gitea.example/o/r",
        "ghp_x@github.com:o/r.git",
        "https://example.org/r.git?private_token=k3J9x0QmZ7tR2wLpV8sN",
        "https://example.org/ghp_A1b2C3d4E5A1b2C3d4E5A1b2C3d4E5",
    ],
)
def test_an_address_with_a_password_or_a_token_holds_a_secret(address: str) -> None:
    assert holds_secret(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/o/r",
        "https://organisation@dev.azure.com/organisation/project/_git/r",
        "https://glenn-miller@bitbucket.org/o/r",
        "git@github.com:o/r.git",
        "ssh://git@github.com:22/o/r.git",
        "ssh://APKAEIBAERJR2EXAMPLE@git-codecommit.us-east-1.amazonaws.com/v1/repos/r",
        "https://host:8443/a:b/c@d",
        "file:///srv/git/r.git",
        "/home/me@home/ghp_notes/r",
    ],
)
def test_an_address_that_only_says_where_and_who_holds_none(address: str) -> None:
    assert not holds_secret(address)
