"""Review comments: remarks on lines of a pull request's diff."""

from typing import Any

from factory.standin import answers_pulls
from factory.standin.answers_pulls import remark as shape
from factory.standin.call import Answer, Call, found
from factory.standin.model import Issue, Pull, Remark, Review
from factory.standin.pulls import of
from factory.standin.refusals import lacking
from factory.standin.routing import Route

_AREA = ("pull_requests",)


def append(call: Call, issue: Issue, pull: Pull, review: Review, given: dict[str, Any]) -> Remark:
    """Another remark of a review; whoever calls keeps the issue."""
    for name in ("path", "body"):
        if not given.get(name):
            raise lacking("PullRequestReviewComment", name)
    hub, now = call.hub, call.hub.now
    line = int(given.get("line") or given.get("position") or 1)
    made = Remark(hub.store.fresh_id(), review.id, review.author, str(given["body"]), str(given["path"]), line, pull.sha, now, now)
    made.reply_to = given.get("in_reply_to")
    pull.remarks.append(made)
    hub.note("remark", repo=issue.repo, number=issue.number, id=made.id, path=made.path, by=made.author)
    hub.tell("pull_request_review_comment", issue.repo, made.author, action="created", comment=shape(hub, issue, made),
             pull_request=answers_pulls.pull(hub, issue))  # fmt: skip
    return made


def _list(call: Call) -> Answer:
    issue, pull = of(call)
    since = call.query.get("since", "")
    return call.page([one for one in pull.remarks if one.updated >= since], lambda one: shape(call.hub, issue, one))


def _of_review(call: Call) -> Answer:
    issue, pull = of(call)
    review = found(pull.reviews, lambda one: one.id, int(call.place["id"]))
    return call.page([one for one in pull.remarks if one.review == review.id], lambda one: shape(call.hub, issue, one))


def _create(call: Call) -> Answer:
    """On its own, which is a review of its own too."""
    hub, (issue, pull) = call.hub, of(call)
    review = Review(hub.store.fresh_id(), call.by.login, "COMMENTED", "", pull.sha, hub.now)
    made = append(call, issue, pull, review, call.given)
    pull.reviews.append(review)
    hub.touched(issue)
    return Answer(201, shape(hub, issue, made))


ROUTES = (
    Route("GET", "/repos/{repo}/pulls/{number}/comments", "review comments", _list, _AREA),
    Route("POST", "/repos/{repo}/pulls/{number}/comments", "review comments", _create, _AREA, "write"),
    Route("GET", "/repos/{repo}/pulls/{number}/reviews/{id}/comments", "comments of review", _of_review, _AREA),
)
