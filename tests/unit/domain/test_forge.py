"""Which repositories a GitHub serves, and where its token may go."""

import pytest

from factory.domain.forge import GitHub, github, token_of

_SERVER = GitHub("https://ghe.example.com:8443/api/v3", "https://ghe.example.com:8443")


@pytest.mark.parametrize(
    "repository",
    [
        "https://github.com/acme/widgets",
        "https://github.com/acme/widgets.git",
        "https://GitHub.com/acme/widgets/",
        "https://me@github.com/acme/widgets.git",
        "https://github.com:443/acme/widgets",
        "http://github.com/acme/widgets",
        "git@github.com:acme/widgets.git",
        "github.com:acme/widgets",
        "ssh://git@github.com/acme/widgets.git",
        "ssh://git@ssh.github.com:443/acme/widgets.git",
    ],
)
def test_every_way_to_name_a_repository_there_is_known(repository: str) -> None:
    assert GitHub().slug(repository) == "acme/widgets"


@pytest.mark.parametrize(
    "repository",
    [
        "/srv/github.com/acme/widgets.git",
        "github.com/acme/widgets",
        "C:\\acme\\widgets",
        "https://github.com.evil.example/acme/widgets",
        "https://evil.example/github.com/acme/widgets",
        "https://github.com@evil.example/acme/widgets",
        "https://github.com:8443/acme/widgets",
        "https://github.com/acme",
        "https://github.com/acme/widgets/tree/main",
        "https://github.com/acme/../other/widgets",
        "https://github.com/acme/..",
        "https://github.com:port/acme/widgets",
        "file://github.com/acme/widgets",
        "git@github.com.evil.example:acme/widgets.git",
        "git@github.com:/acme",
        "https://github.com\\@evil.example/acme/widgets",
        "https://evil.example\\@github.com/acme/widgets",
        "https://a@evil.example@github.com/acme/widgets",
        "https://github.com/acme/widgets?x=1",
        "https://github.com/acme/widgets#x",
        "https:github.com/acme/widgets",
        "",
    ],
)
def test_nothing_else_is_taken_for_one(repository: str) -> None:
    assert GitHub().slug(repository) is None
    assert not GitHub().takes_token(repository)


@pytest.mark.parametrize(
    ("repository", "takes"),
    [
        ("https://github.com/acme/widgets.git", True),
        ("https://me@GITHUB.com:443/acme/widgets", True),
        ("http://github.com/acme/widgets", False),
        ("git@github.com:acme/widgets.git", False),
        ("ssh://git@github.com/acme/widgets.git", False),
    ],
)
def test_the_token_goes_to_exactly_that_server_and_never_in_the_clear(repository: str, *, takes: bool) -> None:
    assert GitHub().takes_token(repository) is takes


def test_a_server_of_ones_own_is_told_by_host_and_port() -> None:
    assert _SERVER.slug("https://ghe.example.com:8443/acme/widgets") == "acme/widgets"
    assert _SERVER.slug("git@ghe.example.com:acme/widgets") == "acme/widgets"
    assert _SERVER.slug("https://ghe.example.com/acme/widgets") is None
    assert _SERVER.slug("https://github.com/acme/widgets") is None
    assert _SERVER.takes_token("https://ghe.example.com:8443/acme/widgets")


@pytest.mark.parametrize(
    ("environ", "api", "web"),
    [
        ({}, "https://api.github.com", "https://github.com"),
        ({"GITHUB_SERVER_URL": "https://elsewhere"}, "https://api.github.com", "https://github.com"),
        ({"GITHUB_API_URL": "https://api.github.com/"}, "https://api.github.com", "https://github.com"),
        ({"GITHUB_API_URL": "https://ghe.example.com/api/v3"}, "https://ghe.example.com/api/v3", "https://ghe.example.com"),
        ({"GITHUB_API_URL": "https://api.acme.ghe.com"}, "https://api.acme.ghe.com", "https://acme.ghe.com"),
        ({"GITHUB_API_URL": "http://127.0.0.1:8080"}, "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        (
            {"GITHUB_API_URL": "https://a.example/api", "GITHUB_SERVER_URL": "https://b.example"},
            "https://a.example/api",
            "https://b.example",
        ),
    ],
)
def test_where_it_is_is_read_from_the_environment(environ: dict[str, str], api: str, web: str) -> None:
    assert github(environ) == GitHub(api, web)


@pytest.mark.parametrize("address", ["github.com", "ftp://github.com", "https://", "https://me:secret@github.com", "https://x:port"])
def test_an_address_that_is_none_is_told_in_one_sentence_without_what_it_may_hold(address: str) -> None:
    with pytest.raises(ValueError, match="GITHUB_API_URL is no address") as caught:
        github({"GITHUB_API_URL": address})

    assert "secret" not in str(caught.value)


def test_a_token_is_not_sent_in_the_clear_over_a_network() -> None:
    with pytest.raises(ValueError, match="in the clear"):
        github({"GITHUB_API_URL": "http://ghe.example.com/api/v3"})


def test_a_token_is_taken_without_the_newline_that_a_file_ends_with() -> None:
    assert token_of({"GITHUB_TOKEN": " ghp_x\n"}) == "ghp_x"
    assert token_of({"GITHUB_TOKEN": ""}) == token_of({}) == ""


@pytest.mark.parametrize("token", ["ghp x", "ghp_x\nX-Other: y", "ghp_ü"])
def test_what_can_be_no_token_is_refused_without_being_told(token: str) -> None:
    with pytest.raises(ValueError, match="GITHUB_TOKEN holds") as caught:
        token_of({"GITHUB_TOKEN": token})

    assert token not in str(caught.value)
