"""Pull requests for remotes without a forge: the adapter of `ports.PullRequests` over a table of our own."""

import threading

from factory.delivery_ports import PullRequestStore
from factory.integrations.git_errors import plain
from factory.pull_request_ports import PullRequestOrder, PullRequestRef


class LocalPullRequests:
    """Find-or-create of rows; what becomes of them cannot be followed.

    Args:
        store: used by one thread at a time only, whichever it is.
    """

    def __init__(self, store: PullRequestStore) -> None:
        self._store = store
        self._turn = threading.Lock()

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        with self._turn:
            return self._store.find(repo, branch)

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        with self._turn:
            return self._store.find_or_create(order, f"{plain(order.repo)}#{order.branch}")
