"""What GitHub sends by itself: whether it comes from GitHub, and what it is about. Never more than a hint: the poll has the truth."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 1024 * 1024
"""Of one body. GitHub's own cap is far above, and nothing that is read here needs more."""

EVENTS = frozenset({"issues", "issue_comment", "pull_request", "pull_request_review", "check_run", "check_suite", "status", "ping"})
"""Kinds that say something here; the others are answered and forgotten."""

SECRETS = ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_PREVIOUS")
"""The second is good as well while GitHub is told the first."""

_SHORTEST = 16
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_PREFIX = "sha256="
_NUMBERED = ("issue", "pull_request")


def secrets_of(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are set.

    Raises:
        ValueError: there is none, or one that could be guessed; the message is a sentence without it and without its full stop.
    """
    found = {name: environ[name] for name in SECRETS if environ.get(name)}
    if SECRETS[0] not in found:
        raise ValueError("http_listen is set, and GITHUB_WEBHOOK_SECRET is not: export the secret that you gave the webhook on GitHub")
    for name, secret in found.items():
        if len(secret) < _SHORTEST:
            raise ValueError(
                f"{name} has {len(secret)} characters and could be guessed: take {_SHORTEST} or more, as `openssl rand -hex 32` makes"
            )
    return tuple(found.values())


def is_signed(secrets: Sequence[str], body: bytes, signature: str) -> bool:
    """Whether one of the secrets signed exactly these bytes. During a rotation two of them are good.

    Args:
        signature: the header `X-Hub-Signature-256`.
    """
    given = signature.encode("utf-8", "replace")
    # All are tried, so that the time says nothing about which one it was.
    matches = [hmac.compare_digest(_signature(secret, body), given) for secret in secrets if secret]
    return any(matches)


def _signature(secret: str, body: bytes) -> bytes:
    return f"{_PREFIX}{hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}".encode()


def is_delivery_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened there.

    Attributes:
        repo: `owner/name`.
        number: of the issue or pull request; None where it is about a commit.
    """

    event: str
    action: str
    repo: str
    number: int | None


def hint_of(event: str, payload: Mapping[str, Any]) -> Hint | None:
    """What a payload is about; None where it says nothing here. Whatever is in it, only these four values are kept."""
    repo = _of(payload, "repository").get("full_name")
    if event not in EVENTS or not isinstance(repo, str):
        return None
    action = payload.get("action")
    return Hint(event, action[:64] if isinstance(action, str) else "", repo[:200], _number(payload))


def _number(payload: Mapping[str, Any]) -> int | None:
    named = [_of(payload, name).get("number") for name in _NUMBERED]
    check = _of(payload, "check_run") or _of(payload, "check_suite")
    pulls = check.get("pull_requests")
    listed = [one.get("number") for one in pulls if isinstance(one, Mapping)] if isinstance(pulls, list) else []
    return next((number for number in (*named, *listed) if type(number) is int and 0 < number < 2**31), None)


def _of(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = payload.get(name)
    return value if isinstance(value, Mapping) else {}
