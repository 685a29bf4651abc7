"""What waits for a person: the first thing on the Overview, and the number in the headline of every screen. Pure.

A thing is here while it is so, not because something once happened; what the factory mends by itself is not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tui.lock_waits import cycles
from tui.states import Patience, allowed, since, worker_state
from tui.world import Row, World

Kind = Literal["actor", "hold", "approval", "stuck", "silent", "stalled", "outbox", "cycle", "crashes", "failed", "stopped", "settings"]

_URGENCY: tuple[Kind, ...] = (
    "actor", "hold", "approval", "stuck", "cycle", "silent", "stalled", "outbox", "crashes", "failed", "stopped", "settings",
)  # fmt: skip
"""What keeps all work waiting comes first, then what keeps one item waiting, then what only should be known."""

FAILED_SECONDS = 86_400.0
"""A failed item stays in the list of items for good; after a day nobody who looks here wants to hear of it."""

OUTBOX_TRIES = 3
"""Fewer are a network that was away for a moment."""

CRASHES = 3
"""Restarts of a process that does not run again; fewer are the supervisor's business."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits. Texts may be from outside.

    Attributes:
        key: unique for this wait: the next one of the same item has another.
        state: a word that `states.look` knows.
        subject: id of the item or worker, name of the process or the engine.
        what: what is the matter, a sentence or a part of one.
        since: seconds for which it has been so; None where nobody knows.
        hint: keys and what they do here.
        item, worker, node: what to open, empty where there is none.
    """

    key: str
    kind: Kind
    state: str
    subject: str
    what: str
    since: float | None
    hint: str = ""
    item: str = ""
    worker: str = ""
    node: str = ""


def needs_you(world: World, patience: Patience, now: float) -> list[Need]:
    """The most urgent first, of the same kind the longest first. `now` in monotonic seconds."""
    found = [*_engines(world), *_nodes(world), *_items(world, now), *_workers(world, patience, now), *_outbox(world, now)]
    found += [*_locks(world), *_settings(world)]
    return sorted(found, key=lambda need: (_URGENCY.index(need.kind), -(need.since or 0.0), need.key))


_ITEM_KINDS: dict[str, tuple[Kind, str]] = {
    "needs_approval": ("approval", "a approve  D diff  x reject"),
    "stuck": ("stuck", "r retry  X cancel  l log"),
    "failed": ("failed", "r retry  l log"),
}


def _items(world: World, now: float) -> Iterator[Need]:
    for key, seen in world.items.items():
        status = str(seen.row.get("status") or "")
        if status not in _ITEM_KINDS:
            continue
        waited = seen.age("since_age" if "since_age" in seen.row else "age", now)
        if status == "failed" and waited is not None and waited > FAILED_SECONDS:
            continue
        kind, hint = _ITEM_KINDS[status]
        what = _text(seen.row, "reason") or _text(seen.row, "title")
        yield Need(f"{kind}:{key}:{seen.row.get('epoch')}", kind, status, key, what, waited, hint, item=key)


def _workers(world: World, patience: Patience, now: float) -> Iterator[Need]:
    for key, seen in world.workers.items():
        state, item = worker_state(seen, patience, world.known(now)), _text(seen.row, "item")
        phase = _text(seen.row, "phase")
        if state == "stalled":
            what = f"no progress in {phase or 'its work'}, {allowed(phase, patience):.0f} s are usual"
            yield Need(f"stalled:{key}", "stalled", state, key, what, since(seen, "progress", now), "l log  ^k kill", item=item, worker=key)
        elif state == "silent":
            what = "nothing is heard of it; its lease ends by itself"
            yield Need(f"silent:{key}", "silent", state, key, what, since(seen, "beat", now), "l log  ^k kill", item=item, worker=key)


_HOLDS = {
    "login": ("not logged in", "log in, then :resume"),
    "credits": ("out of credits", "buy some, then :resume"),
    "account": ("usage limit", "opens by itself; :resume tries at once"),
}


def _engines(world: World) -> Iterator[Need]:
    """Engines that open again by themselves are no person's business, and shown with the limits."""
    for name, value in world.limits.items():
        if not name.startswith("hold:") or not isinstance(value, dict) or value.get("until") is not None:
            continue
        engine = name.removeprefix("hold:")
        what, hint = _HOLDS.get(str(value.get("kind")), (str(value.get("kind")), ":resume uses it again"))
        yield Need(name, "hold", "waiting", engine, f"{what}: {value.get('reason') or 'no reason given'}", None, hint)


def _nodes(world: World) -> Iterator[Need]:
    for key, seen in world.nodes.items():
        row, state = seen.row, _text(seen.row, "state")
        restarts, reason = int(row.get("restarts") or 0), _text(row, "reason")
        if state == "gave up":
            yield Need(f"actor:{key}:{restarts}", "actor", state, key, reason or "it keeps ending", None, "9 tree  ^k restart", node=key)
        elif state == "stopped by operator":
            what = f"stopped by {_text(row, 'stopped_by') or 'an operator'}; what it does waits"
            yield Need(f"stopped:{key}", "stopped", state, key, what, None, "9 tree  ^k restart", node=key)
        elif state == "waiting" and restarts >= CRASHES:
            what = f"{restarts} restarts, tried anew after a while: {reason}"
            yield Need(f"crashes:{key}", "crashes", state, key, what, None, "9 tree", node=key)


def _outbox(world: World, now: float) -> Iterator[Need]:
    for key, seen in world.outbox.items():
        tries, item = int(seen.row.get("tries") or 0), _text(seen.row, "item") or key
        if tries < OUTBOX_TRIES:
            continue
        what = f"not published in {tries} tries: {_text(seen.row, 'last_error') or 'no reason given'}"
        place = f"outbox:{key}:{seen.row.get('epoch')}"
        yield Need(place, "outbox", "publishing", item, what, seen.age("age", now), "d timeline", item=item)


def _locks(world: World) -> Iterator[Need]:
    for cycle in cycles(world):
        yield Need(f"cycle:{'>'.join(cycle)}", "cycle", "stuck", cycle[0], f"wait for each other: {' > '.join(cycle)}", None, "5 locks")


def _settings(world: World) -> Iterator[Need]:
    problem = (world.limits.get("settings") or {}).get("problem")
    if problem:
        yield Need("settings", "settings", "parked", "settings", f"the last good ones hold, since: {problem}", None, "mend, then reload")


def _text(row: Row, name: str) -> str:
    return str(row.get(name) or "")
