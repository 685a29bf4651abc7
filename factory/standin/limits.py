"""Rate limits: so many calls an hour of each account, and so many writes a minute. An answer 304 costs nothing."""

import threading
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from factory.standin.refusals import Refusal

LIMIT = 5_000
_WINDOW_SECONDS = 3_600.0
_MINUTE_SECONDS = 60.0
_SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass(slots=True)
class _Account:
    ends: float = 0.0
    used: int = 0
    writes: deque[float] = field(default_factory=deque)


class Limits:
    """What accounts have used.

    Attributes:
        limit: calls in a window. window: its length in seconds.
        writes: so many in a minute; the next is refused with a secondary limit. None for no such limit.
    """

    def __init__(self) -> None:
        self.limit, self.window = LIMIT, _WINDOW_SECONDS
        self.writes: int | None = None
        self._accounts: dict[str, _Account] = {}
        self._turn = threading.Lock()

    def set(self, limit: int = LIMIT, window: float = _WINDOW_SECONDS, writes: int | None = None) -> None:
        """Begins anew."""
        with self._turn:
            self.limit, self.window, self.writes = limit, window, writes
            self._accounts.clear()

    def check(self, account: str, now: float, *, is_write: bool) -> None:
        """Raises `Refusal` where no call is allowed. now: seconds since 1970."""
        with self._turn:
            of = self._of(account, now)
            if of.used >= self.limit:
                raise Refusal(HTTPStatus.FORBIDDEN, f"API rate limit exceeded for {account}.")
            while of.writes and of.writes[0] <= now - _MINUTE_SECONDS:
                of.writes.popleft()
            if is_write and self.writes is not None and len(of.writes) >= self.writes:
                wait = int(of.writes[0] + _MINUTE_SECONDS - now) + 1 if of.writes else int(_MINUTE_SECONDS)
                raise Refusal(HTTPStatus.FORBIDDEN, _SECONDARY, headers={"Retry-After": str(wait)})

    def count(self, account: str, now: float, *, is_write: bool) -> None:
        with self._turn:
            of = self._of(account, now)
            of.used += 1
            if is_write:
                of.writes.append(now)

    def headers(self, account: str, now: float) -> dict[str, str]:
        shown = self.shown(account, now)
        return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in shown.items()}

    def shown(self, account: str, now: float) -> dict[str, Any]:
        with self._turn:
            of = self._of(account, now)
            used = min(of.used, self.limit)
            return {"limit": self.limit, "remaining": self.limit - used, "reset": int(of.ends), "used": used, "resource": "core"}

    def _of(self, account: str, now: float) -> _Account:
        of = self._accounts.setdefault(account, _Account())
        if of.ends <= now:
            of.ends, of.used = now + self.window, 0
        return of


def refused(kind: str, seconds: float, now: float) -> Refusal:
    """A limit by script. kind: `primary` or `secondary` or `429`. seconds: until calls are allowed again."""
    if kind == "primary":
        # Both times of one moment, in whole seconds as GitHub's are.
        headers = {"Date": formatdate(now, usegmt=True), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(now + seconds))}
        return Refusal(HTTPStatus.FORBIDDEN, "API rate limit exceeded for user ID 1.", headers=headers)
    wait = {"Retry-After": str(int(seconds))} if seconds else {}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS if kind == "429" else HTTPStatus.FORBIDDEN, _SECONDARY, headers=wait)
