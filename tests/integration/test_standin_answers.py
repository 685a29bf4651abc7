"""Every route of the GitHub stand-in, and each of its answers against GitHub's own description."""

import github

from factory.standin.client import AppKey, ask
from factory.standin.person import REQUEST_CHANGES, Person
from factory.standin.routes import ROUTES
from tests.openapi import complaints
from tests.standin_watched import REPO, Scene

_RIGHTS = {"issues": "write", "contents": "write", "pull_requests": "write", "checks": "write", "statuses": "write"}


def test_every_answer_of_every_route_is_one_that_github_could_have_given(scene: Scene) -> None:
    ann = scene.desk.person("ann", REPO, "maintain")
    ben = scene.desk.person("ben", REPO, "read")

    _with_issues(scene, ann, ben)
    _with_labels(scene, ann)
    _with_pulls(scene, ann, ben)
    _with_apps(scene, scene.desk.app("acme", _RIGHTS, ["widgets"]))
    _with_people(scene, ann)

    assert scene.server.wrong == []
    missing = {f"{route.method} {route.path}" for route in ROUTES} - {route for route, _ in scene.server.seen}
    assert missing == set()


def _with_issues(scene: Scene, ann: Person, ben: Person) -> None:
    number = ben.open_issue("It breaks", "When I do this.")
    ann.edit(number, title="It breaks down", body="When I do that.", assignees=["ann"])
    remark = ann.comment(number, "Which version?")
    ann.edit_comment(remark, "Which version is it?")
    ann.close(number)
    ann.reopen(number)
    ann.label(number, "bug")
    for path in (f"/{number}", f"/{number}/comments", f"/{number}/events", f"/{number}/timeline", f"/{number}/labels", "/comments",
                 f"/comments/{remark}", "/events", ""):  # fmt: skip
        ann.ask("GET", f"/issues{path}")
    event = ann.ask("GET", "/issues/events")[0]["id"]
    ann.ask("GET", f"/issues/events/{event}")
    ann.ask("DELETE", f"/issues/comments/{remark}")
    assert scene.refused(ann, "GET", "/issues/999") == 404
    assert scene.refused(ann, "POST", "/issues", {"body": "no title"}) == 422
    assert scene.refused(ben, "PATCH", "/issues/999", {}) == 404
    assert scene.refused(ann, "POST", "/issues/999/comments", {"body": "x"}) == 404


def _with_labels(scene: Scene, ann: Person) -> None:
    ann.ask("POST", "/labels", {"name": "later", "color": "112233", "description": "Not now."})
    ann.ask("PATCH", "/labels/later", {"new_name": "much later"})
    ann.ask("GET", "/labels/much%20later")
    ann.ask("GET", "/labels")
    ann.ask("PUT", "/issues/1/labels", {"labels": ["bug", "much later"]})
    ann.unlabel(1, "much later")
    ann.ask("DELETE", "/issues/1/labels")
    ann.ask("DELETE", "/labels/much%20later")
    assert scene.refused(ann, "GET", "/labels/nothing") == 404
    assert scene.refused(ann, "DELETE", "/issues/1/labels/nothing") == 404
    assert scene.refused(ann, "POST", "/labels", {"name": "BUG", "color": "112233"}) == 422


def _with_pulls(scene: Scene, ann: Person, ben: Person) -> None:
    head = scene.remote.push({"a.txt": "1\n"}, "work")
    pull = ann.ask("POST", "/pulls", {"head": "work", "base": "main", "title": "Work", "body": "Closes #1"})["number"]
    _with_checks(scene, ann, head)
    review = ben.review(pull, REQUEST_CHANGES, "Not so.", ("a.txt", 1, "Why?"))
    ann.ask("PUT", f"/pulls/{pull}/reviews/{review}/dismissals", {"message": "Because."})
    ben.ask("POST", f"/pulls/{pull}/comments", {"path": "a.txt", "line": 1, "body": "Alone.", "commit_id": head})
    ann.ask("POST", f"/pulls/{pull}/requested_reviewers", {"reviewers": ["ben"]})
    ben.review(pull)
    ann.ask("PATCH", f"/pulls/{pull}", {"title": "Work done"})
    for path in ("", "/comments", "/reviews", f"/reviews/{review}", f"/reviews/{review}/comments", "/commits", "/files"):
        ann.ask("GET", f"/pulls/{pull}{path}")
    for path in (
        f"/issues/{pull}",
        f"/issues/{pull}/timeline",
        "/issues",
        "/pulls?state=all",
        "/branches",
        "/branches/work",
        "/git/ref/heads/work",
        f"/commits/{head}",
    ):
        ann.ask("GET", path)
    assert scene.refused(ann, "GET", f"/pulls/{pull}/merge") == 404
    assert scene.refused(ann, "PUT", f"/pulls/{pull}/merge", {"sha": "0" * 40}) == 409
    assert scene.refused(ann, "POST", f"/pulls/{pull}/reviews", {"event": "APPROVE"}) == 422
    ann.merge(pull)
    ann.ask("GET", f"/pulls/{pull}/merge")
    ann.ask("GET", f"/pulls/{pull}")
    ann.ask("DELETE", "/git/refs/heads/work")
    assert scene.refused(ann, "PUT", f"/pulls/{pull}/merge") == 405
    assert ann.issue(1)["state"] == "closed"


def _with_checks(scene: Scene, ann: Person, head: str) -> None:
    machine = scene.desk.checks(REPO)
    check = machine.check_run(head, None)
    machine.end_check(check, "failure")
    machine.check_run(head, "success", "lint", "All is well.")
    ann.status(head, "failure", description="No.")
    for path in (
        f"/check-runs/{check}",
        f"/commits/{head}/check-runs",
        f"/commits/{head}/check-suites",
        f"/commits/{head}/status",
        f"/commits/{head}/statuses",
    ):
        ann.ask("GET", path)
    assert scene.refused(ann, "POST", "/check-runs", {"name": "x", "head_sha": head}) == 403


def _with_apps(scene: Scene, key: AppKey) -> None:
    api, signed = scene.desk.api, github.Auth.AppAuth(key.app, key.private_key).token
    for path in ("/app", "/app/installations", f"/app/installations/{key.installation}", f"/repos/{REPO}/installation"):
        ask(api, signed, "GET", path)
    token = ask(api, signed, "POST", f"/app/installations/{key.installation}/access_tokens", {"repositories": ["widgets"]})["token"]
    ask(api, token, "GET", "/installation/repositories")


def _with_people(scene: Scene, ann: Person) -> None:
    for path in ("", "/collaborators", "/collaborators/ben", "/collaborators/ben/permission"):
        ann.ask("GET", path)
    ask(scene.desk.api, ann.token, "GET", "/user")
    ask(scene.desk.api, ann.token, "GET", "/users/ben")
    assert scene.refused(ann, "GET", "/collaborators/nobody/permission") == 404
    assert scene.refused(ann, "GET", "/collaborators/nobody") == 404


def test_what_is_not_as_github_describes_it_is_found() -> None:
    assert complaints("GET /repos/{repo}/labels/{name}", 200, {"id": "1", "name": "x"}) != []
    assert complaints("GET /repos/{repo}/labels/{name}", 201, {}) == ["GitHub knows no 201 of it, only ['200', '404']"]
