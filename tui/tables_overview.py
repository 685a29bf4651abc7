"""The Overview: what needs a person, what runs, what waits, what is allowed, and what came of it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from tui.columns import Cell, Column, said, show_age, show_count
from tui.events import actor_of, item_of, tone_of, words_of
from tui.needs_you import Kind, Need
from tui.standing import turn
from tui.states import Patience, look
from tui.tables import Queue, Workers, priority, repo_name, tokens
from tui.world import Row, Seen, World

_WORDS: Mapping[Kind, str] = {
    "actor": "gave up", "hold": "engine held", "approval": "approval", "stuck": "stuck", "silent": "silent", "stalled": "stalled",
    "outbox": "unpublished", "cycle": "deadlock", "crashes": "crashing", "failed": "failed", "stopped": "stopped", "settings": "settings",
}  # fmt: skip


def needs_columns(*, plain: bool) -> tuple[Column[Need], ...]:
    """Entries are `Need`."""

    def kind(need: Need, _: float) -> Cell:
        shown = look(need.state)
        return Cell(shown.label(_WORDS[need.kind], plain=plain), shown.tone or "warn")

    return (
        Column("NEEDS YOU", 13, kind),
        Column("WHO", 13, lambda need, _: said(need.subject)),
        Column("WHAT", 0, lambda need, _: said(need.what)),
        Column("FOR", 4, lambda need, _: Cell(show_age(need.since)), least=50, right=True),
        Column("KEYS", 30, lambda need, _: Cell(need.hint, "dim"), least=110),
    )


def running_columns(world: World, patience: Patience, *, plain: bool) -> tuple[Column[Seen], ...]:
    """Entries are `Seen` rows of workers."""
    workers = Workers(world, patience, plain=plain)
    by_title = {column.title: column for column in workers.columns}
    return (
        Column("RUNNING", 13, lambda seen, _: said(seen.row.get("id"))),
        *(by_title[title] for title in ("STATE", "STEP", "PROGRESS")),
        Column("TOKENS", 6, lambda seen, _: Cell(show_count(seen.row.get("tokens"))), 80, right=True, order=tokens),
        by_title["WHAT"],
    )


def queue_columns(queue: Queue) -> tuple[Column[Seen], ...]:
    """Entries are `Seen` rows of items that wait."""
    by_title = {column.title: column for column in queue.columns}
    return (
        Column("QUEUE", 10, lambda seen, _: said(seen.row.get("id"))),
        Column("P", 2, lambda seen, _: Cell(priority(seen.row))),
        Column("REPO", 12, lambda seen, _: said(repo_name(seen.row.get("repo"))), least=70),
        Column("TITLE", 24, lambda seen, _: said(seen.row.get("title")), least=90),
        by_title["WHY"],
    )


def next_up(world: World) -> list[Seen]:
    """What waits: the queue in the order of its claims, then what is parked."""
    waits = (seen for seen in world.items.values() if seen.row.get("status") in {"queued", "parked"})
    return sorted(waits, key=lambda seen: (seen.row.get("status") == "parked", *turn(seen)))


def shares(room: int, least: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Lines for each part of the screen, the most important first: all get their least as far as it goes, then each what it wants."""
    given = []
    for few, many in zip(least, wanted, strict=True):
        given.append(min(few, many, room))
        room -= given[-1]
    for place, many in enumerate(wanted):
        more = min(many - given[place], room)
        given[place] += more
        room -= more
    return given


# -- limits -----------------------------------------------------------------------------------------------------------


def limits(world: World, wall: float) -> list[Cell]:
    """What is allowed now. `wall` in Unix seconds."""
    return [Cell("LIMITS", "head"), *_dispatch(world.limits), *_paused(world.limits), *_holds(world.limits, wall), *_lacking(world.about)]


def _dispatch(values: Mapping[str, Any]) -> Iterator[Cell]:
    dispatch = values.get("dispatch") or {}
    if not dispatch:
        yield Cell("not known yet", "dim")
        return
    yield Cell(f"workers {dispatch.get('active', '?')} of {dispatch.get('max_workers', '?')}")
    if dispatch.get("reason"):
        yield said(f"starts none: {dispatch.get('reason')}", "warn")


def _paused(values: Mapping[str, Any]) -> Iterator[Cell]:
    for part, pause in sorted((values.get("pause") or {}).items()):
        yield said(f"{part} paused by {pause.get('by') if isinstance(pause, dict) else pause}; :resume", "warn")


def _holds(values: Mapping[str, Any], wall: float) -> Iterator[Cell]:
    for name, hold in sorted(values.items()):
        if name.startswith("hold:") and isinstance(hold, dict):
            until = hold.get("until")
            left = None if until is None else float(until) - wall
            if left is None or left > 0:
                when = "until somebody acts" if left is None else f"for {show_age(left)}"
                yield said(f"{name.removeprefix('hold:')} held {when}: {hold.get('reason')}", "warn")


def _lacking(about: Row) -> Iterator[Cell]:
    for engine, sentence in sorted((about.get("lacking") or {}).items()):
        yield said(f"{engine}: {sentence}", "dim")


# -- the last hour ----------------------------------------------------------------------------------------------------

_BARS = "▁▂▃▄▅▆▇█"


def last_hour(view: Mapping[str, Any] | None, bars: Callable[[Sequence[float]], str] | None = None) -> list[Cell]:
    """Figures of the view `series`; None: it has not come."""
    head = Cell("LAST HOUR", "head")
    if view is None:
        return [head, Cell("not known yet", "dim")]
    totals = view.get("totals") or {}
    failed = int(totals.get("failed") or 0)
    lines = [
        head,
        Cell(f"published {totals.get('published') or 0}   failed {failed}   started {totals.get('claims') or 0}", "bad" if failed else ""),
    ]
    ended = [float(point.get("ended") or 0) for point in view.get("points") or ()]
    lines += [Cell(f"ended {(bars or spark)(ended)}")] if any(ended) else []
    lines += [Cell(f"tokens {show_count(totals.get('tokens'))}")] if totals.get("tokens") else []
    lines += [Cell(f"{word} half in {show_age(totals[f'{name}_p50'])}, nine of ten in {show_age(totals.get(f'{name}_p90'))}")
              for word, name in (("waited", "wait"), ("ran", "run")) if totals.get(f"{name}_p50") is not None]  # fmt: skip
    rate = totals.get("gate_rate")
    return [*lines, Cell(f"gates passed {rate:.0%}")] if isinstance(rate, int | float) else lines


def spark(values: Sequence[float], most: int = 24) -> str:
    """The latest values as bars of eight heights."""
    shown = list(values)[-most:]
    top = max(shown, default=0.0)
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] if top else _BARS[0] for value in shown)


# -- events -----------------------------------------------------------------------------------------------------------


def last_events(events: Iterable[Row], most: int, zone: tzinfo | None = None) -> list[Cell]:
    """The latest events, the newest first, with a head."""
    rows = list(events)[: -most - 1 : -1] if most > 0 else []
    none = [Cell("none since this terminal was opened; 6 has older ones", "dim")]
    return [Cell("EVENTS", "head"), *([event_line(row, zone) for row in rows] or none)]


def event_line(row: Row, zone: tzinfo | None = None) -> Cell:
    """`12:04:11 3f2a9c` and what happened, in words."""
    at = datetime.fromtimestamp(float(row.get("at") or 0.0), zone).strftime("%H:%M:%S")
    return said(f"{at} {item_of(row) or actor_of(row)} {words_of(row)}", tone_of(row))
