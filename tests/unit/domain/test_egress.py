"""What a worker without a network may reach: by list, and by address."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.egress import (
    Route,
    Rule,
    address_refusal,
    allows_tunnel,
    blocked_host,
    canonical_host,
    parse_network,
    parse_rule,
    route,
    split_host,
)

RULES = tuple(
    map(
        parse_rule,
        (
            "packages.example.org",
            "*.cdn.example.org:8443",
            "http://mirror.example.org/debian",
            "https://index.example.org/index/",
            "GET|POST https://api.example.org:444/v1",
            "https://npm.example.org",
        ),
    )
)


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("packages.example.org", 443, True),
        ("packages.example.org", 80, False),
        ("packages.example.org", 22, False),
        ("a.packages.example.org", 443, False),
        ("evil-packages.example.org", 443, False),
        ("packages.example.org.evil.example", 443, False),
        ("a.cdn.example.org", 8443, True),
        ("a.b.cdn.example.org", 8443, True),
        ("cdn.example.org", 8443, False),
        ("acdn.example.org", 8443, False),
        # What is ruled by method and path is no tunnel: nobody could see either in it.
        ("index.example.org", 443, False),
        ("mirror.example.org", 80, False),
    ],
)
def test_a_tunnel_goes_to_hosts_and_ports_of_the_list_alone_s10(host: str, port: int, allowed: bool) -> None:
    """S10."""
    assert allows_tunnel(RULES, host, port) is allowed


@pytest.mark.parametrize(
    ("method", "host", "port", "path", "to"),
    [
        ("GET", "mirror.example.org", 80, "/debian", Route("http", "mirror.example.org", 80)),
        ("HEAD", "mirror.example.org", 80, "/debian/pool/a.deb", Route("http", "mirror.example.org", 80)),
        ("GET", "mirror.example.org", 80, "/debian-security", None),
        ("GET", "mirror.example.org", 80, "/", None),
        ("PUT", "mirror.example.org", 80, "/debian/a", None),
        ("GET", "mirror.example.org", 8080, "/debian/a", None),
        ("GET", "mirror.example.org", 80, "/debian/../secret", None),
        ("GET", "mirror.example.org", 80, "/debian/%2E%2e/secret", None),
        ("GET", "mirror.example.org", 80, "/debian/..%2fsecret", None),
        ("GET", "mirror.example.org", 80, "/debian/a\\..\\b", None),
        ("GET", "index.example.org", 80, "/index/x/", Route("https", "index.example.org", 443)),
        ("GET", "index.example.org", 443, "/index/x/", Route("https", "index.example.org", 443)),
        ("POST", "index.example.org", 80, "/index/x/", None),
        ("POST", "api.example.org", 80, "/v1/x", Route("https", "api.example.org", 444)),
        ("DELETE", "api.example.org", 80, "/v1/x", None),
        ("GET", "api.example.org", 80, "/v2", None),
        ("GET", "npm.example.org", 80, "/@scope%2fname", Route("https", "npm.example.org", 443)),
        ("PUT", "npm.example.org", 80, "/@scope%2fname", None),
        # Of a tunnel only host and port can be ruled, so it lets no plain request out.
        ("GET", "packages.example.org", 80, "/", None),
        ("GET", "unknown.example.org", 80, "/", None),
    ],
)
def test_a_request_is_let_out_by_host_method_and_path_s10(method: str, host: str, port: int, path: str, to: Route | None) -> None:
    """S10."""
    assert route(RULES, method, host, port, path) == to


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Packages.Example.ORG.", Rule("packages.example.org", 443)),
        ("[2606:4700::1]:8443", Rule("2606:4700::1", 8443)),
        ("http://h", Rule("h", 80, scheme="http")),
        ("GET|PUT http://h:81/a", Rule("h", 81, scheme="http", methods=frozenset({"GET", "PUT"}), path="/a")),
    ],
)
def test_a_rule_is_read_as_it_is_meant(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "should be HOST"),
        ("a b", "should be HOST"),
        ("ftp://x", "should be HOST"),
        ("http://", "should be HOST"),
        ("http://h/a?b=c", "should be HOST"),
        ("h/path", "cannot rule method or path"),
        ("GET h", "cannot rule method or path"),
        ("BREW https://h", "names BREW, which is no method"),
        ("h:70000", "no host that could be reached"),
        ("a_-.example", "no host that could be reached"),
        ("*.10.0.0.1", "no host that could be reached"),
        ("user@host", "no host that could be reached"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_rule(text)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "here"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="should be a network"):
        parse_network(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("host:443", ("host", 443)),
        ("HOST", ("host", 80)),
        ("[::1]:443", ("::1", 443)),
        ("host:0", None),
        ("host:65536", None),
        ("user:word@host:443", None),
        ("host:443:443", None),
        ("", None),
        ("-host", None),
        ("ho st", None),
        ("[fe80::1%eth0]:443", None),
        (f"[fe80::1%{'A' * 40_000}\x1b[31m\n]", None),
    ],
)
def test_hosts_of_requests_are_read_strictly(text: str, found: tuple[str, int] | None) -> None:
    assert split_host(text, 80) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Evil.Example.", "evil.example"),
        ("evil.example:8443", "evil.example:8443"),
        ("evil.example:443", "evil.example"),
        ("169.254.169.254", "169.254.169.254"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", None),
        ("[fe80::1%\x1b[31m\n]", None),
        ("a" * 64, None),
        ("a." * 200 + "example", None),
        ("", None),
        ("`<b>`", None),
    ],
)
def test_a_blocked_host_has_one_name_and_no_text_of_the_one_who_tells_of_it(text: str, found: str | None) -> None:
    assert blocked_host(text) == found


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",  # noqa: S104
        "169.254.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254",
        "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "224.0.0.1", "ff02::1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001::1", "2130706433", "0x7f.1", "localhost", "",
    ],
)  # fmt: skip
def test_addresses_of_the_machine_its_networks_and_of_metadata_are_refused_s9(address: str) -> None:
    """S4, S9."""
    assert address_refusal(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses_are_not(address: str) -> None:
    assert address_refusal(address) == ""


def test_a_network_of_the_operators_own_may_be_reached_and_metadata_never() -> None:
    own = [parse_network(text) for text in ("10.1.0.0/16", "127.0.0.1/32", "169.254.0.0/16", "fd00::/8")]

    assert [address_refusal(address, own) for address in ("10.1.2.3", "127.0.0.1", "fd00::7", "::ffff:10.1.2.3")] == [""] * 4
    assert all(address_refusal(address, own) for address in ("10.2.0.1", "127.0.0.2", "169.254.169.254", "169.254.1.1", "fd00:ec2::254"))


@given(st.ip_addresses())
def test_whatever_is_let_out_is_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address_refusal(str(address)) == "":
        meant = getattr(address, "ipv4_mapped", None) or address
        assert meant.is_global or str(address).startswith("64:ff9b::")
        assert not any((meant.is_loopback, meant.is_link_local, meant.is_multicast))


@given(st.text(max_size=40))
def test_no_text_makes_the_reading_of_a_host_fail(text: str) -> None:
    host = canonical_host(text)
    assert host is None or host == canonical_host(host)
