"""The rows that observers are shown beside items and events: by kind, each with the id that deltas name it by."""

from collections.abc import Mapping
from typing import Any, Protocol

from factory.protocol.feed import Snapshot
from factory.protocol.supervisor_mail import Child, Tree
from factory.tree_view import resident
from factory.view_ports import ViewStore

Rows = dict[str, dict[str, Any]]

ABOUT = "about"


class Tells(Protocol):
    """What the factory says of itself (`answers.Answers`)."""

    def about(self, stopping: str) -> dict[str, Any]: ...
    def tree(self) -> Tree | None:
        """The processes; None where the root does not say now."""
        ...


class FeedRows:
    """Reads them. The processes are those of the last look: whoever asks for a snapshot must not wait for the root."""

    def __init__(self, views: ViewStore, tells: Tells) -> None:
        self._views, self._tells = views, tells
        self._nodes: Rows = {}
        self._stopping = ""

    def look(self) -> dict[str, Mapping[str, Any]]:
        """Kind → id → row, as they are now."""
        tree = self._tells.tree()
        if tree is not None:
            self._nodes, self._stopping = _nodes(tree), tree.stopping
        return {
            "worker": _by_id(self._views.workers()),
            "limit": self._views.limits(),
            "lock": _by_id(self._views.locks()),
            "pull_request": _by_id(self._views.pull_requests()),
            "outbox": _by_id(self._views.outbox()),
            "node": self._nodes,
            ABOUT: {ABOUT: self._about()},
        }

    def snapshot(self) -> Snapshot:
        """Everything; boot, number and time are the feed's to fill in."""
        views = self._views
        return Snapshot(
            "", 0, views.items(), views.workers(), views.limits(), views.locks(), views.pull_requests(), views.outbox(),
            list(self._nodes.values()), self._about(),
        )  # fmt: skip

    def _about(self) -> dict[str, Any]:
        return {"id": ABOUT, **self._tells.about(self._stopping)}


def _by_id(rows: list[dict[str, Any]]) -> Rows:
    return {row["id"]: row for row in rows}


def _nodes(tree: Tree) -> Rows:
    return {node.name: _node(node) for node in tree.nodes}


def _node(node: Child) -> dict[str, Any]:
    told = {name: getattr(node, name) for name in node.__struct_fields__}
    return {"id": node.name, **told, "rss": resident(node.pid), "private": None}
