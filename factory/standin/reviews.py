"""Reviews of pull requests, and whom they are asked of."""

from typing import Any

from factory.standin import answers_pulls, pulls_state, remarks
from factory.standin.answers_pulls import review as shape
from factory.standin.call import Answer, Call, found
from factory.standin.model import Issue, Review
from factory.standin.pulls import of
from factory.standin.refusals import Unprocessable
from factory.standin.routing import Route

_AREA = ("pull_requests",)
_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
_OWN = {"APPROVE": "Can not approve your own pull request", "REQUEST_CHANGES": "Can not request changes on your own pull request"}


def _list(call: Call) -> Answer:
    """Oldest first."""
    issue, pull = of(call)
    return call.page(pull.reviews, lambda one: shape(call.hub, issue, one))


def _one(call: Call) -> Answer:
    issue, pull = of(call)
    return Answer(data=shape(call.hub, issue, found(pull.reviews, lambda one: one.id, int(call.place["id"]))))


def _create(call: Call) -> Answer:
    hub, (issue, pull), login = call.hub, of(call), call.by.login
    event, body = str(call.given.get("event", "COMMENT")), str(call.given.get("body") or "")
    _check(call, issue, event, body)
    made = Review(hub.store.fresh_id(), login, _STATES[event], body, str(call.given.get("commit_id") or pull.sha), hub.now)
    pull.reviews.append(made)
    pull.asked = [asked for asked in pull.asked if asked != login]
    for given in call.given.get("comments", []):
        remarks.append(call, issue, pull, made, given)
    hub.touched(issue)
    hub.note("review", repo=issue.repo, number=issue.number, id=made.id, state=made.state, by=login)
    _tell(call, issue, made, "submitted")
    return Answer(data=shape(hub, issue, made))


def _check(call: Call, issue: Issue, event: str, body: str) -> None:
    if event not in _STATES:
        raise Unprocessable(message="Variable $event of type PullRequestReviewEvent was provided invalid value")
    if event in _OWN and issue.author == call.by.login:
        raise Unprocessable(message="Unprocessable Entity: " + _OWN[event])
    if event != "APPROVE" and not body and not call.given.get("comments"):
        raise Unprocessable(message="Unprocessable Entity: body can't be blank")


def _dismiss(call: Call) -> Answer:
    issue, pull = of(call)
    one = found(pull.reviews, lambda each: each.id, int(call.place["id"]))
    call.text("message", "PullRequestReview")
    if one.state not in {"APPROVED", "CHANGES_REQUESTED"}:
        raise Unprocessable(message="Can not dismiss a commented pull request review")
    one.state = "DISMISSED"
    call.hub.happened(issue, "review_dismissed", call.by.login)
    call.hub.touched(issue)
    call.hub.note("review dismissed", repo=issue.repo, number=issue.number, id=one.id, by=call.by.login)
    _tell(call, issue, one, "dismissed")
    return Answer(data=shape(call.hub, issue, one))


def _tell(call: Call, issue: Issue, one: Review, action: str) -> None:
    hub = call.hub
    review: dict[str, Any] = {**shape(hub, issue, one), "state": one.state.lower()}
    pull = answers_pulls.pull(hub, issue)
    hub.tell("pull_request_review", issue.repo, call.by.login, action=action, review=review, pull_request=pull)


def _ask(call: Call) -> Answer:
    issue, pull = of(call)
    wanted = [str(name) for name in call.given.get("reviewers", [])]
    if issue.author in wanted:
        raise Unprocessable(message="Review cannot be requested from pull request author.")
    for name in wanted:
        if name not in pull.asked:
            pull.asked.append(name)
            call.hub.happened(issue, "review_requested", call.by.login, requested_reviewer=name, review_requester=call.by.login)
    call.hub.touched(issue)
    pulls_state.tell(call, issue, "review_requested")
    return Answer(201, answers_pulls.pull(call.hub, issue))


ROUTES = (
    Route("GET", "/repos/{repo}/pulls/{number}/reviews", "reviews", _list, _AREA),
    Route("POST", "/repos/{repo}/pulls/{number}/reviews", "reviews", _create, _AREA, "write"),
    Route("GET", "/repos/{repo}/pulls/{number}/reviews/{id}", "review", _one, _AREA),
    Route("PUT", "/repos/{repo}/pulls/{number}/reviews/{id}/dismissals", "dismissal", _dismiss, _AREA, "write", "write"),
    Route("POST", "/repos/{repo}/pulls/{number}/requested_reviewers", "requested reviewers", _ask, _AREA, "write", "write"),
)
