"""The views that operators ask for: read from the store, shaped for people and programs alike. Changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from actors.attempt_log import log_path
from factory.domain.events import item_stream
from factory.domain.ids import ItemId, branch_of
from factory.domain.learning import MOST_FOUND, QUESTION_CHARACTERS
from factory.ports import Trail, ViewStore
from factory.protocol.commands import Query, Reply
from factory.protocol.learner_mail import Found, Search
from factory.protocol.mailbox import Tree

LOG_CHUNK = 262_144
"""Bytes of a log in one answer: four of them fit into a frame even where each byte needs two."""

SCHEMA = 1
"""Of all views; raised when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class About:
    """What the factory says of itself."""

    instance: str
    version: str
    isolation: str
    logs: Path
    only: str | None = None
    """The one item that this factory works on."""


class Unknown(Exception):
    """No item, or more than one, has an id that begins so; or a repository is not named clearly."""


class Away(Exception):
    """An actor that knows the answer does not give it now."""


class Answers:
    """One method per view."""

    def __init__(
        self, views: ViewStore, trail: Trail, about: About, uptime: Callable[[], float], tree: Callable[[], Tree | None],
        *, search: Callable[[Search], Found | None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._views, self._trail, self._about, self._uptime, self._tree = views, trail, about, uptime, tree
        self._search = search

    def answer(self, query: Query) -> Reply:
        """The view that was asked for."""
        try:
            return Reply("ok", data={"schema": SCHEMA, **self._view(query)})
        except Unknown as unknown:
            return Reply("not_found", str(unknown))
        except Away as away:
            return Reply("unavailable", str(away))

    def resolve(self, prefix: str) -> str:
        """The one item whose id begins so. Raises `Unknown`."""
        found = self._views.find(prefix) if prefix else []
        if not found:
            raise Unknown(f"there is no item {prefix[:40]!r}; `factory queue --all` lists them")
        if len(found) > 1 and prefix not in found:
            raise Unknown(f"more than one item begins with {prefix!r}")
        return prefix if prefix in found else found[0]

    def _view(self, query: Query) -> dict[str, Any]:
        match query.what:
            case "status":
                return self._status()
            case "queue":
                return {"items": self._views.items(only_open=True, limit=query.limit)}
            case "items":
                return {"items": self._views.items(limit=query.limit)}
            case "workers":
                return {"workers": self._views.workers()}
            case "item":
                return self._item(self.resolve(query.target))
            case "events":
                return self._events(self.resolve(query.target), query)
            case "pull_requests":
                return {"pull_requests": self._views.pull_requests()}
            case "limits":
                return {"limits": self._views.limits()}
            case "locks":
                return {"locks": self._views.locks()}
            case "stats" | "learnings":
                return self._stats() if query.what == "stats" else self._learnings(query)
            case "tree":
                tree = self._tree()
                return {"tree": msgspec.to_builtins(tree.nodes) if tree else []}
            case "log":
                return self._log(self.resolve(query.target), query)

    def _status(self) -> dict[str, Any]:
        about = self._about
        summary = self._views.summary()
        return {
            "instance": about.instance, "version": about.version, "uptime": self._uptime(), "isolation": about.isolation,
            "only": about.only, "workers": self._views.workers(), "dispatch": summary["limits"].get("dispatch", {}), **summary,
        }  # fmt: skip

    def _item(self, item: str) -> dict[str, Any]:
        row = self._views.items([item])[0]
        requests = self._views.pull_requests(item)
        return {
            "item": {**row, **self._views.texts(item), "branch": branch_of(ItemId(item))},
            "attempts": self._views.attempts(item),
            "pull_request": requests[0] if requests else None,
        }

    def _events(self, item: str, query: Query) -> dict[str, Any]:
        rows = self._trail.stream(item_stream(item), query.offset, query.limit)
        return {
            "events": [{"seq": row.seq, "at": row.micros / 1e6, "type": row.type, "epoch": row.epoch, "data": row.data} for row in rows]
        }

    def _stats(self) -> dict[str, Any]:
        total, *repos = (_rated(row) for row in self._views.metrics())
        return {"total": total, "repos": repos}

    def _learnings(self, query: Query) -> dict[str, Any]:
        repo = self._learning_repo(query.target)
        if not query.text:
            return {"learnings": self._views.learnings(repo, query.limit)}
        found = self._search(Search(repo, query.text[:QUESTION_CHARACTERS], min(query.limit, MOST_FOUND)))
        if found is None:
            raise Away("the learner does not answer at the moment; without --search learnings are listed")
        return {"model": found.model, "learnings": msgspec.to_builtins(found.learnings)}

    def _learning_repo(self, named: str) -> str:
        """The one repository that is meant. Raises `Unknown`."""
        known = self._views.learning_repos(named.rstrip("/").removesuffix(".git")) if named else []
        if not named or named in known or not known:
            return named
        if len(known) > 1:
            raise Unknown(f"{named!r} may be {' or '.join(known[:3])}")
        return known[0]

    def _log(self, item: str, query: Query) -> dict[str, Any]:
        attempts = self._views.attempts(item)
        epoch = query.epoch or (attempts[-1]["epoch"] if attempts else 0)
        ended = any(row["epoch"] == epoch and row["ended_at"] is not None for row in attempts)
        offset = max(query.offset, 0)
        data, size = _chunk(log_path(self._about.logs, item, epoch), offset, whole=ended)
        return {"epoch": epoch, "offset": offset, "next": offset + len(data), "size": size,
                "data": data.decode(errors="replace"), "ended": ended}  # fmt: skip


def _rated(row: dict[str, Any]) -> dict[str, Any]:
    """With the share of attempts that came to a published result; none where nothing was tried."""
    return {**row, "success_rate": round(row["published"] / row["attempts"], 4) if row["attempts"] else None}


def _chunk(path: Path, offset: int, *, whole: bool) -> tuple[bytes, int]:
    """A piece of a log and the log's size. `whole`: nothing more comes, so a broken character at the end is part of it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(min(offset, size))
            data = file.read(LOG_CHUNK)
            return data if whole and offset + len(data) >= size else _whole_characters(data), size
    except FileNotFoundError:
        return b"", 0


def _whole_characters(data: bytes) -> bytes:
    """Cut before a character of several bytes that the end of the chunk would split; the next chunk begins with it."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:  # noqa: PLR2004 - the ASCII range
            return data
        if byte >= 0xC0:  # noqa: PLR2004 - the first byte of a character
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)  # noqa: PLR2004
            return data if length <= back else data[:-back]
    return data
