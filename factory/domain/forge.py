"""Where GitHub is, by its API's address: which repositories it serves, and which addresses its tokens may be sent to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_API = "https://api.github.com"
_PORTS = {"https": 443, "http": 80}
_NAME = re.compile(r"/?(?P<owner>[A-Za-z0-9][A-Za-z0-9-]*)/(?P<name>(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+?)(?:\.git)?/?")
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^@/?#\\\s]*@)?(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?(?P<path>/[^?#\\\s]*)?",
    re.IGNORECASE,
)
_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^/].*)")
_TOKEN = "FACTORY_REMOTE_TOKEN"  # noqa: S105 - the variable's name
_HELPER = f"""!f() {{ test "$1" = get && printf 'username=x-access-token\\npassword=%s\\n' "${_TOKEN}"; }}; f"""
"""Run by git through sh, whose `printf` is no program with arguments that others could read. It stores and erases nothing."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class GitHub:
    """github.com, or a GitHub Enterprise server.

    Attributes:
        api: base address of its API, without a slash at its end.
        web: scheme, host and port that repositories are cloned from.
    """

    api: str = DEFAULT_API
    web: str = "https://github.com"

    def slug(self, repository: str) -> str | None:
        """`owner/name` of a repository that this GitHub serves, by whatever protocol; None for any other."""
        place = _place(repository)
        if place is None:
            return None
        scheme, host, port, path = place
        match = _NAME.fullmatch(path)
        return f"{match['owner']}/{match['name']}" if match and self._serves(scheme, host, port) else None

    def takes_token(self, repository: str) -> bool:
        """Whether git speaks with exactly this server there: scheme, host and port. A token is sent to no other."""
        place = _place(repository)
        return place is not None and self.slug(repository) is not None and place[:3] == _server(self.web)

    def _serves(self, scheme: str, host: str, port: int | None) -> bool:
        own_scheme, own_host, own_port = _server(self.web)
        if scheme == "ssh":
            return host in {own_host, f"ssh.{own_host}"}
        return host == own_host and (port == own_port or port == _PORTS.get(scheme) != own_port == _PORTS[own_scheme])


@dataclass(frozen=True, slots=True)
class RepositoryState:
    """What the forge says of a repository.

    Attributes:
        may_push: whoever asks; None where it does not say.
        has_label: the one that was asked about.
    """

    has_issues: bool
    is_archived: bool
    may_push: bool | None
    has_label: bool


def github(environ: Mapping[str, str]) -> GitHub:
    """As `GITHUB_API_URL` names it, and `GITHUB_SERVER_URL` where repositories are cloned from another host.

    Raises:
        ValueError: the address cannot be used; the message is a sentence.
    """
    api = environ.get("GITHUB_API_URL", "").strip().rstrip("/") or DEFAULT_API
    _check("GITHUB_API_URL", api)
    web = environ.get("GITHUB_SERVER_URL", "").strip().rstrip("/") if "GITHUB_API_URL" in environ else ""
    if web:
        _check("GITHUB_SERVER_URL", web)
    return GitHub(api, web or _web_of(api))


def token_of(environ: Mapping[str, str]) -> str:
    """`GITHUB_TOKEN`, empty where there is none.

    Raises:
        ValueError: it cannot be one; the message is a sentence without it.
    """
    token = environ.get("GITHUB_TOKEN", "").strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise ValueError("GITHUB_TOKEN holds white space or characters that no token has; set it to the token alone")
    return token


def with_token(environment: Mapping[str, str], server: str, token: str) -> dict[str, str]:
    """The environment in which git has the token for that server, and the user's helpers neither give nor learn one for it.

    Args:
        server: scheme, host and port. Git asks for the token only when this server wants a login; a redirect to another gets none.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    key = f"credential.{server}.helper"
    # An empty helper takes away those that were named before.
    values = {f"GIT_CONFIG_VALUE_{first}": "", f"GIT_CONFIG_VALUE_{first + 1}": _HELPER}
    keys = {f"GIT_CONFIG_KEY_{first}": key, f"GIT_CONFIG_KEY_{first + 1}": key}
    return {**environment, **keys, **values, "GIT_CONFIG_COUNT": str(first + 2), _TOKEN: token}


def _check(name: str, address: str) -> None:
    try:
        scheme, host, _ = _server(address)
    except ValueError:
        scheme = host = ""
    if scheme not in _PORTS or not host or "@" in address:
        raise ValueError(f"{name} is no address of a GitHub; write it as {DEFAULT_API}")
    if scheme == "http" and host not in _LOOPBACK:
        raise ValueError(f"{name} begins with http://, which would send the token in the clear; use https://")


def _web_of(api: str) -> str:
    # github.com, and GitHub Enterprise Cloud with data residency, have their API at a host of its own; a server at a path.
    scheme, _, rest = api.lower().partition("://")
    return f"{scheme}://{rest.partition('/')[0].removeprefix('api.')}"


def _server(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL. Raises `ValueError` where it is none."""
    match = _URL.fullmatch(address)
    if match is None:
        raise ValueError(address)
    scheme = match["scheme"].lower()
    return scheme, match["host"].lower().strip("[]"), int(match["port"]) if match["port"] else _PORTS.get(scheme)


def _place(repository: str) -> tuple[str, str, int | None, str] | None:
    """Scheme, host, port and path of an address; None for a path of this machine, and for what is read in two ways."""
    url = _URL.fullmatch(repository)
    if url is not None:
        scheme, host, port = _server(repository)
        return (scheme, host, port, url["path"] or "") if scheme in {*_PORTS, "ssh"} else None
    match = _SCP.fullmatch(repository)
    return ("ssh", match["host"].lower(), None, match["path"]) if match else None
