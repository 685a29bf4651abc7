"""Pull requests where the remote has none of its own: rows, one per item, numbered per repository."""

from factory.domain.events import EventType, NewEvent, item_stream
from factory.domain.ids import Commit
from factory.ports import PullRequestOrder, PullRequestRef
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


def _find_or_create(cursor: Cursor, order: PullRequestOrder, url: str) -> PullRequestRef:
    bound = {
        "item": order.item,
        "repo": order.repo,
        "branch": order.branch,
        "base_branch": order.base_branch,
        "head": order.head,
        "title": order.title,
        "body": order.body,
        "url": url,
    }
    cursor.execute(query("lock_pull_request_numbers"), bound)
    row = single(cursor.execute(query("find_or_create_pull_request"), bound))
    if row["made"]:
        data = {"number": row["number"], "url": row["url"], "branch": order.branch, "head": order.head}
        events.append(cursor, [NewEvent(item_stream(order.item), EventType.PULL_REQUEST_OPENED, data)])
    return _ref(row)


def _ref(row: Row) -> PullRequestRef:
    # Nobody tells a plain git remote what becomes of a branch.
    return PullRequestRef(row["number"], row["url"], Commit(row["head"]), followed=False)
