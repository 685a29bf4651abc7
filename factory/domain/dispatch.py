"""The main loop as a reducer: which leases are out, how much more may be claimed, and why an item waits.

The queue claims on its own as long as it has credit; the dispatcher's whole policy is how much credit it gives.
Claims that are on their way while a new credit is computed are not granted twice: a credit names the claims it knew of.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from factory.domain.hosts import is_met

ORPHAN_AGE = 12
"""Heartbeats for which a worker that nothing is known of is left alone: a host may finish making it long after it was asked to."""

ORPHAN_GRACE = 0.2
"""Heartbeats that a worker without a lease has to end by itself: within 13 of the first sight of it it is gone."""


@dataclass(frozen=True, slots=True)
class Board:
    """What the dispatcher knows.

    Attributes:
        boot: the queue's incarnation; empty until it was heard.
        made: how many claims of that incarnation are known.
        active: workers with a living lease.
        suspects: workers seen on the host without a lease in the sweep before → when that was seen first, monotonic seconds.
        reconciled: whether leases and host were ever looked at together; before that nothing is claimed.
    """

    boot: str = ""
    made: int = 0
    active: frozenset[str] = frozenset()
    suspects: Mapping[str, float] = field(default_factory=dict)
    reconciled: bool = False

    def claimed(self, boot: str, made: int, workers: frozenset[str]) -> "Board":
        """New leases. From another incarnation of the queue they count all the same: the survey that follows puts it right."""
        return replace(self, boot=boot, made=max(made, self.made) if boot == self.boot else made, active=self.active | workers)

    def surveyed(self, boot: str, made: int, workers: frozenset[str]) -> "Board":
        """All leases there are: the truth, whatever was known before."""
        return replace(self, boot=boot, made=made, active=workers)

    def ended(self, worker: str) -> "Board":
        return replace(self, active=self.active - {worker})

    def unreconciled(self) -> "Board":
        """The host cannot be looked at: no worker could be made on it either."""
        return replace(self, reconciled=False)

    def orphan_in(self, now: float, age: float) -> float:
        """Seconds from `now` (monotonic) until a sweep finds somebody who was unknown for `age` seconds; inf where nobody is."""
        return min((since + age - now for since in self.suspects.values()), default=math.inf)


def sweep(board: Board, on_host: frozenset[str], cared_for: frozenset[str], now: float, age: float) -> tuple[Board, frozenset[str]]:
    """Which workers to kill: seen at two sweeps or more and for `age` seconds with neither a lease nor an actor that looks after them.

    A worker is named in the database before it is made, so one whose lease is over is known by name and not looked for here;
    these are what a host finished making for somebody who was dead by then, or what another database knows of.

    Args:
        on_host: listed *before* the leases were read; the other order would kill a worker that was started in between.
        cared_for: workers whose actor is alive; it ends them itself.
        now: monotonic seconds.
    """
    seen = {worker: board.suspects.get(worker, now) for worker in sorted(on_host - board.active - cared_for)}
    killed = frozenset(worker for worker, since in seen.items() if worker in board.suspects and now - since >= age)
    return replace(board, suspects=seen, reconciled=True), killed


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued or parked item, as far as its waiting goes. `due_in` in seconds, negative once it may start."""

    status: str
    ahead: int
    due_in: float
    condition: str | None
    reason: str
    held: str = ""
    """Why its engine may not be used now."""
    tries: int = 0
    error: str = ""
    """Of its publication: how often it was tried, and what was in the way the last time."""
    needs: Sequence[str] = ()
    """Labels that a host must have to work on it."""


def _why_parked(condition: str, reason: str) -> str:
    """The condition is for programs; what it is about, people are told by the reason."""
    kind, _, _ = condition.partition(":")
    if kind == "locks":
        return f"waits for files that others work on: {reason.removeprefix('locked: ')}"
    return f"parked until it opens again: {reason}"


def _why_unpublished(tries: int, error: str) -> str:
    if not error:
        return "its result is checked and published"
    return f"tried {f'{tries} times' if tries > 1 else 'once'}: {error}"


def _why_no_host(needs: Sequence[str], dispatch: Mapping[str, Any]) -> str:
    labels = f"{'the label' if len(needs) == 1 else 'the labels'} {', '.join(needs)}"
    known, offered = dispatch.get("labels") or (), dispatch.get("offered") or ()
    if dispatch.get("reconnecting") and not is_met(needs, offered) and (not known or is_met(needs, known)):
        return "waiting for hosts to reconnect"
    if not is_met(needs, known):
        return f"no host has {labels}: `factory worker enroll NAME {' '.join(f'--label {label}' for label in needs)}` makes one"
    barred = f"; {dispatch['barred']}" if dispatch.get("barred") else ""
    return "" if is_met(needs, offered) else f"no place is free on a host with {labels}{barred}"


def why_it_waits(item: Waiting, dispatch: Mapping[str, object]) -> str:
    """One sentence: why this item is not being worked on, as precisely as the factory knows it. Empty for one that is, or is over."""
    if item.status == "parked":
        return _why_parked(item.condition or "", item.reason)
    if item.status == "publishing":
        return _why_unpublished(item.tries, item.error)
    if item.status != "queued":
        return ""
    if item.held:
        return f"its engine is held: {item.held}"
    if item.due_in > 0:
        because = f" after: {item.reason}" if item.reason else ""
        return f"starts in {item.due_in:.0f} s at the earliest{because}"
    if unmet := _why_no_host(item.needs, dispatch):
        return unmet
    shut = str(dispatch.get("reason") or "")
    if item.ahead:
        return f"{item.ahead} ahead of it" + (f"; {shut}" if shut else "")
    return shut or "next to be claimed"
