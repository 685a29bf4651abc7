"""Webhooks out: signed, each with an id of its own, in order, and sent once, as GitHub does; whoever is down misses them."""

import hashlib
import hmac
import json
import queue
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from factory.standin.model import Hook

_SECONDS = 10
"""GitHub waits as long for an answer."""
_MAX_WAITING = 10_000
_MAX_KEPT = 10_000
"""That can be sent again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`id`: the same where it is sent again."""

    id: str
    hook: Hook
    event: str
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/standin", "X-GitHub-Event": self.event,
            "X-GitHub-Delivery": self.id, "X-GitHub-Hook-ID": "1", "X-Hub-Signature-256": signature(self.hook.secret, self.body),
        }  # fmt: skip


def signature(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Courier:
    """A thread that delivers. `note`: where each delivery is told with its outcome."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._waiting: queue.Queue[Delivery | None] = queue.Queue(_MAX_WAITING)
        self._sent: dict[str, Delivery] = {}
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self._thread = threading.Thread(target=self._deliver, name="webhooks", daemon=True)
        self._thread.start()

    def send(self, hook: Hook, event: str, payload: dict[str, Any]) -> None:
        self._put(Delivery(str(uuid.uuid4()), hook, event, json.dumps(payload).encode()))

    def again(self, delivery: str) -> bool:
        """What a person does with the button `Redeliver`. Whether there was such a one."""
        if found := self._sent.get(delivery):
            self._put(found)
        return found is not None

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(2 * _SECONDS)

    def _put(self, delivery: Delivery) -> None:
        self._sent[delivery.id] = delivery
        while len(self._sent) > _MAX_KEPT:
            del self._sent[next(iter(self._sent))]
        try:
            self._waiting.put_nowait(delivery)
        except queue.Full:
            # Whoever asked something of the API does not wait for a receiver that hangs.
            self._tell(delivery, "dropped")

    def _deliver(self) -> None:
        while delivery := self._waiting.get():
            self._tell(delivery, self._post(delivery))

    def _tell(self, delivery: Delivery, status: int | str) -> None:
        action = json.loads(delivery.body).get("action")
        self._note("delivery", id=delivery.id, event=delivery.event, action=action, status=status)

    def _post(self, delivery: Delivery) -> int | str:
        request = urllib.request.Request(delivery.hook.url, delivery.body, delivery.headers, method="POST")  # noqa: S310 - as was configured
        try:
            with self._open(request, timeout=_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, HTTPException) as error:
            return type(error).__name__
