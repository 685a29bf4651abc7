"""Doing a piece of work that needs the store until the store lets it: an outage must burn no attempt and lose no message."""

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from actors.base import FactoryActor
from actors.pulse import PULSE
from factory.errors import Contended, StoreFull, StoreTimeout, StoreUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
Durably = Callable[[Callable[[], T]], T]
"""`DurableActor.durably`, as the parts of an actor are given it."""

PATIENCE = 60.0
"""Seconds of outage that an actor sits out before it crashes and leaves the decision to its supervisor."""

PAUSE = 0.1
"""Seconds between two tries: a restarted server takes about a second."""


def durably(
    work: Callable[[], T], *, what: str, pause: Callable[[float], object] | None = None, clock: Callable[[], float] = time.monotonic
) -> T:
    """Calls `work` again while the store is away. `work` must be repeatable: an outage at commit leaves open whether it happened.

    Never to be called while an actor starts: a start that waits is killed, and counts as a child that cannot live.

    Args:
        what: names the work in the log.
        pause: waits; the default blocks the actor, which has nothing to do without its store anyway.
        clock: seconds; the tries themselves take time, up to half a minute each where the server hangs.
    """
    wait = pause or block
    since: float | None = None
    while True:
        try:
            return work()
        except (StoreUnavailable, StoreTimeout, StoreFull, Contended) as error:
            # Each try ends by itself; one that has ended says that this turn waits, and does not hang.
            PULSE.beat()
            now = clock()
            since = _said(since, now, what, error)
            if now - since >= PATIENCE:
                raise
            wait(PAUSE)


def block(seconds: float) -> None:
    """Waits with the whole actor."""
    Event().wait(seconds)


class DurableActor(FactoryActor):
    """An actor that has nothing to do without its store.

    Attributes:
        pause: waits so many seconds between two tries. Whoever hosts the actor without a thread of its own gives it another one.
    """

    pause: Callable[[float], object] = staticmethod(block)

    def durably(self, work: Callable[[], T]) -> T:
        """See the function of this name."""
        return durably(work, what=f"the {type(self).__name__}", pause=self.pause, clock=self.clock.monotonic)


def _said(since: float | None, now: float, what: str, error: Exception) -> float:
    if since is not None:
        return since
    log.warning("%s waits for the store: %s", what, error)
    return now
