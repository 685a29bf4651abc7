"""The GitHub stand-in's lists, and who may what: as GitHub has them."""

import pytest

from factory.standin.person import Person
from tests.standin_watched import REPO, Scene

_SECONDS = 30


def used(scene: Scene) -> int:
    return int(scene.get("/rate_limit").json()["rate"]["used"])


# -- lists ------------------------------------------------------------------------------------------------------------


def test_what_did_not_change_is_answered_with_304_and_costs_nothing(scene: Scene, ann: Person) -> None:
    ann.open_issue("One")
    first = scene.get(f"/repos/{REPO}/issues")
    before = used(scene)

    again = scene.get(f"/repos/{REPO}/issues", first.headers["ETag"])

    assert (again.status_code, again.content, used(scene) - before) == (304, b"", 0)
    ann.label(1, "bug")
    changed = scene.get(f"/repos/{REPO}/issues", first.headers["ETag"])
    assert (changed.status_code, used(scene) - before) == (200, 1)
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_a_second_page_changes_the_tag_of_the_first_which_names_it(scene: Scene, ann: Person) -> None:
    ann.open_issue("One")
    path = f"/repos/{REPO}/issues?per_page=1&direction=asc"
    alone = scene.get(path)
    ann.open_issue("Two")

    followed = scene.get(path, alone.headers["ETag"])

    assert (alone.links, alone.json()) == ({}, followed.json())
    assert followed.links["next"]["url"] == f"{scene.desk.api}{path}&page=2"


def test_pages_are_followed_to_the_end_by_the_library_and_each_is_one_call(scene: Scene, ann: Person) -> None:
    for number in range(1, 26):
        ann.open_issue(f"Issue {number}", "", "take")
    there = scene.client().get_repo(REPO)
    there.requester.per_page = 10
    before = used(scene)

    numbers = [issue.number for issue in there.get_issues(labels=["take"], sort="created", direction="asc")]

    assert (numbers, used(scene) - before) == (list(range(1, 26)), 3)


def test_pull_requests_stand_among_the_issues_and_say_so(scene: Scene, ann: Person) -> None:
    ann.open_issue("An issue")
    scene.remote.push({"a": "1"}, "work")
    scene.client().get_repo(REPO).create_pull(base="main", head="work", title="A pull request")

    listed = list(scene.client().get_repo(REPO).get_issues())

    assert [(one.number, one.pull_request is not None) for one in listed] == [(2, True), (1, False)]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [3, 2, 1]),
        ("?labels=bug", [3, 1]),
        ("?labels=BUG,urgent", [3]),
        ("?state=closed", [4]),
        ("?state=all&direction=asc", [1, 2, 3, 4]),
        ("?state=all&since=2026-01-03T00:00:00Z", [4, 3]),
        ("?state=all&sort=updated", [2, 4, 3, 1]),
        ("?creator=ben", []),
    ],
)
def test_issues_are_listed_by_what_is_asked_for(scene: Scene, ann: Person, query: str, numbers: list[int]) -> None:
    for labels in (("bug",), (), ("bug", "urgent"), ()):
        ann.open_issue("An issue", "", *labels)
    ann.close(4)
    with scene.server.hub.turn:
        for number, day in enumerate((1, 9, 3, 4), 1):
            issue = scene.server.hub.issue(REPO, number)
            issue.created, issue.updated = f"2026-01-0{number}T00:00:00Z", f"2026-01-0{day}T00:00:00Z"
    if "since" in query:
        numbers = sorted({*numbers, 2}, reverse=True)

    assert [one["number"] for one in ann.ask("GET", f"/issues{query}")] == numbers


# -- who may what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "told"),
    [("read", "read"), ("triage", "read"), ("write", "write"), ("maintain", "write"), ("admin", "admin"), ("none", "none")],
)
def test_what_somebody_may_is_told_in_both_words(scene: Scene, role: str, told: str) -> None:
    scene.desk.person("ben", REPO, role)

    found = scene.get(f"/repos/{REPO}/collaborators/ben/permission").json()

    assert (found["permission"], found["role_name"], found["user"]["login"]) == (told, role, "ben")


def test_a_reader_may_speak_but_not_label(scene: Scene) -> None:
    ben = scene.desk.person("ben", REPO, "read")

    number = ben.open_issue("Mine", "Words", "take")
    ben.comment(number, "More words")
    ben.edit(number, body="Other words")

    assert ben.labels(number) == []
    assert scene.refused(ben, "POST", f"/issues/{number}/labels", {"labels": ["take"]}) == 403


def test_a_stranger_does_not_learn_of_a_private_repository_and_reads_a_public_one(scene: Scene) -> None:
    eve = scene.desk.person("eve", REPO, "none")
    assert scene.refused(eve, "GET", "/issues") == 404

    scene.desk.settings(REPO, private=False)

    assert eve.ask("GET", "/issues") == []
    assert scene.refused(eve, "POST", "/labels", {"name": "x"}) == 403


def test_the_timeline_tells_who_labelled_and_a_label_that_is_there_is_no_event(scene: Scene, ann: Person) -> None:
    number = ann.open_issue("An issue")
    ann.label(number, "take")
    ann.label(number, "TAKE")
    scene.desk.person("ben", REPO, "triage").unlabel(number, "take")
    ann.edit(number, title="A better title")

    events = [(one.event, one.actor.login) for one in scene.client().get_repo(REPO).get_issue(number).get_events()]

    assert events == [("labeled", "ann"), ("unlabeled", "ben"), ("renamed", "ann")]
    assert [(one["action"], one["by"]) for one in scene.ledger("label")] == [("labeled", "ann"), ("unlabeled", "ben")]
