"""The supervision tree: levels, and the processes in them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from factory.domain.supervision import Level
from tui.columns import Cell, Column, said, show_age, show_bytes
from tui.states import Tone
from tui.tables import state_cell
from tui.world import Seen, World

_FULL_INBOX = 100
"""Messages that wait; an actor that keeps up has a handful."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the tree: a level (`seen` is None), or a process in one.

    Attributes:
        last: nothing of the same level comes below it.
        children: processes of a level, empty for a process.
        item: what a worker's actor is about.
    """

    level: str
    seen: Seen | None = None
    last: bool = False
    children: Sequence[Seen] = ()
    item: Seen | None = None

    @property
    def name(self) -> str:
        return str(self.seen.row.get("name") or "") if self.seen else self.level


def branches(world: World) -> list[tuple[str, Branch]]:
    """The lines with their keys, levels in the order in which they start. A level without processes is left out, but for the workers'."""
    by_level: dict[str, list[Seen]] = {level: [] for level in Level}
    for seen in world.nodes.values():
        by_level.setdefault(str(seen.row.get("level") or "other"), []).append(seen)
    lines: list[tuple[str, Branch]] = []
    for level, children in by_level.items() if world.nodes else ():
        lines.append((f"level {level}", Branch(level, children=children)))
        lines += [(_key(seen), Branch(level, seen, seen is children[-1], item=_item(world, seen))) for seen in children]
    return lines


def _key(seen: Seen) -> str:
    return f"node {seen.row.get('name')}"


def _item(world: World, seen: Seen) -> Seen | None:
    worker = world.workers.get(str(seen.row.get("name") or "").removeprefix("worker-"))
    return world.items.get(str(worker.row.get("item"))) if worker else None


class Tree:
    """Entries are `Branch`."""

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self.columns: tuple[Column[Branch], ...] = (
            Column("PROCESS", 24, self._name),
            Column("STATE", 13, self._state),
            Column("RESTARTS", 8, _restarts, least=60, right=True),
            Column("INBOX", 5, _inbox, least=60, right=True),
            Column("UP", 4, _uptime, least=70, right=True),
            Column("MEMORY", 6, _memory, least=80, right=True),
            Column("PID", 8, lambda branch, _: Cell(_text(branch, "pid")), least=100, right=True),
            Column("LAST END", 0, _last_end),
        )

    def _name(self, branch: Branch, _: float) -> Cell:
        if branch.seen is None:
            return said(branch.level, "head")
        lead = ("`- " if branch.last else "|- ") if self._plain else ("└─ " if branch.last else "├─ ")
        return said(lead + branch.name)

    def _state(self, branch: Branch, _: float) -> Cell:
        if branch.seen is not None:
            return state_cell(_text(branch, "state"), plain=self._plain)
        up = sum(child.row.get("state") == "running" for child in branch.children)
        return Cell(f"{up} of {len(branch.children)} up", "" if up == len(branch.children) else "warn")

    def fields(self, branch: Branch) -> Mapping[str, str]:
        """What a query looks at; a level is found by its name alone."""
        return {"actor": branch.name, "state": _text(branch, "state"), "id": branch.name, "item": _item_id(branch)}


def told(branch: Branch | None) -> list[Cell]:
    """The lines below the table: what is known of the process under the cursor."""
    if branch is None:
        return []
    if branch.seen is None:
        return [said(f"level {branch.level}: {len(branch.children)} processes", "head"), *_worst(branch.children)]
    row = branch.seen.row
    lines = [said(f"{branch.name}: {row.get('state')}, process {row.get('pid') or 'none'}", "head")]
    lines += [said(f"stopped by {row.get('stopped_by')}; ^k starts it again", "warn")] if row.get("stopped_by") else []
    lines += [said(f"last end: {row.get('reason')}", "bad")] if row.get("reason") else [Cell("it never ended by itself", "dim")]
    lines += [said(f"{row.get('dropped')} messages dropped that it did not understand", "warn")] if row.get("dropped") else []
    lines += [Cell(f"memory: {show_bytes(row.get('rss'))}, most of it shared with the others; `factory tree` counts its own")]
    lines += [said(f"works on {_item_id(branch)}  {branch.item.row.get('title')}")] if branch.item else []
    return lines


def _worst(children: Sequence[Seen]) -> list[Cell]:
    down = [child for child in children if child.row.get("state") != "running"]
    return [
        said(f"{child.row.get('name')} is {child.row.get('state')}: {child.row.get('reason') or 'no reason given'}", "warn")
        for child in down
    ]


def _item_id(branch: Branch) -> str:
    return str(branch.item.row.get("id") or "") if branch.item else ""


def _restarts(branch: Branch, _: float) -> Cell:
    number = _number(branch, "restarts")
    return Cell(str(number), "warn" if number else "dim")


def _inbox(branch: Branch, _: float) -> Cell:
    if branch.seen is None:
        return Cell(str(_number(branch, "inbox")))
    depth = branch.seen.row.get("inbox")
    return Cell("" if depth is None else str(depth), "warn" if isinstance(depth, int) and depth >= _FULL_INBOX else "")


def _uptime(branch: Branch, now: float) -> Cell:
    running = branch.seen is not None and branch.seen.row.get("state") == "running"
    return Cell(show_age(branch.seen.age("uptime", now)) if branch.seen and running else "")


def _memory(branch: Branch, _: float) -> Cell:
    number = _number(branch, "rss") if branch.seen else 0
    return Cell(show_bytes(number) if number else "")


def _last_end(branch: Branch, _: float) -> Cell:
    if branch.seen is None:
        return Cell("")
    stopped, reason = _text(branch, "stopped_by"), _text(branch, "reason")
    tone: Tone = "bad" if _text(branch, "state") == "gave up" else "dim"
    return said(f"stopped by {stopped}", "warn") if stopped else said(reason or (branch.item.row.get("title") if branch.item else ""), tone)


def _number(branch: Branch, name: str) -> int:
    """Of a process, or of all of a level."""
    rows = [branch.seen] if branch.seen else branch.children
    return sum(int(seen.row.get(name) or 0) for seen in rows)


def _text(branch: Branch, name: str) -> str:
    value = branch.seen.row.get(name) if branch.seen else None
    return "" if value is None else str(value)
