"""Settings that may hold a secret, told without it: what is not known to be harmless is stars."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from factory.domain.credentials import kinds
from factory.domain.engine_keys import SECRET_WORDS

MASK = "***"

_HARMLESS = frozenset({"command", "type", "cwd", "timeout"})
"""Of an MCP server's table: how it is started or spoken to."""


def mask(secret: str) -> str:
    """A URL without what it may hide: user, password and options; anything else as stars."""
    try:
        parts = urlsplit(secret)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return MASK
    return f"{parts.scheme}://{MASK}@{host}{parts.path}" if parts.scheme and "://" in secret else MASK


def masked_servers(servers: Mapping[str, Any]) -> dict[str, Any]:
    """MCP servers by name, so that a person sees which there are and how they start; values of `env` and `headers` are stars."""
    return {name: {key: _masked(key, value) for key, value in table.items()} for name, table in servers.items()}


def _masked(key: str, value: Any) -> Any:  # noqa: ANN401 - any value of TOML
    if key in _HARMLESS and isinstance(value, str | int | float):
        return value
    if key == "args" and isinstance(value, list):
        return list(_words(value))
    if key == "url" and isinstance(value, str):
        return _address(value)
    return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK


def _words(words: Iterable[Any]) -> Iterator[str]:
    """A command line's words: the value of an option that is named like a secret, addresses, and what looks like a key are stars."""
    after_secret = False
    for word in map(str, words):
        name, equals, _ = word.partition("=")
        is_option = word.startswith("-")
        if after_secret and not is_option:
            yield MASK
        elif equals and _is_named_secret(name):
            yield f"{name}={MASK}"
        elif "://" in word:
            yield _address(word)
        else:
            # A key is never short; `kinds` wants a name beside it.
            yield MASK if any(kinds(f"key={word}")) else word
        after_secret = is_option and not equals and _is_named_secret(name)


def _is_named_secret(name: str) -> bool:
    return any(part in name.upper() for part in SECRET_WORDS)


def _address(text: str) -> str:
    """The path too may be a secret: many servers of MCP are reached by an address that nobody can guess."""
    try:
        parts = urlsplit(text)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return MASK
    hidden = parts.username or parts.query or parts.fragment or parts.path.strip("/")
    return f"{parts.scheme}://{host}{'/' + MASK if hidden else ''}" if parts.scheme and host else MASK
