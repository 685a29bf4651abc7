"""What looks like a credential, and what does not."""

import pytest

from factory.domain.credentials import MAX_LINE, kinds

_RANDOM = "q7Zr2LxV9tBn4KcM8wYd"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"token: ghp_{'a1B2' * 9}", "GitHub token"),
        (f"ghs_{'a1B2' * 9}", "GitHub token"),
        (f"x=github_pat_{'a1B2' * 6}_x", "GitHub fine-grained token"),
        (f"sk-ant-api03-{_RANDOM}", "Anthropic key"),
        ("AKIAIOSFODNN7EXAMPLE", "AWS access key"),
        ("-----BEGIN PRIVATE KEY-----", "private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "private key"),
        (f'API_KEY = "{_RANDOM}"', "value that looks random"),
        (f"export MY_TOKEN={_RANDOM}", "value that looks random"),
        (f'"clientSecret": "{_RANDOM}"', "value that looks random"),
        ("DB_PASSWORD: 3f9a1c7e5b2d8f60a4c1e7b93d5f2a80", "value that looks random"),
    ],
)
def test_credentials_are_seen_with_their_kind(line: str, kind: str) -> None:
    assert list(kinds(line)) == [kind]


@pytest.mark.parametrize(
    "line",
    [
        "token = os.environ['GITHUB_TOKEN']",
        'SECRET_KEY = "django-insecure-change-me-2024"',
        "primary_key = primary_key_constraint_v2_final",
        "key: access_token_expires_in_3600",
        "TOKEN = AbstractTokenProvider2FactoryBean",
        "sha256:3f9a1c7e5b2d8f60a4c1e7b93d5f2a80",
        "-----BEGIN PUBLIC KEY-----",
        "ghp_short",
        "",
    ],
)
def test_ordinary_lines_are_not_taken_for_credentials(line: str) -> None:
    assert list(kinds(line)) == []


def test_both_ends_of_a_huge_line_are_looked_at_and_the_line_costs_no_more() -> None:
    token = f"ghp_{'a1B2' * 9}"

    assert list(kinds(token + "x" * 5_000_000)) == ["GitHub token"]
    assert list(kinds("x" * 5_000_000 + " " + token)) == ["GitHub token"]
    assert len(token) < MAX_LINE
