"""Why an item is not being worked on, as of now. Pure.

A row says so as of the moment when it came, and comes again only when something happens to its own item; meanwhile others before it
were claimed, and seconds have passed. So the sentence is made here anew, by the rule of `domain.dispatch`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from factory.domain.dispatch import Waiting, why_it_waits
from factory.domain.hosts import is_met
from factory.domain.work_item import AGEING_SECONDS, Priority, engine_family
from tui.world import Row, Seen, World

_WORKED_ON = frozenset({"assigned", "running", "publishing"})
_WAITS = frozenset({"queued", "parked"})


class Standing:
    """Where every queued item stands, of one version of the world. `wall` in Unix seconds, for holds that end at a time of day."""

    def __init__(self, world: World, now: float, wall: float) -> None:
        self._world, self._now, self._wall = world, now, wall
        offered = (world.limits.get("dispatch") or {}).get("offered") or ()
        due = [seen for seen in world.items.values() if _may_be_claimed(seen, now, offered)]
        self._ahead = {str(seen.row.get("id")): place for place, seen in enumerate(sorted(due, key=turn))}
        # Of a queue longer than what a snapshot holds, only the factory knows where the rest stands.
        self._told = not due or len(world.items) < _MOST

    def why(self, seen: Seen) -> str:
        """Why it waits, why it is where it is, or what is done with it."""
        row, status = seen.row, str(seen.row.get("status") or "")
        if status in _WORKED_ON:
            return self._doing(row)
        if status in _WAITS:
            return why_it_waits(self._waiting(seen), self._world.limits.get("dispatch") or {})
        return str(row.get("reason") or row.get("pr_url") or "")

    def _waiting(self, seen: Seen) -> Waiting:
        row, key = seen.row, str(seen.row.get("id"))
        ahead = self._ahead.get(key, 0) if self._told else int(row.get("ahead") or 0)
        hold = held(row, self._world.limits, self._wall)
        due_in, condition, reason = _due_in(seen, self._now), row.get("condition"), str(row.get("reason") or "")
        return Waiting(str(row.get("status")), ahead, due_in, condition, reason, hold, needs=row.get("needs") or ())

    def _doing(self, row: Row) -> str:
        if row.get("status") == "publishing":
            return self._published(row)
        worker = self._world.workers.get(str(row.get("holder") or ""))
        if worker is None:
            return ""
        phase, iteration = str(worker.row.get("phase") or ""), int(worker.row.get("iteration") or 0)
        return f"{phase}, iteration {iteration}" if iteration else phase

    def _published(self, row: Row) -> str:
        outbox = self._world.outbox.get(str(row.get("id")))
        told = outbox.row if outbox else {}
        tries, error = int(told.get("tries") or 0), str(told.get("last_error") or "")
        return why_it_waits(Waiting("publishing", 0, 0.0, None, "", tries=tries, error=error), {})


_MOST = 1_000
"""Items in a snapshot."""


def _may_be_claimed(seen: Seen, now: float, offered: Sequence[Sequence[str]]) -> bool:
    """Whether it keeps others waiting; what needs labels that no host with a place free has is passed over."""
    return seen.row.get("status") == "queued" and _due_in(seen, now) <= 0 and is_met(seen.row.get("needs") or (), offered)


def held(row: Row, limits: Mapping[str, Any], wall: float) -> str:
    """Why the engine of an item may not be used; empty where it may."""
    hold = limits.get(f"hold:{engine_family(str(row.get('engine') or ''))}")
    if not isinstance(hold, dict):
        return ""
    until = hold.get("until")
    return str(hold.get("reason") or hold.get("kind") or "no reason given") if until is None or float(until) > wall else ""


def turn(seen: Seen) -> tuple[float, str]:
    """The order in which queued items are claimed: waiting for an hour is worth a step of priority."""
    row = seen.row
    return float(row.get("created_at") or 0) + int(row.get("priority", Priority.MEDIUM)) * AGEING_SECONDS, str(row.get("id"))


def _due_in(seen: Seen, now: float) -> float:
    return float(seen.row.get("due_in") or 0.0) - (now - seen.at)
