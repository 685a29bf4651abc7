"""Pull requests of GitHub: the adapter of `ports.PullRequests` over its API.

    find-or-create:  look up (in all states) ─► create ─► 422 "already exists"? look up again ─► bring up to date ─► record

An answer may be lost after its effect, so nothing is created without a look for it before; and where a look shows an older state,
GitHub's own rule of one open pull request per branch refuses the second one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import github
from github.PullRequest import PullRequest
from github.Repository import Repository

from factory.delivery_ports import PullRequestStore
from factory.domain import forge
from factory.domain.ids import Commit
from factory.domain.pull_request import is_marked, marker
from factory.errors import ForgeRefused, ForgeUnavailable
from factory.integrations.github_caller import Caller
from factory.integrations.github_errors import told
from factory.integrations.github_token import Mint
from factory.ports import Clock
from factory.pull_request_ports import PullRequestOrder, PullRequestRef, PullRequestState

_MAX_LOOKED_AT = 100
"""A branch of an item has one pull request, or the few that a person made; a server that ignores the filter lists all there are."""
_EXISTS = "already exists"
_UNPROCESSABLE = 422

T = TypeVar("T")


class GitHubPullRequests:
    """May be used by several threads; calls go out one after another, as GitHub asks for.

    Args:
        place: which GitHub.
        mint: tokens for it.
        store: where pull requests are noted for the factory's own views; used by one thread at a time.
        follows: whether somebody looks at what becomes of them.
        labels: for each of them, beside what it has.
    """

    def __init__(
        self,
        place: forge.GitHub,
        mint: Mint,
        store: PullRequestStore,
        clock: Clock,
        *,
        follows: bool = False,
        labels: Sequence[str] = (),
    ) -> None:
        self._place, self._store = place, store
        self._follows, self._labels = follows, tuple(labels)
        # Where one job had no end, each further one would wait with a thread that fetches and pushes of other repositories need.
        self._caller = Caller(place, mint, store, clock, rests=True)

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        found = self._ask(repo, lambda there: _of_branch(there, branch))
        return self._marked(_ref(found)) if found else None

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        ref = self._marked(self._ask(order.repo, lambda there: _opened(there, order, self._labels)))
        with self._caller.turn:
            self._store.record(order, ref)
        return ref

    def _marked(self, ref: PullRequestRef) -> PullRequestRef:
        return replace(ref, followed=self._follows)

    def _ask(self, repo: str, job: Callable[[Repository], T]) -> T:
        return self.call(repo, lambda client, slug: job(client.get_repo(slug)))

    def call(self, repo: str, job: Callable[[github.Github, str], T]) -> T:
        """Carries the job out, in turn with all others; once more with another token where the first one is refused.

        Args:
            job: gets the client and `owner/name`; must be repeatable.
        """
        slug = self._place.slug(repo)
        if slug is None:
            raise ForgeRefused(f"{repo} is no repository of {self._place.web}.")
        return self._caller.ask(slug, lambda client: job(client, slug))


def _opened(there: Repository, order: PullRequestOrder, labels: Sequence[str]) -> PullRequestRef:
    found = _of_branch(there, order.branch) or _created(there, order)
    ref = _ref(found)
    if ref.head != order.head:
        _disagree(ref, order)
    if ref.state == "open" and not is_marked(found.body or "", order.item, order.head):
        found.edit(title=order.title, body=_body(found.body or "", order))
    if ref.state == "open" and (missing := [name for name in labels if name not in {label.name for label in found.labels}]):
        found.add_to_labels(*missing)
    return ref


def _created(there: Repository, order: PullRequestOrder) -> PullRequest:
    try:
        return there.create_pull(base=order.base_branch, head=order.branch, title=order.title, body=order.body)
    except github.GithubException as error:
        if error.status != _UNPROCESSABLE or _EXISTS not in told(error.data):
            raise
    found = _of_branch(there, order.branch)
    if found is None:
        raise ForgeUnavailable(f"GitHub has a pull request of {order.branch} and does not show it yet.")
    return found


def _of_branch(there: Repository, branch: str) -> PullRequest | None:
    """The pull request of a branch of the repository itself, closed ones too: one that can still be merged, else the newest."""
    # By the name that GitHub has for it today: after a rename or a move the filter finds nothing by the old one.
    listed = there.get_pulls(state="all", head=f"{there.owner.login}:{branch}")
    # Who does not know the filter sends all there are, and a fork may have a branch of the same name.
    of_branch = [one for one in islice(listed, _MAX_LOOKED_AT) if _is_of(one, there, branch)]
    return max(of_branch, key=lambda one: (one.state == "open", one.number), default=None)


def _is_of(one: PullRequest, there: Repository, branch: str) -> bool:
    # None where the fork that it came from was deleted.
    repo = getattr(one.head, "repo", None)
    return one.head.ref == branch and repo is not None and repo.id == there.id


def _ref(found: PullRequest) -> PullRequestRef:
    return PullRequestRef(found.number, found.html_url, Commit(found.head.sha), followed=False, state=_state(found))


def _state(found: PullRequest) -> PullRequestState:
    if found.state == "open":
        return "open"
    return "merged" if found.merged_at is not None else "closed"


def _disagree(ref: PullRequestRef, order: PullRequestOrder) -> None:
    if ref.state != "open":
        raise ForgeRefused(f"{ref.url} of an earlier result is {ref.state}, and an item has one pull request only.")
    raise ForgeUnavailable(f"{ref.url} is at {ref.head[:12]}, not yet at the pushed {order.head[:12]}.")


def _body(there: str, order: PullRequestOrder) -> str:
    """What a person wrote stays, where they opened it; what the factory wrote is replaced."""
    return order.body if marker(order.item) in there or not there.strip() else f"{there.rstrip()}\n\n{order.body}"
