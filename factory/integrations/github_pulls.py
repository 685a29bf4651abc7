"""Pull requests of GitHub: the adapter of `ports.PullRequests` over its API.

    find-or-create:  look up (in all states) ─► create ─► 422 "already exists"? look up again ─► bring up to date ─► record

An answer may be lost after its effect, so nothing is created without a look for it before; and where a look shows an older state,
GitHub's own rule of one open pull request per branch refuses the second one.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from typing import TypeVar

import github
import requests
from github.PullRequest import PullRequest
from github.Repository import Repository

from factory.delivery_ports import PullRequestStore
from factory.domain import forge
from factory.domain.ids import Commit
from factory.domain.pull_request import is_marked, marker
from factory.errors import FactoryError, ForgeRefused, ForgeUnavailable, Unauthorized
from factory.integrations.github_errors import meaning, told
from factory.integrations.github_gate import Gate
from factory.integrations.github_line import use_bounded_lines, within
from factory.integrations.github_token import Mint
from factory.ports import Clock, PullRequestOrder, PullRequestRef, PullRequestState

TIMEOUT_SECONDS = 15
"""For a connection, and between two parts of an answer."""
JOB_SECONDS = 60.0
"""For all calls of one job together, a second try with another token included. After that no other job calls for as long: each of them
would wait here with a thread of delivery's, which fetches and pushes of other repositories need."""
_MAX_LOOKED_AT = 100
"""A branch of an item has one pull request, or the few that a person made; a server that ignores the filter lists all there are."""
_EXISTS = "already exists"
_UNPROCESSABLE = 422
_USER_AGENT = "software-factory"

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
        self._place, self._mint, self._store = place, mint, store
        self._follows, self._labels = follows, tuple(labels)
        self._gate = Gate(place.web, store, clock)
        self._turn = threading.Lock()
        use_bounded_lines()

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        found = self._ask(repo, lambda there: _of_branch(there, branch))
        return self._marked(_ref(found)) if found else None

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        ref = self._marked(self._ask(order.repo, lambda there: _opened(there, order, self._labels)))
        with self._turn:
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
        with self._turn:
            self._gate.check()
            with self._in_time(slug):
                try:
                    return self._once(slug, job, renew=False)
                except Unauthorized:
                    return self._once(slug, job, renew=True)

    @contextmanager
    def _in_time(self, slug: str) -> Iterator[None]:
        with within(JOB_SECONDS) as deadline:
            try:
                yield
            except FactoryError:
                # Whatever half an answer seems to say: it was cut off.
                if not deadline.over:
                    raise
                self._gate.shut(JOB_SECONDS)
                raise ForgeUnavailable(f"GitHub did not come to an end for {slug} within {JOB_SECONDS:g} s.", JOB_SECONDS) from None

    def _once(self, slug: str, job: Callable[[github.Github, str], T], *, renew: bool) -> T:
        try:
            # The library would sleep between calls, and repeat them by a schedule of its own: the outbox has one.
            with _translated(slug), closing(_client(self._place.api, self._mint(slug, renew=renew))) as client:
                return job(client, slug)
        except ForgeUnavailable as error:
            if error.retry_after:
                self._gate.shut(error.retry_after)
            raise


def _client(api: str, token: str) -> github.Github:
    return github.Github(
        auth=github.Auth.Token(token),
        base_url=api,
        timeout=TIMEOUT_SECONDS,
        user_agent=_USER_AGENT,
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )


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


@contextmanager
def _translated(slug: str) -> Iterator[None]:
    """Turns what the library raises into what it means."""
    try:
        yield
    except github.GithubException as error:
        headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
        raise meaning(slug, error.status, headers, error.data) from None
    except requests.exceptions.InvalidHeader:
        raise Unauthorized("GitHub's token cannot be sent: it holds characters that no token has.") from None
    except requests.RequestException as error:
        raise ForgeUnavailable(f"GitHub does not answer for {slug} ({type(error).__name__}).") from None
    except (github.BadAttributeException, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # Half an answer, or a page of something in between that is not GitHub.
        raise ForgeUnavailable(f"GitHub's answer for {slug} cannot be read ({type(error).__name__}).") from None
    except (RuntimeError, AssertionError) as error:
        # So it says that an answer leads to another server.
        raise ForgeRefused(f"GitHub's API leads elsewhere for {slug}: GITHUB_API_URL may be wrong ({str(error)[:200]}).") from None
