"""Who waits for whose file: from parked items and the locks that there are. Pure.

Locks are granted all or none and an item that waits holds none, so a circle is a fault of the factory. It is looked for all the same:
two who wait for each other would wait for ever.
"""

from collections.abc import Iterator, Mapping, Sequence

from tui.world import Row, Seen, World

_CONDITION, _TOLD = "locks:", "locked: "

Waiters = Mapping[tuple[str, str], Sequence[Seen]]
"""(repository, `file: worker` as a reason names it) → who waits for it, the most urgent first."""


def waiters(world: World) -> Waiters:
    """Who waits for files. A reason names the first five files that were in the way; a file that is not named is not known here."""
    found: dict[tuple[str, str], list[Seen]] = {}
    for seen in sorted((seen for seen in world.items.values() if seen.row.get("status") == "parked"), key=_turn):
        for place in _waits_for(seen.row):
            found.setdefault(place, []).append(seen)
    return found


def waiting_for(lock: Row, found: Waiters) -> Sequence[Seen]:
    """Who waits for this lock."""
    return found.get((str(lock.get("repo")), f"{lock.get('file_path')}: {lock.get('worker_id')}"), ())


def cycles(world: World) -> list[tuple[str, ...]]:
    """Circles of items that wait for each other: each once, from its smallest id on and back to it."""
    graph = _graph(world)
    return sorted({circle for start in graph if (circle := _circle(graph, start))})


def _turn(seen: Seen) -> tuple[int, float, str]:
    return int(seen.row.get("priority") or 0), -float(seen.row.get("age") or 0), str(seen.row.get("id"))


def _waits_for(row: Row) -> Iterator[tuple[str, str]]:
    condition, reason = str(row.get("condition") or ""), str(row.get("reason") or "")
    if condition.startswith(_CONDITION) and reason.startswith(_TOLD):
        repo = condition.removeprefix(_CONDITION)
        yield from ((repo, told) for told in reason.removeprefix(_TOLD).split(", "))


def _graph(world: World) -> Mapping[str, Sequence[str]]:
    """Item → items whose files it waits for."""
    found = waiters(world) if world.locks else {}
    graph: dict[str, list[str]] = {}
    for lock in (seen.row for seen in world.locks.values()) if found else ():
        for seen in waiting_for(lock, found):
            graph.setdefault(str(seen.row.get("id")), []).append(str(lock.get("item") or ""))
    return graph


def _circle(graph: Mapping[str, Sequence[str]], start: str) -> tuple[str, ...]:
    """The shortest way from an item back to itself; empty where there is none, or where a smaller one of the circle tells it."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    while ways:
        way = ways.pop(0)
        for following in graph.get(way[-1], ()):
            if following == start:
                return (*way, start) if start == min(way) else ()
            if following not in seen:
                seen.add(following)
                ways.append((*way, following))
    return ()
