"""Which keys belong to hosts of remote workers, and until when. Their names never meet those of workers."""

import time
from collections.abc import Callable, Iterable

from factory.protocol.host_mail import HostKey
from factory.transport.zap import Enrolment

_PREFIX = "host:"
"""Before a host's name, as a link knows it: no worker can be called so."""


class HostKeyring:
    """The keys as the factory told them last. One that expires meanwhile is worth nothing, whether that is told or not."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._keys: dict[str, tuple[str, float]] = {}

    def replace(self, keys: Iterable[HostKey]) -> None:
        """From now on these are good and no others."""
        now = self._now()
        self._keys = {each.key: (each.host, now + each.expires_in) for each in keys}

    def host(self, key: str) -> str | None:
        """The host whose key it is."""
        host, until = self._keys.get(key, (None, 0.0))
        return host if self._now() < until else None

    def knows(self, host: str) -> bool:
        """Whether a key of this host is good."""
        now = self._now()
        return any(name == host and now < until for name, until in self._keys.values())

    def worker(self, key: str) -> str | None:
        """The name behind a key, as `zap.Admission` asks for it."""
        host = self.host(key)
        return None if host is None else f"{_PREFIX}{host}"


class KnownKeys:
    """All who may come in on the worker link: workers, and hosts."""

    def __init__(self, workers: Enrolment, hosts: HostKeyring) -> None:
        self._workers, self._hosts = workers, hosts

    def worker(self, key: str) -> str | None:
        return self._workers.worker(key) or self._hosts.worker(key)
