"""Repository addresses: what of them must not be stored and shown."""

import re

from factory.domain import credentials

OBJECTION = "holds a password or a token, which would be stored and shown: leave it to git's credential helper"
"""Said of an address, whoever handed it in."""

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)", re.IGNORECASE)
_QUOTED = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_TOKEN_PREFIX = re.compile(r"gh[a-z]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas)-|ATBB|ATCTT|sk-ant-")
"""Of GitHub, GitLab, Bitbucket and Anthropic; a token may stand where a user name belongs."""

_LOOKS_MADE_UP = re.compile(r"(?=.*\d)[\w=-]{20,}", re.ASCII)
"""Tokens without a prefix: twenty characters with a digit, of the kind that tokens are made of. People have shorter names;
only over ssh there are user names like that, which are no secret (CodeCommit's)."""


def holds_secret(repository: str) -> bool:
    """Whether the address (a path, a URL, or `user@host:path`) carries a password or a token."""
    address = _unquoted(repository)
    if any(credentials.kinds(address)):
        return True
    url = _URL.match(repository)
    # The last @: what stands before it is the user's to whoever reads the address so.
    user, _, password = _unquoted((url["authority"] if url else repository).rpartition("@")[0]).partition(":")
    by_http = url is not None and url["scheme"].lower().startswith("http")
    return bool(url and password) or bool(_TOKEN_PREFIX.match(user)) or (by_http and bool(_LOOKS_MADE_UP.fullmatch(user)))


def _unquoted(text: str) -> str:
    return _QUOTED.sub(lambda found: chr(int(found[1], 16)), text)
