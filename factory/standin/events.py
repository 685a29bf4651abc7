"""What happened to issues: their events, and the timeline, in which comments and reviews stand too."""

from typing import Any

from factory.standin import answers_issues, answers_pulls
from factory.standin.call import Answer, Call
from factory.standin.refusals import Missing
from factory.standin.routing import Route

_BOTH = ("issues", "pull_requests")


def _of_issue(call: Call) -> Answer:
    issue = call.issue
    return call.page(issue.events, lambda one: answers_issues.event(call.hub, issue, one))


def _timeline(call: Call) -> Answer:
    """Oldest first."""
    issue, hub = call.issue, call.hub
    lines = [(one.at, one.id, answers_issues.event(hub, issue, one)) for one in issue.events]
    lines += [(one.created, one.id, _commented(answers_issues.comment(hub, issue, one))) for one in issue.comments]
    reviews = issue.pull.reviews if issue.pull else []
    lines += [(one.at, one.id, {**answers_pulls.review(hub, issue, one), "event": "reviewed"}) for one in reviews]
    return call.page([line for _, _, line in sorted(lines, key=lambda line: line[:2])], lambda line: line)


def _commented(comment: dict[str, Any]) -> dict[str, Any]:
    return {**comment, "event": "commented", "actor": comment["user"]}


def _of_repository(call: Call) -> Answer:
    """Newest first, each with its issue."""
    pairs = [(issue, one) for issue in call.hub.issues(call.repo) for one in issue.events]
    pairs.sort(key=lambda pair: -pair[1].id)
    return call.page(
        pairs, lambda pair: {**answers_issues.event(call.hub, *pair), "issue": answers_issues.issue(call.hub, pair[0], whole=False)}
    )


def _one(call: Call) -> Answer:
    for issue in call.hub.issues(call.repo):
        for one in issue.events:
            if one.id == int(call.place["id"]):
                return Answer(
                    data={**answers_issues.event(call.hub, issue, one), "issue": answers_issues.issue(call.hub, issue, whole=False)}
                )
    raise Missing


ROUTES = (
    Route("GET", "/repos/{repo}/issues/{number}/events", "events", _of_issue, _BOTH),
    Route("GET", "/repos/{repo}/issues/{number}/timeline", "timeline", _timeline, _BOTH),
    Route("GET", "/repos/{repo}/issues/events", "repo events", _of_repository, _BOTH),
    Route("GET", "/repos/{repo}/issues/events/{id}", "event", _one, _BOTH),
)
