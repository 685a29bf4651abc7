"""What becomes of pull requests at GitHub: the adapter of `delivery_ports.PullRequestReader` over its API.

Every page is asked for with what was known of it (ETag): an answer that nothing has changed is not counted against the limit.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import github

from factory.domain import follow
from factory.domain.follow import Check, CheckState, Review, Seen, Verdict
from factory.domain.ids import Commit
from factory.integrations.github_errors import is_limit, told
from factory.integrations.github_pulls import GitHubPullRequests

MAX_PAGES = 30
"""Three thousand checks or reviews; with more of them it is not read at all."""
MAX_KEPT = 16 * 1024**2
"""Characters of pages that are remembered: a pull request in review has some tens of KiB, checks that say much have MiB."""
_MAX_TEXT = 20_000
"""Characters of one text that are taken; an attempt is given less."""
_MAX_ANNOTATED = 3
"""Failed checks whose annotations are read: each is a call."""

_NOT_MODIFIED, _FORBIDDEN, _NOT_FOUND = 304, 403, 404
_NEXT = re.compile(r"<([^>]+)>;[^,]*rel=\"next\"")

_CONCLUSIONS: Mapping[str, CheckState] = {
    "success": "passed", "neutral": "passed", "skipped": "passed", "failure": "failed", "timed_out": "failed",
}  # fmt: skip
_STATUSES: Mapping[str, CheckState] = {"success": "passed", "pending": "pending", "failure": "failed", "error": "failed"}
_VERDICTS: Mapping[str, Verdict] = {"APPROVED": "approved", "CHANGES_REQUESTED": "changes", "DISMISSED": "dismissed"}
_WRITES = frozenset({"admin", "write"})
"""As the API names permissions: who maintains has `write`, who triages `read`."""


@dataclass(frozen=True, slots=True)
class _Page:
    """As text: the objects that JSON becomes take several times its room."""

    etag: str
    text: str
    following: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - as JSON has it
        return json.loads(self.text or "null")


class Pages:
    """The latest answers, with what GitHub named them by. For one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Page] = OrderedDict()
        self._size = 0

    def get(self, client: github.Github, path: str) -> Any:  # noqa: ANN401 - as JSON has it
        """One page. Raises what the library raises."""
        return self._page(client, path).data

    def all(self, client: github.Github, path: str, key: str = "") -> Iterator[Any]:
        """What the pages list, under `key` where they are no lists themselves.

        Raises:
            ValueError: they hold less than they say that there is. A check that is not seen must not count as none.
        """
        count, total = 0, 0
        for _ in range(MAX_PAGES):
            page = self._page(client, path)
            data = page.data
            listed = data[key] if key else data
            yield from listed
            count, total = count + len(listed), int(data["total_count"]) if key else 0
            path = page.following
            if not path:
                break
        if path or count < total:
            raise ValueError(path or key)

    def _page(self, client: github.Github, path: str) -> _Page:
        known = self._kept.get(path)
        conditions = {"If-None-Match": known.etag} if known else {}
        status, headers, body = client.requester.requestJson("GET", path, headers=conditions)
        if status == _NOT_MODIFIED and known:
            self._kept.move_to_end(path)
            return known
        page = _Page(str(headers.get("etag") or ""), body, _following(str(headers.get("link") or "")))
        if status != 200:  # noqa: PLR2004 - the codes are the protocol's words
            raise client.requester.createException(status, headers, page.data)
        self._keep(path, page)
        return page

    def _keep(self, path: str, page: _Page) -> None:
        if known := self._kept.pop(path, None):
            self._size -= len(known.text)
        if page.etag:
            self._kept[path] = page
            self._size += len(page.text)
        while self._size > MAX_KEPT:
            self._size -= len(self._kept.popitem(last=False)[1].text)


class GitHubFollower:
    """May be used by several threads, one of which has its turn.

    Args:
        calls: whose turn, gate and tokens are used: GitHub sees one caller.
    """

    def __init__(self, calls: GitHubPullRequests) -> None:
        self._calls = calls
        self._pages = Pages()

    def look(self, repo: str, number: int, after_review: int) -> Seen:
        return self._calls.call(repo, lambda client, slug: _Reading(client, self._pages, slug, number).seen(after_review))

    def merge(self, repo: str, number: int, head: Commit, way: str) -> None:
        order = {"sha": head, "merge_method": way}
        path = f"/pulls/{number}/merge"
        self._calls.call(repo, lambda client, slug: client.requester.requestJsonAndCheck("PUT", f"/repos/{slug}{path}", input=order))


class _Reading:
    """One look at one pull request."""

    def __init__(self, client: github.Github, pages: Pages, slug: str, number: int) -> None:
        self._client, self._pages, self._repo = client, pages, f"/repos/{slug}"
        self._pull = f"{self._repo}/pulls/{number}"
        self._issue = f"{self._repo}/issues/{number}"
        self._unread: dict[str, None] = {}

    def seen(self, after_review: int) -> Seen:
        pull = self._pages.get(self._client, self._pull)
        head, labels = Commit(pull["head"]["sha"]), tuple(label["name"] for label in pull["labels"])
        if pull["state"] != "open":
            return Seen("merged" if pull["merged_at"] else "closed", head, self._ended_by(pull), labels=labels)
        return Seen(
            state="open",
            head=head,
            base=str(pull["base"]["ref"]),
            mergeable=pull["mergeable"],
            clear=pull.get("mergeable_state") == "clean" and not pull.get("draft"),
            checks=tuple(self._checks(head)),
            reviews=tuple(self._reviews(_login(pull), after_review)),
            labels=labels,
            unread=tuple(self._unread),
        )

    def _ended_by(self, pull: Mapping[str, Any]) -> str:
        if pull["merged_at"]:
            return _login(pull, "merged_by")
        # A pull request does not say who closed it, the issue that it is as well does.
        return _login(self._or_nothing("who closed it", self._issue) or {}, "closed_by")

    # -- checks -------------------------------------------------------------------------------------------------------

    def _checks(self, head: Commit) -> Iterator[Check]:
        commit = f"{self._repo}/commits/{head}"
        annotated = 0
        for run in self._list("checks", f"{commit}/check-runs?per_page=100", "check_runs"):
            check = _check(run)
            if check.state == "failed" and run["output"].get("annotations_count") and annotated < _MAX_ANNOTATED:
                annotated += 1
                check = self._with_annotations(check, int(run["id"]))
            yield check
        for status in self._list("statuses", f"{commit}/status?per_page=100", "statuses"):
            state = _STATUSES.get(status["state"], "blocked")
            yield Check(str(status["context"]), state, str(status["state"]), _text(status.get("description")))

    def _with_annotations(self, check: Check, number: int) -> Check:
        listed = self._list("annotations", f"{self._repo}/check-runs/{number}/annotations?per_page=100")
        lines = [f"{one['path']}:{one['start_line']}: {_text(one['message'])}" for one in listed]
        return Check(check.name, check.state, check.conclusion, "\n".join([check.text, *lines]).strip()[:_MAX_TEXT])

    # -- reviews ------------------------------------------------------------------------------------------------------

    def _reviews(self, opener: str, after: int) -> Iterator[Review]:
        listed = [one for one in self._list("reviews", f"{self._pull}/reviews?per_page=100") if one["state"] != "PENDING"]
        raw = {int(one["id"]): one for one in listed}
        # Who may write is asked of those only whose word may count: each of them is a call.
        for review in follow.opinions(_review(one, opener) for one in listed):
            writes = review.is_person and self._may_write(review.author)
            asks = writes and review.verdict == "changes" and review.number > after
            text = self._whole(raw[review.number]) if asks else ""
            yield Review(review.number, review.author, review.verdict, review.commit, text, writes, review.is_person)

    def _may_write(self, login: str) -> bool:
        found = self._or_nothing("permissions", f"{self._repo}/collaborators/{quote(login, safe='')}/permission") if login else None
        return found is not None and found["permission"] in _WRITES

    def _whole(self, review: Mapping[str, Any]) -> str:
        remarks = self._list("remarks", f"{self._pull}/reviews/{int(review['id'])}/comments?per_page=100")
        lines = [f"{one['path']}:{one.get('line') or one.get('original_line') or '?'}: {_text(one['body'])}" for one in remarks]
        return "\n\n".join(part for part in (_text(review["body"]), *lines) if part)[:_MAX_TEXT]

    # -- what a token may not see --------------------------------------------------------------------------------------

    def _list(self, what: str, path: str, key: str = "") -> Sequence[Any]:
        """Nothing where it may not be read: tokens of a person cannot be given every right that an App has."""
        try:
            return list(self._pages.all(self._client, path, key))
        except github.GithubException as error:
            self._note_forbidden(what, error)
            return ()

    def _or_nothing(self, what: str, path: str) -> Any:  # noqa: ANN401 - as JSON has it
        try:
            return self._pages.get(self._client, path)
        except github.GithubException as error:
            # Nobody of the repository: what is asked about them has the answer that it is not there.
            if error.status != _NOT_FOUND:
                self._note_forbidden(what, error)
            return None

    def _note_forbidden(self, what: str, error: github.GithubException) -> None:
        headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
        if error.status not in {_FORBIDDEN, _NOT_FOUND} or is_limit(error.status, headers, told(error.data)):
            raise error
        self._unread[what] = None


def _following(link: str) -> str:
    found = _NEXT.search(link)
    return found[1] if found else ""


def _check(run: Mapping[str, Any]) -> Check:
    conclusion, output = str(run["conclusion"] or ""), run["output"]
    state = "pending" if run["status"] != "completed" else _CONCLUSIONS.get(conclusion, "blocked")
    parts = (_text(output.get(name)) for name in ("title", "summary", "text"))
    return Check(str(run["name"]), state, conclusion, "\n".join(part for part in parts if part)[-_MAX_TEXT:])


def _review(one: Mapping[str, Any], opener: str) -> Review:
    author, user = _login(one), one.get("user") or {}
    verdict = _VERDICTS.get(one["state"], "commented")
    is_person = user.get("type") == "User" and author != opener
    return Review(int(one["id"]), author, verdict, Commit(one.get("commit_id") or ""), "", is_person=is_person)


def _login(one: Mapping[str, Any], name: str = "user") -> str:
    """Empty for an account that is gone."""
    return str((one.get(name) or {}).get("login") or "")


def _text(value: object) -> str:
    return str(value or "").strip()
