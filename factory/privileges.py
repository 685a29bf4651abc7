"""Which process of the tree is given which secret: the fewest that can do their work."""

from collections.abc import Callable, Mapping
from typing import Any

from factory.config import Settings
from factory.domain.engine_keys import name_of
from factory.domain.environment import is_for_forges, is_for_models, is_for_remotes, is_for_servers, is_for_webhooks

_WITHOUT_DATABASE = frozenset({"gateway", "worker", "dispatcher", "egress"})
"""Kinds of actors that never ask the database; of these all but the dispatcher hear what agents say."""

_WORKER, _DELIVERY, _HTTP, _INTAKE, _SPEC_WRITER, _EGRESS = "worker", "delivery", "http", "intake", "spec_writer", "egress"

MODEL_KEY, MODEL_URL = "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"
"""What the spec writer asks its model with, and egress."""
MODEL_TOKEN = "CLAUDE_CODE_OAUTH_TOKEN"  # noqa: S105 - the name of one
ADDED_OUTSIDE = "added-by-the-way-out"
"""In the place of a key, without which Claude Code would not begin."""
_LOGINS = frozenset({MODEL_KEY, MODEL_TOKEN})
_CALL_BY_WAY_OUT = ("claude", "ralph", "command")
"""Engines that log in as Claude Code does; the first that has something to log in with is what egress has."""


def settings_for(kind: str, settings: Settings) -> Settings:
    """The settings as the process of an actor of this kind knows them: no address of a database, no key of a server of MCP."""
    hidden: dict[str, Any] = {"database_url": None} if kind in _WITHOUT_DATABASE else {}
    return settings.model_copy(update=hidden if kind == _WORKER else {**hidden, "mcp": {}})


def credential_for(kind: str, engine: str, credentials: Mapping[str, Mapping[str, str]], *, by_way_out: bool = False) -> Mapping[str, str]:
    """What a provider is paid with: for the actors of workers that run this engine, which hand it on, and for the spec writer.

    Args:
        credentials: by the engine's name before the colon.
        by_way_out: workers call the model through the factory, whose egress has the key, and they do not.
    """
    if kind == _EGRESS:
        return next((given for name in _CALL_BY_WAY_OUT if _LOGINS & (given := credentials.get(name, {})).keys()), {})
    if kind == _SPEC_WRITER:
        # An engine that logs in by a subscription has not got the key; another one that may use it has.
        found = {name: value for each in credentials.values() for name, value in each.items()}
        return {name: found[name] for name in (MODEL_KEY, MODEL_URL) if name in found} if MODEL_KEY in found else {}
    given = credentials.get(name_of(engine), {}) if kind == _WORKER else {}
    return _without_key(given) if by_way_out and name_of(engine) in _CALL_BY_WAY_OUT else given


def _without_key(given: Mapping[str, str]) -> Mapping[str, str]:
    """An owner's token stays, which the program itself has to have; the address is the way out's."""
    rest = {name: value for name, value in given.items() if name != MODEL_URL}
    return rest | ({MODEL_KEY: ADDED_OUTSIDE} if MODEL_KEY in rest else {})


def environment_for(kind: str, settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """What of the root's environment goes beyond that which all processes inherit."""
    by_libpq = settings.database_url is not None and kind not in _WITHOUT_DATABASE
    asks = _ASKS.get(kind, _nothing)
    return {name: value for name, value in environ.items() if asks(name) or (by_libpq and is_for_servers(name))}


def _nothing(_: str) -> bool:
    return False


_ASKS: Mapping[str, Callable[[str], bool]] = {
    _DELIVERY: is_for_remotes,
    _HTTP: is_for_webhooks,
    _INTAKE: is_for_forges,
    _SPEC_WRITER: is_for_models,
    _EGRESS: is_for_models,
}
"""Kind of actor → which variables it needs for those that it talks to outside."""
