"""What an agent may have stored of what it says happened: bounded, since one attempt could else fill the database."""

import logging

from factory.domain.events import is_agent_kind
from factory.protocol.attempt_mail import Happened, Recorded
from factory.protocol.codec import encode
from factory.protocol.mailbox import Lease
from factory.protocol.worker import MAX_EVENT_BYTES, AckResult, Event

log = logging.getLogger(__name__)

MAX_EVENTS = 10_000
"""In one attempt: a few for each iteration and gate, and room for a hundred times that. With the above some 80 MB at the worst."""

_OMITTED = "ATTEMPT.EVENT.OMITTED"


class EventDesk:
    """Takes one lease's events.

    Attributes:
        refused: events that were not stored as they were said.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._omitted: dict[int, str] = {}
        self.refused = 0

    def take(self, seq: int, event: Event) -> Happened | str:
        """The queue's mail, or why the event is refused."""
        if not 0 < event.number <= MAX_EVENTS:
            return self._refused(f"an attempt has {MAX_EVENTS:,} events at most")
        size = len(encode(event.data))
        if not is_agent_kind(event.kind):
            self._omitted[seq] = self._refused("an agent has no events of this kind")
        elif size > MAX_EVENT_BYTES:
            self._omitted[seq] = self._refused(f"the event has {size:,} bytes, and {MAX_EVENT_BYTES:,} are kept")
        else:
            return Happened(self._lease, seq, event.number, event.kind, event.data)
        # Its number is kept: what follows is only stored when none is missing before it.
        return Happened(self._lease, seq, event.number, _OMITTED, {"bytes": size})

    def verdict(self, mail: Recorded) -> tuple[AckResult, str]:
        """What the agent is told when the queue has answered."""
        omitted = self._omitted.pop(mail.seq, "")
        if mail.result != "ok":
            return "stale", "the lease is over"
        return ("refused", omitted) if omitted else ("ok", "")

    def _refused(self, reason: str) -> str:
        if not self.refused:
            # Once: an agent that does it at all does it all the time.
            log.warning("an event of worker %s is not kept: %s", self._lease.worker, reason)
        self.refused += 1
        return reason
