"""Merging a pull request, for real in the bare repository; and what follows from it."""

import re
from http import HTTPStatus

from factory.standin import issues, pulls_state
from factory.standin.bare import Conflict
from factory.standin.call import Answer, Call
from factory.standin.model import Issue, Pull
from factory.standin.pulls import of
from factory.standin.refusals import Missing, Refusal, Unprocessable
from factory.standin.routing import Route

_AREA = ("contents",)
_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+([\w.-]+/[\w.-]+)?#(\d+)\b", re.IGNORECASE)


def _merge(call: Call) -> Answer:
    issue, pull = of(call)
    _check(call, issue, pull)
    sha = _merged(call, issue, pull)
    hub, login = call.hub, call.by.login
    pull.merged_at, pull.merged_by, pull.merge_sha = hub.now, login, sha
    hub.happened(issue, "merged", login, commit_id=sha, commit_url=f"{hub.base}/repos/{issue.repo}/commits/{sha}")
    hub.note("merge", repo=issue.repo, number=issue.number, head=pull.sha, sha=sha, by=login)
    issues.set_state(call, issue, "closed")
    pulls_state.tell(call, issue, "closed")
    _close_named(call, issue, pull)
    return Answer(data={"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def _check(call: Call, issue: Issue, pull: Pull) -> None:
    if issue.state != "open" or pull.draft:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable")
    if call.given.get("sha", pull.sha) != pull.sha:
        raise Refusal(HTTPStatus.CONFLICT, "Head branch was modified. Review and try the merge again.")
    method = call.given.get("merge_method", "merge")
    if method == "rebase":
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Rebase merges are not allowed on this repository.")
    if method not in {"merge", "squash"}:
        raise Unprocessable({"resource": "PullRequest", "field": "merge_method", "code": "invalid"})


def _merged(call: Call, issue: Issue, pull: Pull) -> str:
    """The commit, which the base branch is at afterwards."""
    bare, given, is_squash = call.hub.bare(call.repo), call.given, call.given.get("merge_method") == "squash"
    usual = f"{issue.title} (#{issue.number})" if is_squash else f"Merge pull request #{issue.number} from {pull.head}"
    message = f"{given.get('commit_title') or usual}\n\n{given.get('commit_message') or issue.title}"
    try:
        sha = bare.merged(pull.base_sha, pull.sha, message, who=call.by.login, squash=is_squash)
    except Conflict:
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Pull Request is not mergeable") from None
    with call.hub.pushing(call.repo, call.by.login):
        bare.move(pull.base, sha, pull.base_sha)
    return sha


def _close_named(call: Call, issue: Issue, pull: Pull) -> None:
    """The issues that its text says it closes, where it went into the default branch."""
    if pull.base != call.repository.default_branch:
        return
    for number in {int(number) for repo, number in _CLOSES.findall(issue.body) if repo in {"", issue.repo}}:
        named = next((one for one in call.hub.issues(call.repo) if one.number == number), None)
        if named and not named.pull and named.state == "open":
            issues.move(call, named, "closed")


def _is_merged(call: Call) -> Answer:
    _, pull = of(call)
    if not pull.merged_at:
        raise Missing
    return Answer(204)


ROUTES = (
    Route("PUT", "/repos/{repo}/pulls/{number}/merge", "merge", _merge, _AREA, "write", "write"),
    Route("GET", "/repos/{repo}/pulls/{number}/merge", "merge", _is_merged, _AREA),
)
