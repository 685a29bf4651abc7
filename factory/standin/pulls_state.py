"""What becomes of a pull request by itself: it follows its branch, and is closed with it; and what is told of it."""

from typing import Any

from factory.standin import answers_pulls
from factory.standin.bare import Bare
from factory.standin.call import Call
from factory.standin.hub import Hub
from factory.standin.model import Issue, Pull
from factory.standin.refusals import Unprocessable, custom


def follow(hub: Hub, repo: str) -> None:
    """Brings open ones up to where their branches are, whoever moved them."""
    waiting = [one for one in hub.issues(repo) if one.pull and one.state == "open"]
    if not waiting:
        return
    bare = hub.bare(repo)
    heads = bare.heads()
    for issue in waiting:
        assert issue.pull is not None  # noqa: S101 - selected above
        _follow(hub, issue, issue.pull, heads)


def _follow(hub: Hub, issue: Issue, pull: Pull, heads: dict[str, str]) -> None:
    sha, base = heads.get(pull.head), heads.get(pull.base, pull.base_sha)
    if sha == pull.sha and base == pull.base_sha:
        return
    before, pull.base_sha = pull.sha, base
    if sha is None:
        issue.state, issue.closed_at, issue.closed_by = "closed", hub.now, issue.author
        hub.happened(issue, "closed", issue.author)
        action = "closed"
    else:
        pull.sha = sha
        action = "synchronize"
    hub.touched(issue)
    if before != sha:
        more = {"before": before, "after": pull.sha} if sha else {}
        shown = answers_pulls.pull(hub, issue)
        hub.tell("pull_request", issue.repo, issue.author, action=action, number=issue.number, pull_request=shown, **more)


def is_mergeable(bare: Bare, pull: Pull) -> bool:
    return bare.merges(pull.base_sha, pull.sha)


def move(call: Call, issue: Issue, state: str) -> None:
    """Closes it, or opens it again where its branch is still there."""
    from factory.standin.issues import set_state  # noqa: PLC0415 - a pull request is an issue, and an issue may be one

    pull = issue.pull
    assert pull is not None  # noqa: S101 - only those are moved here
    if state == "open":
        head = call.hub.bare(issue.repo).heads().get(pull.head)
        if pull.merged_at or head is None:
            raise Unprocessable({"resource": "PullRequest", "field": "state", "code": "invalid"})
        check_new(call, pull.head, pull.base)
        pull.sha = head
    set_state(call, issue, state)
    tell(call, issue, "closed" if state == "closed" else "reopened")


def check_new(call: Call, head: str, base: str) -> None:
    """Raises `Unprocessable` where there is an open one of the two."""
    for one in call.hub.issues(call.repo):
        if one.pull and one.state == "open" and (one.pull.head, one.pull.base) == (head, base):
            raise custom("PullRequest", f"A pull request already exists for {call.repository.owner}:{head}.")


def tell(call: Call, issue: Issue, action: str, **more: Any) -> None:
    shown = answers_pulls.pull(call.hub, issue)
    call.hub.tell("pull_request", issue.repo, call.by.login, action=action, number=issue.number, pull_request=shown, **more)
