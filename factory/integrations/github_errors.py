"""What GitHub's answers mean: try again later, and when, or a person has to change something."""

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized

SECONDARY_SECONDS = 60.0
"""GitHub's own advice for a limit without a time: at least a minute."""
MAX_WAIT_SECONDS = 3_600.0
"""Primary limits are per hour; a longer word is a mistake, and would hide the item for as long."""
_MAX_MESSAGE = 300
_LIMITED = ("rate limit", "abuse detection", "please wait a few minutes", "please retry your request again later")
_SERVER_ERROR = 500


def meaning(slug: str, status: int, headers: Mapping[str, str], data: object) -> FactoryError:
    """The error that an answer is.

    Args:
        headers: with names in lower case.
        data: the body, read as JSON.
    """
    message = told(data)
    if is_limit(status, headers, message):
        seconds = wait_of(headers)
        return ForgeUnavailable(f"GitHub allows no call for {math.ceil(seconds)} s ({status}: {message}).", seconds)
    if status == 401:  # noqa: PLR2004 - the codes are the protocol's words
        return Unauthorized(f"GitHub does not accept the token for {slug} (401: {message}): give the factory a valid GITHUB_TOKEN.")
    if status == 403:  # noqa: PLR2004
        return Unauthorized(
            f"GitHub's token may not do this at {slug} (403: {message}): it needs write access to contents and pull requests."
        )
    if status == 404:  # noqa: PLR2004
        return ForgeRefused(f"GitHub has no repository {slug} that its token can see.")
    if status in {408, 409} or status >= _SERVER_ERROR or status < 400:  # noqa: PLR2004
        return ForgeUnavailable(f"GitHub could not answer for {slug} ({status}: {message}).", _said_wait(headers) or 0.0)
    return ForgeRefused(f"GitHub refuses it for {slug} ({status}: {message}).")


def lowered(headers: Mapping[str, object] | None) -> Mapping[str, str]:
    """Headers with their names in lower case."""
    return {name.lower(): str(value) for name, value in (headers or {}).items()}


def told(data: object) -> str:
    """GitHub's own words: the message, and what is wrong with each field."""
    if not isinstance(data, Mapping):
        return "no message"
    errors = data.get("errors")
    more = [_error(one) for one in errors] if isinstance(errors, list) else []
    words = "; ".join(word for word in (str(data.get("message") or ""), *more) if word)
    plain = " ".join(words.split())
    return (plain if plain.isprintable() else repr(plain))[:_MAX_MESSAGE].rstrip(".") or "no message"


def _error(error: object) -> str:
    if isinstance(error, Mapping):
        return str(error.get("message") or " ".join(str(error[name]) for name in ("field", "code") if name in error))
    return str(error)


def is_limit(status: int, headers: Mapping[str, str], message: str) -> bool:
    """Whether it is about too many calls, which GitHub says with 403 as well as with 429."""
    if status == 429:  # noqa: PLR2004
        return True
    return status == 403 and (  # noqa: PLR2004
        "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or any(sign in message.lower() for sign in _LIMITED)
    )


def wait_of(headers: Mapping[str, str]) -> float:
    """Seconds until the next call is allowed."""
    said = _said_wait(headers)
    if said is None and headers.get("x-ratelimit-remaining") == "0":
        said = _until_reset(headers)
    return min(max(SECONDARY_SECONDS if said is None else said, 1.0), MAX_WAIT_SECONDS)


def _said_wait(headers: Mapping[str, str]) -> float | None:
    said = _number(headers.get("retry-after"))
    return None if said is None else min(max(said, 0.0), MAX_WAIT_SECONDS)


def _until_reset(headers: Mapping[str, str]) -> float | None:
    # Both times are GitHub's, so that a wrong clock of this machine changes nothing. A second more, since both are whole ones.
    reset = _number(headers.get("x-ratelimit-reset"))
    try:
        return None if reset is None else reset - parsedate_to_datetime(headers["date"]).timestamp() + 1.0
    except (KeyError, ValueError, OverflowError):
        return None


def _number(word: str | None) -> float | None:
    """None also for what a float can say and nobody can wait for: `nan`, `inf`."""
    try:
        number = math.nan if word is None else float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
