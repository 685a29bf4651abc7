"""Issues; pull requests stand among them, as on GitHub."""

from collections.abc import Callable
from typing import Any

from factory.standin import labels, pulls_state
from factory.standin.answers_issues import issue as shape
from factory.standin.call import Answer, Call
from factory.standin.callers import is_at_least
from factory.standin.model import Issue
from factory.standin.refusals import Forbidden, Unprocessable
from factory.standin.routing import Route

_BOTH = ("issues", "pull_requests")
_ORDERS: dict[str, Callable[[Issue], object]] = {
    "created": lambda one: (one.created, one.number),
    "updated": lambda one: (one.updated, one.number),
    "comments": lambda one: (len(one.comments), one.number),
}


def _list(call: Call) -> Answer:
    pulls_state.follow(call.hub, call.repo)
    asked = call.query
    order = _ORDERS.get(asked.get("sort", "created"), _ORDERS["created"])
    found = sorted((one for one in call.hub.issues(call.repo) if _is_asked_for(one, call)), key=order)  # type: ignore[arg-type] # of one kind each
    if asked.get("direction", "desc") == "desc":
        found.reverse()
    return call.page(found, lambda one: shape(call.hub, one, whole=False))


def _is_asked_for(one: Issue, call: Call) -> bool:
    asked = call.query
    wanted = [name.strip().casefold() for name in asked.get("labels", "").split(",") if name.strip()]
    has = {name.casefold() for name in one.labels}
    return (
        asked.get("state", "open") in {"all", one.state}
        and all(name in has for name in wanted)
        # Whole seconds on both sides, and the second itself is in.
        and asked.get("since", "") <= one.updated
        and asked.get("creator", one.author) == one.author
    )


def _one(call: Call) -> Answer:
    pulls_state.follow(call.hub, call.repo)
    return Answer(data=shape(call.hub, call.issue))


def _create(call: Call) -> Answer:
    hub, login = call.hub, call.by.login
    issue = hub.new_issue(call.repo, call.text("title", "Issue"), str(call.given.get("body") or ""), login)
    hub.touched(issue)
    hub.note("issue", repo=issue.repo, number=issue.number, title=issue.title, by=login)
    _tell(call, issue, "opened")
    # Of somebody without the right to it GitHub drops them without a word.
    if call.given.get("labels") and _may_triage(call):
        labels.add(call, issue, labels.names_in(call.given))
    return Answer(201, shape(hub, issue))


def _may_triage(call: Call) -> bool:
    return call.by.is_app or is_at_least(call.hub.role(call.repository, call.by.login), "triage")


def _edit(call: Call) -> Answer:
    hub, issue, given, login = call.hub, call.issue, call.given, call.by.login
    if not _may_triage(call) and issue.author != login:
        raise Forbidden("Must have triage access to this repository.")
    edit_text(call, issue)
    if "labels" in given:
        labels.replace(call, issue, labels.names_in(given))
    if "assignees" in given:
        issue.assignees = [str(name) for name in given["assignees"]]
    if given.get("state", issue.state) != issue.state:
        move(call, issue, str(given["state"]), given.get("state_reason"))
    hub.touched(issue)
    return Answer(data=shape(hub, issue))


def edit_text(call: Call, issue: Issue) -> None:
    """Title and body. Only a new title stands in the timeline; of a new body the webhook and GraphQL tell."""
    given, changes = call.given, {}
    if "title" in given and call.text("title", "Issue") != issue.title:
        changes["title"] = {"from": issue.title}
        call.hub.happened(issue, "renamed", call.by.login, rename={"from": issue.title, "to": given["title"]})
        issue.title = given["title"]
    if "body" in given and (given["body"] or "") != issue.body:
        changes["body"] = {"from": issue.body}
        issue.body, issue.edited = given["body"] or "", call.hub.now
    if changes:
        call.hub.touched(issue)
        call.hub.note("edit", repo=issue.repo, number=issue.number, fields=sorted(changes), by=call.by.login)
        _tell(call, issue, "edited", changes=changes)


def move(call: Call, issue: Issue, state: str, reason: str | None = None) -> None:
    """Opens or closes it."""
    if state not in {"open", "closed"}:
        raise Unprocessable({"resource": "Issue", "field": "state", "code": "invalid"})
    if issue.pull:
        pulls_state.move(call, issue, state)
        return
    set_state(call, issue, state, reason)
    _tell(call, issue, "closed" if state == "closed" else "reopened")


def set_state(call: Call, issue: Issue, state: str, reason: str | None = None) -> None:
    hub, login, is_closed = call.hub, call.by.login, state == "closed"
    issue.state = state
    issue.closed_at, issue.closed_by = (hub.now, login) if is_closed else (None, None)
    issue.state_reason = (reason or "completed") if is_closed else "reopened"
    if issue.pull:
        issue.state_reason = None
    what = "closed" if is_closed else "reopened"
    hub.happened(issue, what, login, **({"state_reason": issue.state_reason} if is_closed else {}))
    hub.touched(issue)
    hub.note("state", repo=issue.repo, number=issue.number, action=what, by=login)


def _tell(call: Call, issue: Issue, action: str, **more: Any) -> None:
    if issue.pull:
        pulls_state.tell(call, issue, action, **more)
    else:
        call.hub.tell("issues", issue.repo, call.by.login, action=action, issue=shape(call.hub, issue), **more)


ROUTES = (
    Route("GET", "/repos/{repo}/issues", "issues", _list, _BOTH),
    Route("POST", "/repos/{repo}/issues", "issues", _create, ("issues",), "write"),
    Route("GET", "/repos/{repo}/issues/{number}", "issue", _one, _BOTH),
    Route("PATCH", "/repos/{repo}/issues/{number}", "issue", _edit, _BOTH, "write"),
)
