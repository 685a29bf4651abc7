"""What a worker without a network may reach through the factory: hosts by list, methods and paths where they can be seen (pure).

packages.example.org                a tunnel to port 443; TLS is the worker's own, so only host and port can be ruled
*.example.org:8443                  a tunnel to any host below a domain, at another port
http://mirror.example.org/debian    plain HTTP below a path, to read from
https://index.example.org           asked for as http://index.example.org; TLS begins outside, so method and path are ruled
GET|POST https://host/api           further methods
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Scheme = Literal["", "http", "https"]

READS = frozenset({"GET", "HEAD"})
"""The methods of a rule that names none: what fetches, and takes nothing along but a path."""
METHODS = READS | {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
MAX_HOST = 253
MOST_BLOCKED = 20
"""Hosts that one attempt was not let to, as they are told of and kept; the log of its way out has them all."""
_PORTS: dict[Scheme, int] = {"": 443, "http": 80, "https": 443}
_HIGHEST_PORT = 65_535
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_RULE = re.compile(r"(?:(?P<methods>[A-Z]+(?:\|[A-Z]+)*) )?(?:(?P<scheme>https?)://)?(?P<any>\*\.)?(?P<host>\[[^\]]+\]|[^/:\s]+)"
                   r"(?::(?P<port>[1-9][0-9]{0,4}))?(?P<path>/[^\s?#]*)?")  # fmt: skip
# Some servers read what was escaped twice, and some take what stands behind a semicolon away.
_DOTS = re.compile(r"(?:^|/)(?:\.|%(?:25)*2e){1,2}(?:/|;|%(?:25)*3b|$)", re.IGNORECASE)
_HIDDEN_SLASH = re.compile(r"%(?:25)*(?:2f|5c|00)|\\", re.IGNORECASE)

_METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"))
)
"""Where clouds hand out credentials of the machine, whatever network they lie in."""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_GLOBAL = tuple(
    map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
"""Shared and special addresses, and those of tunnels that hide another address; not every version of Python calls them private."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the list.

    Attributes:
        host: in lower case; with `below` every host that ends in it after a dot, and not itself.
        scheme: empty for a tunnel, of which only host and port are seen; else what is spoken outside.
        path: what the path of a request begins with, at the border of a segment.
    """

    host: str
    port: int
    below: bool = False
    scheme: Scheme = ""
    methods: frozenset[str] = READS
    path: str = "/"

    def names(self, host: str) -> bool:
        return host.endswith(f".{self.host}") if self.below else host == self.host


@dataclass(frozen=True, slots=True)
class Route:
    """Where an allowed request goes."""

    scheme: Literal["http", "https"]
    host: str
    port: int


def parse_rule(text: str) -> Rule:
    """Raises `ValueError` with what is wrong, as the end of a sentence."""
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"should be HOST, HOST:PORT, http://HOST/PATH or https://HOST/PATH, not {text[:80]!r}")
    scheme: Scheme = "http" if match["scheme"] == "http" else "https" if match["scheme"] else ""
    methods = frozenset((match["methods"] or "GET|HEAD").split("|"))
    if not scheme and (match["methods"] or match["path"]):
        raise ValueError(f"cannot rule method or path of {text[:80]!r}: write http:// or https:// before the host")
    if unknown := sorted(methods - METHODS):
        raise ValueError(f"names {unknown[0]}, which is no method; there are {', '.join(sorted(METHODS))}")
    host, port = canonical_host(match["host"]), int(match["port"] or _PORTS[scheme])
    if host is None or port > _HIGHEST_PORT or (match["any"] and _literal(host)):
        raise ValueError(f"names no host that could be reached: {text[:80]!r}")
    return Rule(host, port, bool(match["any"]), scheme, methods, match["path"] or "/")


def parse_network(text: str) -> Network:
    """Raises `ValueError` with what is wrong, as the end of a sentence."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(f"should be a network as in 10.1.0.0/16, or an address, not {text[:80]!r}") from None


def canonical_host(host: str) -> str | None:
    """In lower case, without brackets and the root's dot; None for what is neither a name nor an address."""
    bare = host.lower().removeprefix("[").removesuffix("]").removesuffix(".")
    # A scope may be any text of any length, and belongs to addresses of the link, to which nothing is sent.
    if literal := None if "%" in bare else _literal(bare):
        return str(literal)
    return bare if len(bare) <= MAX_HOST and _NAME.fullmatch(bare) else None


def split_host(text: str, default_port: int) -> tuple[str, int] | None:
    """`HOST`, `HOST:PORT` or `[ADDRESS]:PORT` as requests name it; None for anything else."""
    match = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]@/\s]+)(?::([0-9]{1,5}))?", text)
    if match is None:
        return None
    host, port = canonical_host(match[1]), int(match[2] or default_port)
    return (host, port) if host is not None and 0 < port <= _HIGHEST_PORT else None


def blocked_host(text: str) -> str | None:
    """What somebody calls a host that a worker was not let to, `HOST` or `HOST:PORT`, as it is kept; None for what names none."""
    if host := canonical_host(text):
        return host
    match split_host(text, _PORTS[""]):
        case (host, port):
            return host if port == _PORTS[""] else f"{host}:{port}"
    return None


def allows_tunnel(rules: Iterable[Rule], host: str, port: int) -> bool:
    """Whether bytes that nobody can read may go there."""
    return any(rule.names(host) and rule.port == port for rule in rules if not rule.scheme)


def route(rules: Iterable[Rule], method: str, host: str, port: int, path: str) -> Route | None:
    """Where a request for `http://host:port/path` goes; None where no rule lets it out.

    Args:
        path: as it was sent, without the query. One that could mean another path to somebody else is let out by no rule for a path.
    """
    for rule in rules:
        # Whoever wants a server of TLS asks for it as plain HTTP, at its usual port or at the one that is meant.
        at = {rule.port} if rule.scheme == "http" else {rule.port, _PORTS["http"]}
        if rule.scheme and rule.names(host) and port in at and method in rule.methods and _is_below(path, rule.path):
            return Route("http" if rule.scheme == "http" else "https", host, rule.port)
    return None


def _is_below(path: str, prefix: str) -> bool:
    if prefix == "/":
        return path.startswith("/")
    if _DOTS.search(path) or _HIDDEN_SLASH.search(path) or not path.startswith("/"):
        return False
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")


def address_refusal(text: str, private: Iterable[Network] = ()) -> str:
    """Why nothing is sent to this address, as the end of a sentence; empty where it may be.

    Args:
        private: networks of the operator's own in which hosts of the list may lie. Those of metadata are never reached.
    """
    try:
        address = _embedded(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return "it is no address"
    if address in _METADATA:
        return "it is where clouds hand out credentials"
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "it is an address of the link, of many or of nobody"
    if any(address.version == network.version and address in network for network in private):
        return ""
    if address.is_loopback:
        return "it is an address of the factory's own machine"
    special = any(address.version == network.version and address in network for network in _NOT_GLOBAL)
    return "it is a private address" if special or address.is_private or address.is_reserved or not address.is_global else ""


def _embedded(address: Address) -> Address:
    """The address that is meant by one that only wraps it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _literal(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
