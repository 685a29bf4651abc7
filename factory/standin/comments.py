"""Comments on issues and pull requests."""

from typing import Any

from factory.standin.answers_issues import comment as shape
from factory.standin.answers_issues import issue as issue_shape
from factory.standin.call import Answer, Call
from factory.standin.callers import is_at_least
from factory.standin.model import Comment, Issue
from factory.standin.refusals import Forbidden, Missing
from factory.standin.routing import Route

_BOTH = ("issues", "pull_requests")


def _list(call: Call) -> Answer:
    issue, since = call.issue, call.query.get("since", "")
    return call.page([one for one in issue.comments if one.updated >= since], lambda one: shape(call.hub, issue, one))


def _all(call: Call) -> Answer:
    """Of the whole repository."""
    since = call.query.get("since", "")
    pairs = [(issue, one) for issue in call.hub.issues(call.repo) for one in issue.comments if one.updated >= since]
    order = "updated" if call.query.get("sort") == "updated" else "created"
    pairs.sort(key=lambda pair: (getattr(pair[1], order), pair[1].id), reverse=call.query.get("direction") == "desc")
    return call.page(pairs, lambda pair: shape(call.hub, *pair))


def _create(call: Call) -> Answer:
    hub, issue, login = call.hub, call.issue, call.by.login
    made = Comment(hub.store.fresh_id(), login, call.text("body", "IssueComment"), hub.now, hub.now)
    issue.comments.append(made)
    hub.touched(issue)
    hub.note("comment", repo=issue.repo, number=issue.number, id=made.id, body=made.body, by=login)
    _tell(call, issue, made, "created")
    return Answer(201, shape(hub, issue, made))


def _of_id(call: Call) -> tuple[Issue, Comment]:
    for issue in call.hub.issues(call.repo):
        for one in issue.comments:
            if one.id == int(call.place["id"]):
                return issue, one
    raise Missing


def _one(call: Call) -> Answer:
    return Answer(data=shape(call.hub, *_of_id(call)))


def _edit(call: Call) -> Answer:
    hub, (issue, one) = call.hub, _of_id(call)
    _check_own(call, one)
    before, one.body, one.updated = one.body, call.text("body", "IssueComment"), hub.now
    hub.touched(issue)
    hub.note("comment edited", repo=issue.repo, number=issue.number, id=one.id, body=one.body, by=call.by.login)
    _tell(call, issue, one, "edited", changes={"body": {"from": before}})
    return Answer(data=shape(hub, issue, one))


def _delete(call: Call) -> Answer:
    issue, one = _of_id(call)
    _check_own(call, one)
    issue.comments.remove(one)
    call.hub.touched(issue)
    call.hub.note("comment deleted", repo=issue.repo, number=issue.number, id=one.id, by=call.by.login)
    _tell(call, issue, one, "deleted")
    return Answer(204)


def _check_own(call: Call, one: Comment) -> None:
    if one.author == call.by.login:
        return
    if call.by.is_app or not is_at_least(call.hub.role(call.repository, call.by.login), "write"):
        raise Forbidden("Resource not accessible by integration" if call.by.is_app else "Must have write access to this repository.")


def _tell(call: Call, issue: Issue, one: Comment, action: str, **more: Any) -> None:
    hub = call.hub
    payload = {"issue": issue_shape(hub, issue), "comment": shape(hub, issue, one)}
    hub.tell("issue_comment", issue.repo, call.by.login, action=action, **payload, **more)


ROUTES = (
    Route("GET", "/repos/{repo}/issues/{number}/comments", "comments", _list, _BOTH),
    Route("POST", "/repos/{repo}/issues/{number}/comments", "comments", _create, _BOTH, "write"),
    Route("GET", "/repos/{repo}/issues/comments", "repo comments", _all, _BOTH),
    Route("GET", "/repos/{repo}/issues/comments/{id}", "comment", _one, _BOTH),
    Route("PATCH", "/repos/{repo}/issues/comments/{id}", "comment", _edit, _BOTH, "write"),
    Route("DELETE", "/repos/{repo}/issues/comments/{id}", "comment", _delete, _BOTH, "write"),
)
