"""The one line at the top of every screen: link, needs you, running, queue, money. Pure."""

from collections.abc import Sequence
from typing import Any

from factory.domain.clean import width
from tui.columns import GAP, Cell, show_age, show_count
from tui.world import World

_BUSY = {"assigned", "running", "publishing"}


def headline(world: World, *, live: bool, needs: int, now: float, note: str = "") -> list[Cell]:
    """The parts in the order in which they are kept where the line is too short.

    Args:
        needs: how many things wait for a person.
        note: what else holds for the whole terminal: `read-only`, `PAUSED 38s behind`, `REPLAY 11:40:02`. It stands right after the link,
            since it changes what everything after it means.
    """
    counts = _counts(world)
    running = sum(counts.get(status, 0) for status in _BUSY)
    limits = world.limits
    parts = [_link(world, live=live, now=now), *([Cell(note, "warn")] if note else []), Cell(f"needs you {needs}", "warn" if needs else "")]
    parts += [Cell(text, "warn") for text in _paused(limits)]
    parts += [Cell(f"run {running}/{_most(limits)}", "busy" if running else ""), Cell(f"queue {counts.get('queued', 0)}")]
    parts += [Cell(f"parked {counts['parked']}", "warn")] if counts.get("parked") else []
    tokens = sum(int(seen.row.get("tokens") or 0) for seen in world.workers.values())
    parts += [Cell(f"{show_count(tokens)} tok")] if tokens else []
    return parts


def fitted(parts: Sequence[Cell], columns: int) -> list[Cell]:
    """As many of the parts, from the left, as fit."""
    kept: list[Cell] = []
    room = columns + 3 * GAP
    for part in parts:
        room -= width(part.text) + 3 * GAP
        if room < 0 and kept:
            break
        kept.append(part)
    return kept


def _link(world: World, *, live: bool, now: float) -> Cell:
    if live:
        return Cell("● live", "good")
    if world.heard_at is None:
        return Cell("✖ NOT CONNECTED", "bad")
    return Cell(f"✖ DISCONNECTED {show_age(now - world.heard_at)}", "bad")


def _counts(world: World) -> dict[str, int]:
    counts: dict[str, int] = {}
    for seen in world.items.values():
        status = str(seen.row.get("status"))
        counts[status] = counts.get(status, 0) + 1
    return counts


def _most(limits: dict[str, Any]) -> str:
    most = (limits.get("dispatch") or {}).get("max_workers")
    return "?" if most is None else str(most)


def _paused(limits: dict[str, Any]) -> list[str]:
    return [f"{part} paused" for part in sorted(limits.get("pause") or {})]
