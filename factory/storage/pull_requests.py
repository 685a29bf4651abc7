"""Pull requests as rows, one per item: those of a forge, and those of remotes without one, numbered per repository."""

from factory.domain.events import EventType, NewEvent, item_stream
from factory.domain.ids import Commit
from factory.pull_request_ports import PullRequestOrder, PullRequestRef
from factory.storage import events
from factory.storage.database import Cursor, Database, Row
from factory.storage.queries import query
from factory.storage.rows import single


class PullRequestRows:
    """The adapter of `delivery_ports.PullRequestStore`. For one thread, like its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        with self._database.transaction() as cursor:
            row = cursor.execute(query("find_pull_request"), {"repo": repo, "branch": branch}).fetchone()
        return _ref(row) if row else None

    def find_or_create(self, order: PullRequestOrder, url: str) -> PullRequestRef:
        return self._database.run(lambda cursor: _find_or_create(cursor, order, url))

    def record(self, order: PullRequestOrder, ref: PullRequestRef) -> None:
        self._database.run(lambda cursor: _record(cursor, order, ref))

    def hold(self, forge: str, seconds: float) -> None:
        with self._database.transaction() as cursor:
            cursor.execute(query("hold_forge"), {"name": _limit(forge), "seconds": seconds})

    def held_for(self, forge: str) -> float:
        with self._database.transaction() as cursor:
            row = cursor.execute(query("forge_held_for"), {"name": _limit(forge)}).fetchone()
        return float(row["seconds"]) if row else 0.0


def _limit(forge: str) -> str:
    return f"forge:{forge}"


def _find_or_create(cursor: Cursor, order: PullRequestOrder, url: str) -> PullRequestRef:
    bound = _bound(order, url)
    cursor.execute(query("lock_pull_request_numbers"), bound)
    row = single(cursor.execute(query("find_or_create_pull_request"), bound))
    _tell(cursor, order, row)
    return _ref(row)


def _record(cursor: Cursor, order: PullRequestOrder, ref: PullRequestRef) -> None:
    bound = {**_bound(order, ref.url), "number": ref.number, "state": ref.state}
    cursor.execute(query("lock_pull_request_numbers"), bound)
    cursor.execute(query("make_way_for_pull_request"), bound)
    _tell(cursor, order, single(cursor.execute(query("record_pull_request"), bound)))


def _bound(order: PullRequestOrder, url: str) -> Row:
    return {
        "item": order.item,
        "repo": order.repo,
        "branch": order.branch,
        "base_branch": order.base_branch,
        "head": order.head,
        "title": order.title,
        "body": order.body,
        "url": url,
    }


def _tell(cursor: Cursor, order: PullRequestOrder, row: Row) -> None:
    if row["made"]:
        data = {"number": row["number"], "url": row["url"], "branch": order.branch, "head": order.head}
        events.append(cursor, [NewEvent(item_stream(order.item), EventType.PULL_REQUEST_OPENED, data)])


def _ref(row: Row) -> PullRequestRef:
    # Nobody tells a plain git remote what becomes of a branch.
    return PullRequestRef(row["number"], row["url"], Commit(row["head"]), followed=False, state=row["state"])
