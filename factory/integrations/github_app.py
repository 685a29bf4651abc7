"""Tokens of a GitHub App's installation: each for one repository, with the least permissions, and for an hour at most."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import github
import jwt
import requests

from factory.domain.forge_app import App, Permissions
from factory.errors import ForgeUnavailable, Unauthorized
from factory.integrations.github_caller import client_of
from factory.integrations.github_errors import lowered, meaning, told
from factory.integrations.github_line import use_bounded_lines, within
from factory.ports import Clock

SECONDS = 15.0
"""For the whole call, of which a job may need two."""
EARLY_SECONDS = 300.0
"""A token is replaced so long before it ends: a push that began with it must come to its end."""
_SHORTEST_SECONDS = 30.0
"""A token that ends sooner is used once, and another one is minted next."""


@dataclass(slots=True)
class _Kept:
    """`until` in monotonic seconds."""

    token: str = field(repr=False)
    until: float


class AppTokens:
    """A `github_token.Mint`. May be used by several threads.

    Args:
        api: base address of GitHub's API.
    """

    def __init__(self, api: str, app: App, permissions: Permissions, clock: Clock) -> None:
        self._api, self._app, self._permissions, self._clock = api, app, dict(permissions), clock
        self._turn = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def __call__(self, slug: str, *, renew: bool) -> str:
        """Raises `errors.Unauthorized` where the App may not reach the repository, or `errors.ForgeUnavailable`."""
        with self._turn:
            kept = self._kept.get(slug)
            if kept is None or renew or self._clock.monotonic() >= kept.until:
                kept = self._kept[slug] = self._minted(slug)
            return kept.token

    def _minted(self, slug: str) -> _Kept:
        headers, answer = self._asked(slug)
        token = answer.get("token")
        if not isinstance(token, str) or not token:
            raise ForgeUnavailable(f"GitHub's answer for {slug} holds no token.")
        return _Kept(token, self._clock.monotonic() + max(_lasts(answer, headers) - EARLY_SECONDS, _SHORTEST_SECONDS))

    def _asked(self, slug: str) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        use_bounded_lines()
        with within(SECONDS), self._translated(slug):
            # Signed anew each time: what proves who asks is good for minutes only.
            auth = github.Auth.AppAuth(int(self._app.id), self._app.key)
            with closing(client_of(self._api, auth)) as client:
                return client.requester.requestJsonAndCheck(
                    "POST",
                    f"/app/installations/{self._app.installation}/access_tokens",
                    input={"repositories": [slug.partition("/")[2]], "permissions": self._permissions},
                )

    @contextmanager
    def _translated(self, slug: str) -> Iterator[None]:
        try:
            yield
        except github.GithubException as error:
            raise self._refusal(slug, error) from None
        except requests.RequestException as error:
            raise ForgeUnavailable(f"GitHub does not answer for {slug} ({type(error).__name__}).") from None
        except (jwt.InvalidKeyError, ValueError, TypeError):
            raise Unauthorized("GH_PRIVATE_KEY is no key that can sign; set it to the text of the App's .pem file.") from None

    def _refusal(self, slug: str, refused: github.GithubException) -> Exception:
        error = meaning(slug, refused.status, lowered(refused.headers), refused.data)
        if isinstance(error, ForgeUnavailable):
            return error
        wanted = ", ".join(f"{name}: {level}" for name, level in self._permissions.items())
        why = f"{refused.status}: {told(refused.data)}"
        return Unauthorized(f"GitHub gives the App no token for {slug} ({why}): it must be installed there and may need {wanted}.")


def _lasts(answer: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """Seconds, by GitHub's own clock: that of this machine may be wrong."""
    try:
        ends = datetime.fromisoformat(str(answer["expires_at"]))
        return (ends - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return 0.0
