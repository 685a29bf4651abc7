"""The views that operators ask for: read from the store, shaped for people and programs alike. Changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from actors.attempt_log import log_path
from actors.outlook import Outlook
from factory.domain.delivery import digest
from factory.domain.events import item_stream
from factory.domain.ids import ItemId, branch_of
from factory.domain.learning import MOST_FOUND, QUESTION_CHARACTERS, merged
from factory.domain.work_item import Status
from factory.protocol.commands import Query, Reply
from factory.protocol.learner_mail import Found, Search
from factory.protocol.mailbox import Lease, Refused, Tree, Unavailable
from factory.protocol.result_mail import ShownResult, ShowResult
from factory.tree_view import view_of
from factory.view_ports import OutlookStore, Trail, ViewStore

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
    max_attempts: int = 3
    """Attempts that may be held against an item."""
    pid: int | None = None
    """Of the root: SIGTERM stops the factory, SIGHUP has it read its settings again."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Engine → what keeps this factory from working with it, one sentence with what mends it."""
    data: Path = Path()
    heartbeat: float = 5.0
    """H in seconds."""
    stalled_after: float = 300.0
    """Seconds without progress after which a worker is shown as stalled."""
    max_workers: int = 0
    listen: str = ""
    """Where operators from elsewhere are heard; empty where they are not."""
    worker_listen: str = ""
    """Where remote workers are heard; empty where there are none."""


class Unknown(Exception):
    """No item, or more than one, has an id that begins so; or a repository is not named clearly."""


class Away(Exception):
    """An actor that knows the answer does not give it now."""


class Declines(Exception):
    """An actor that knows says that there is no answer, now or later."""


class Answers:
    """One method per view."""

    def __init__(
        self, views: ViewStore, trail: Trail, about: About, uptime: Callable[[], float], tree: Callable[[], Tree | None],
        *, search: Callable[[Search], Found | None] = lambda _: None, read: Callable[[ShowResult], object | None] = lambda _: None,
        outlook: OutlookStore | None = None,
    ) -> None:  # fmt: skip
        self._views, self._trail, self._about, self._uptime, self._tree = views, trail, about, uptime, tree
        self._search, self._read = search, read
        self._outlook = Outlook(outlook, views, trail, tree) if outlook else None

    def answer(self, query: Query) -> Reply:
        """The view that was asked for."""
        try:
            return Reply("ok", data={"schema": SCHEMA, **self._view(query)})
        except Unknown as unknown:
            return Reply("not_found", str(unknown))
        except Away as away:
            return Reply("unavailable", str(away))
        except Declines as declined:
            return Reply("refused", str(declined))

    def about(self, stopping: str = "") -> dict[str, Any]:
        """What the factory says of itself, JSON-ready."""
        about = self._about
        told = {field.name: getattr(about, field.name) for field in fields(about) if field.name != "logs"}
        return {**told, "data": str(about.data), "lacking": dict(about.lacking), "uptime": self._uptime(), "stopping": stopping}

    @property
    def takes_hosts(self) -> bool:
        """Whether workers may run on other machines."""
        return bool(self._about.worker_listen)

    def tree(self) -> Tree | None:
        """The processes; None where the root does not say now."""
        return self._tree()

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
            case "limits" | "locks" | "hosts":
                return {query.what: getattr(self._views, query.what)()}
            case "stats" | "learnings":
                return self._stats() if query.what == "stats" else self._learnings(query)
            case "tree":
                tree = self._tree()
                return view_of(tree) if tree else {"tree": [], "stopping": ""}
            case "log" | "diff":
                item = self.resolve(query.target)
                return self._log(item, query) if query.what == "log" else self._diff(item, query)
            case _ if self._outlook is not None:
                return self._outlook.view(query, self.resolve)
        raise Away(f"{query.what} is not to be had now")

    def _status(self) -> dict[str, Any]:
        about = self._about
        summary, tree = self._views.summary(), self._tree()
        stopped = [{"name": node.name, "by": node.stopped_by} for node in tree.nodes if node.stopped_by] if tree else []
        return {
            "instance": about.instance, "version": about.version, "uptime": self._uptime(), "isolation": about.isolation,
            "only": about.only, "pid": about.pid, "max_attempts": about.max_attempts, "lacking": dict(about.lacking),
            "workers": self._views.workers(), "dispatch": summary["limits"].get("dispatch", {}),
            "stopped": stopped, "stopping": tree.stopping if tree else "", **summary,
        }  # fmt: skip

    def _item(self, item: str) -> dict[str, Any]:
        row = self._views.items([item])[0]
        requests = self._views.pull_requests(item)
        return {
            "item": {**row, **self._views.texts(item), "branch": branch_of(ItemId(item))},
            "attempts": self._views.attempts(item),
            "gates": self._views.gates(item),
            "max_attempts": self._about.max_attempts,
            "pull_request": requests[0] if requests else None,
        }

    def _diff(self, item: str, query: Query) -> dict[str, Any]:
        """A page of what a result changes. Raises `Unknown`, and `Away` while delivery reads it: to be asked again."""
        row = self._views.result(item, query.epoch)
        if not row:
            raise Unknown(f"attempt {query.epoch} of {item} left no result" if query.epoch else f"{item} has no result yet")
        base, commit = row["base_commit"], row["head_commit"]
        source = (Lease(item, row["epoch"]), row["repo"], row["base_branch"], row["bundle"])
        shown = self._read(ShowResult(*source, base, commit, query.text == "commits", query.offset))
        if isinstance(shown, Refused):
            raise Unknown(shown.reason) if shown.code == "not_found" else Declines(shown.reason)
        if not isinstance(shown, ShownResult):
            raise Away(shown.reason if isinstance(shown, Unavailable) else "delivery does not answer at the moment; ask again")
        approvable = row["status"] == Status.NEEDS_APPROVAL and row["epoch"] == row["item_epoch"]
        page = {name: value for name, value in msgspec.to_builtins(shown).items() if name != "t"}
        told = {"item": item, "epoch": row["epoch"], "base": base, "commit": commit, "digest": digest(base, commit)}
        return {**told, "approvable": approvable, **page, "offset": query.offset, "next": query.offset + len(shown.patch)}

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
            return {"learnings": merged(self._views.learnings(repo, query.limit))}
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
        if query.epoch and query.epoch not in {row["epoch"] for row in attempts}:
            raise Unknown(f"{item} has no attempt {query.epoch}; `factory show {item}` lists those there are")
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
