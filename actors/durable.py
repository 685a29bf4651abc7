"""Doing a piece of work that needs the store until the store lets it: an outage must burn no attempt and lose no message."""

import logging
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from factory.errors import Contended, StoreFull, StoreTimeout, StoreUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE = 60.0
"""Seconds of outage that an actor sits out before it crashes and leaves the decision to its supervisor."""

PAUSE = 0.1
"""Seconds between two tries: a restarted server takes about a second."""


def durably(work: Callable[[], T], *, what: str, pause: Callable[[float], object] | None = None) -> T:
    """Calls `work` again while the store is away. `work` must be repeatable: an outage at commit leaves open whether it happened.

    Args:
        what: names the work in the log.
        pause: waits; the default blocks the actor, which has nothing to do without its store anyway.
    """
    wait = pause or Event().wait
    waited = 0.0
    while True:
        try:
            return work()
        except (StoreUnavailable, StoreTimeout, StoreFull, Contended) as error:
            if waited >= PATIENCE:
                raise
            if waited == 0.0:
                log.warning("%s waits for the store: %s", what, error)
            wait(PAUSE)
            waited += PAUSE
