"""The connections that a host is spoken to on. What it does not read waits in this process, so their number bounds what it can make wait.

A host has two at a time, and two more for the moment in which it has made new ones and the death of the old ones was not noticed yet.
"""

from collections.abc import Callable

MOST_ROUTES = 4


class HostRoutes:
    """By host.

    Args:
        is_there: whether a connection still is, asked of those that are known where there is no room for another one.
    """

    def __init__(self, is_there: Callable[[bytes], bool]) -> None:
        self._is_there = is_there
        self._routes: dict[str, set[bytes]] = {}

    def admits(self, host: str, route: bytes) -> bool:
        """Whether something may be sent to a host on this connection."""
        known = self._routes.setdefault(host, set())
        if route not in known and len(known) >= MOST_ROUTES:
            known.intersection_update([one for one in known if self._is_there(one)])
        if route not in known and len(known) >= MOST_ROUTES:
            return False
        known.add(route)
        return True

    def gone(self, host: str, route: bytes) -> None:
        """There is no such connection any more."""
        self._routes.get(host, set()).discard(route)
