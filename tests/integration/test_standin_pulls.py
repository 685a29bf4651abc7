"""Pull requests at the GitHub stand-in: merged and refused by git itself, with checks and reviews."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from factory.standin.failures import Failure
from factory.standin.person import REQUEST_CHANGES, Person
from tests.repositories import git
from tests.standin_watched import REPO, Scene

_SECONDS = 30


def opened(scene: Scene, ann: Person, files: dict[str, str | bytes], branch: str = "work", body: str = "") -> int:
    scene.remote.push(files, branch)
    made = ann.ask("POST", "/pulls", {"head": branch, "base": "main", "title": "Work", "body": body})
    return int(made["number"])


@pytest.mark.parametrize(("method", "parents", "body"), [("merge", 2, "Closes #1"), ("squash", 1, f"Fixes {REPO}#1.")])
def test_a_merge_is_a_commit_on_the_base_and_closes_the_issue_that_it_names(
    scene: Scene, ann: Person, method: str, parents: int, body: str
) -> None:
    ann.open_issue("It breaks")
    ann.open_issue("Something else")
    number = opened(scene, ann, {"a.txt": "1\n"}, body=f"{body} Not other/repo#2, and see #2.")

    sha = ann.merge(number, method)

    assert scene.remote.branches()["refs/heads/main"] == sha
    assert len(git(scene.remote.bare, "show", "--no-patch", "--format=%P", sha).split()) == parents
    assert git(scene.remote.bare, "show", f"{sha}:a.txt") == "1"
    assert (ann.pull(number)["merged"], ann.issue(1)["state"], ann.issue(2)["state"]) == (True, "closed", "open")
    assert [one["ref"] for one in scene.ledger("ref")] == ["main"]
    assert scene.refused(ann, "PUT", f"/pulls/{number}/merge") == 405


def test_a_conflict_is_found_by_git_and_stands_in_the_way_until_it_is_resolved(scene: Scene, ann: Person) -> None:
    first = scene.remote.tree.head()
    number = opened(scene, ann, {"README.md": "Theirs\n"})
    git(scene.remote.tree.folder, "reset", "--quiet", "--hard", first)
    scene.remote.push({"README.md": "Ours\n"}, "main")

    assert (ann.pull(number)["mergeable"], ann.pull(number)["mergeable_state"]) == (False, "dirty")
    assert scene.refused(ann, "PUT", f"/pulls/{number}/merge") == 405

    scene.remote.push({"README.md": "Both\n"}, "work")
    assert (ann.pull(number)["mergeable"], ann.pull(number)["mergeable_state"]) == (True, "clean")
    assert ann.pull(number)["head"]["sha"] == scene.remote.tree.head()


def test_it_is_closed_with_its_branch_and_not_merged_at_another_commit_than_was_meant(scene: Scene, ann: Person) -> None:
    number = opened(scene, ann, {"a.txt": "1\n"})
    assert scene.refused(ann, "PUT", f"/pulls/{number}/merge", {"sha": "0" * 40}) == 409

    ann.ask("DELETE", "/git/refs/heads/work")

    assert (ann.pull(number)["state"], ann.pull(number)["merged"]) == ("closed", False)
    assert scene.refused(ann, "PATCH", f"/pulls/{number}", {"state": "open"}) == 422


def test_of_several_at_once_for_one_branch_one_is_opened(scene: Scene, ann: Person) -> None:
    scene.remote.push({"a.txt": "1\n"}, "work")
    given = {"head": "work", "base": "main", "title": "Work"}

    def created(_: int) -> int:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Authorization": f"Bearer {ann.token}"}
            return session.post(f"{scene.desk.api}/repos/{REPO}/pulls", json=given, headers=headers, timeout=_SECONDS).status_code

    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(created, range(8)))

    assert sorted(codes) == [201, *[422] * 7]
    assert len(scene.ledger("pull")) == 1


def test_whether_it_merges_may_not_be_known_yet(scene: Scene, ann: Person) -> None:
    number = opened(scene, ann, {"a.txt": "1\n"})
    scene.desk.fails(("GET pull", Failure.UNDECIDED))

    assert [(one["mergeable"], one["mergeable_state"]) for one in (ann.pull(number), ann.pull(number))] == [
        (None, "unknown"),
        (True, "clean"),
    ]


def test_checks_and_reviews_are_told_as_they_are_now(scene: Scene, ann: Person) -> None:
    number = opened(scene, ann, {"a.txt": "1\n"})
    sha, machine, ben = scene.remote.tree.head(), scene.desk.checks(REPO), scene.desk.person("ben", REPO, "write")
    check = machine.check_run(sha, None)
    assert ann.pull(number)["mergeable_state"] == "unstable"
    machine.end_check(check, "failure")
    ben.review(number, REQUEST_CHANGES, "Not so.", ("a.txt", 1, "Why?"))
    machine.check_run(sha, "success")
    ben.review(number)

    there = scene.client().get_repo(REPO)
    runs = [(run.name, run.conclusion) for run in there.get_commit(sha).get_check_runs()]
    reviews = [(one.state, one.user.login, one.body) for one in there.get_pull(number).get_reviews()]

    assert runs == [("test", "success")]
    assert reviews == [("CHANGES_REQUESTED", "ben", "Not so."), ("APPROVED", "ben", "")]
    assert [(one.path, one.body) for one in there.get_pull(number).get_review_comments()] == [("a.txt", "Why?")]
    assert ann.pull(number)["mergeable_state"] == "clean"
