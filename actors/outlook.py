"""The views of dashboards: the trail, series over a time, what needs a person, approvals, an item's timeline."""

from collections.abc import Callable
from typing import Any

from factory.domain.delivery import digest
from factory.domain.events import item_stream
from factory.domain.timeline import in_words, kind_of
from factory.errors import InvalidInput
from factory.protocol.commands import Query
from factory.protocol.supervisor_mail import Tree
from factory.view_ports import OutlookStore, Trail, ViewStore

WINDOWS = {"1h": 3_600.0, "6h": 21_600.0, "24h": 86_400.0, "7d": 604_800.0}
"""In seconds."""

_URGENCY = ("crashed", "login", "credits", "approval", "outbox", "stuck", "failed")
"""What stops most stands first."""

_KINDS = {"needs_approval": "approval", "stuck": "stuck", "failed": "failed"}

_MENDS = {
    "approval": "look at the result, then approve or reject it",
    "stuck": "look at what it says, mend it, then retry",
    "failed": "look at why, then retry or cancel",
    "login": "log the engine in on this machine, then `factory resume`",
    "credits": "pay or raise the limit, then `factory resume`",
    "outbox": "mend what is in the way of the pull request; it is tried again by itself",
    "crashed": "look at the log, then start it again: `factory actor start NAME`",
}

_DOWN = frozenset({"gave up"})
"""States of a process that nobody starts again by himself."""


class Outlook:
    """One method per view. `resolve` finds the one item that an id's beginning means."""

    def __init__(self, store: OutlookStore, views: ViewStore, trail: Trail, tree: Callable[[], Tree | None]) -> None:
        self._store, self._views, self._trail, self._tree = store, views, trail, tree

    def view(self, query: Query, resolve: Callable[[str], str]) -> dict[str, Any]:
        """Raises `InvalidInput` for a window or a place that is none."""
        match query.what:
            case "trail":
                stream = item_stream(resolve(query.target)) if query.target else None
                return self._store.trail(query.since, query.place, stream, query.limit)
            case "series":
                return self._series(query.target or "24h")
            case "needs":
                return {"needs": self._needs()}
            case "approvals":
                return {"approvals": [self._approval(row) for row in self._store.approvals()]}
            case "issues":
                return self._store.issues(query.limit)
            case "issue":
                return {"issue": self._store.issue(query.target)}
            case _:
                return {"timeline": self._timeline(resolve(query.target), query)}

    def _series(self, window: str) -> dict[str, Any]:
        if window not in WINDOWS:
            raise InvalidInput(f"there is no window {window[:20]!r}; there are {', '.join(WINDOWS)}")
        return {"window": window, **self._store.series(WINDOWS[window])}

    def _needs(self) -> list[dict[str, Any]]:
        waiting = self._store.needs()
        rows = [
            *(_need(_KINDS[row["status"]], row) for row in waiting["items"]),
            *(_need("outbox", row) for row in waiting["outbox"]),
            *(_need(row["kind"], {**row, "item": "", "title": f"engine {row['engine']}", "repo": ""}) for row in waiting["holds"]),
            *self._crashed(),
        ]
        return sorted(rows, key=lambda row: (_rank(row["kind"]), row["since"] or 0.0, row["item"]))

    def _crashed(self) -> list[dict[str, Any]]:
        tree = self._tree()
        nodes = [node for node in tree.nodes if node.state in _DOWN and not node.stopped_by] if tree else []
        return [_need("crashed", {"item": "", "title": node.name, "repo": "", "reason": node.reason, "since": None}) for node in nodes]

    def _approval(self, row: dict[str, Any]) -> dict[str, Any]:
        base, commit = row.pop("base_commit"), row.pop("head_commit")
        gates = [gate for gate in self._views.gates(row["id"]) if gate["epoch"] == row["epoch"]]
        told = {"base": base, "commit": commit, "digest": digest(base, commit) if base and commit else ""}
        return {**row, **told, "gates": gates}

    def _timeline(self, item: str, query: Query) -> list[dict[str, Any]]:
        rows = self._trail.stream(item_stream(item), query.offset, min(query.limit, 1_000))
        return [
            {"seq": row.seq, "at": row.micros / 1e6, "kind": kind_of(row.type, row.data), "epoch": row.epoch, "type": row.type,
             "text": in_words(row.type, row.data), "data": row.data}
            for row in rows
        ]  # fmt: skip


def _need(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    told = {name: row.get(name) for name in ("item", "title", "repo", "since", "reason")}
    return {**told, "kind": kind, "mend": _MENDS.get(kind, "")}


def _rank(kind: str) -> int:
    return _URGENCY.index(kind) if kind in _URGENCY else len(_URGENCY)
