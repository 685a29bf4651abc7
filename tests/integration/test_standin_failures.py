"""Limits and failures by script of the GitHub stand-in, and what is left when it is killed."""

from pathlib import Path

import github
import pytest
import requests

from factory.standin.failures import EVERY, Failure
from factory.standin.person import Person
from tests.standin import stand_in
from tests.standin_watched import REPO, Scene

_SECONDS = 30


def test_after_the_last_call_of_the_hour_all_are_refused_of_this_account(scene: Scene, ann: Person) -> None:
    scene.desk.limits(limit=2)
    answers = [scene.get(f"/repos/{REPO}") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert "API rate limit exceeded" in answers[2].json()["message"]
    assert ann.issues() == []


def test_too_many_writes_in_a_minute_are_refused_with_the_time_to_wait(scene: Scene, ann: Person) -> None:
    scene.desk.limits(writes=1)
    ann.open_issue("One")

    with pytest.raises(github.GithubException) as caught:
        scene.client(ann.token).get_repo(REPO).create_issue("Two")

    assert caught.value.status == 403
    assert 0 < int((caught.value.headers or {})["retry-after"]) <= 61
    assert "secondary rate limit" in caught.value.data["message"]


@pytest.mark.parametrize("failure", Failure)
def test_a_failure_leaves_done_what_it_says_and_nothing_else(scene: Scene, ann: Person, failure: Failure) -> None:
    number = ann.open_issue("An issue")
    scene.desk.fails(("POST comments", failure))

    try:
        with requests.Session() as session:
            session.trust_env = False
            session.post(f"{scene.desk.api}/repos/{REPO}/issues/{number}/comments", json={"body": "Said"}, timeout=_SECONDS,
                         headers={"Authorization": f"Bearer {ann.token}"})  # fmt: skip
    except requests.RequestException:
        assert "reset" in failure or "timeout" in failure or "cut" in failure

    assert [one["body"] for one in ann.comments(number)] == (["Said"] if failure.has_effect else [])
    assert len(scene.ledger("comment")) == int(failure.has_effect)
    assert [one["failure"] for one in scene.ledger("failure")] == [failure]
    ann.comment(number, "Said again")


def test_a_rule_may_be_about_every_call_and_let_some_pass_first(scene: Scene, ann: Person) -> None:
    scene.desk.fails((EVERY, Failure.FORBIDDEN, 2, 0.0, 1))

    assert ann.issues() == []
    assert [scene.refused(ann, "GET", path) for path in ("/issues", "/labels")] == [403, 403]
    assert ann.issues() == []


def test_a_short_list_names_no_further_page(scene: Scene, ann: Person) -> None:
    for _ in range(4):
        ann.open_issue("An issue")
    scene.desk.fails(("GET issues", Failure.SHORT))

    short = scene.get(f"/repos/{REPO}/issues?per_page=2")

    assert ([one["number"] for one in short.json()], short.links) == ([4], {})


def test_killed_at_any_byte_it_knows_all_that_it_answered(tmp_path: Path) -> None:
    with stand_in(tmp_path / "github") as standin:
        standin.repository()
        ann = standin.person("ann", REPO)
        number = ann.open_issue("An issue", "Words", "take")
        ann.comment(number, "More")
        standin.kill()
        for name in ("state.jsonl", "ledger.jsonl"):
            with (tmp_path / "github" / name).open("a") as torn:
                torn.write('{"kind": "Issue", "key": "acme/widgets#2", "val')

        standin.start()

        ann = Person(standin.api, "ann", ann.token, REPO)
        assert (ann.labels(number), [one["body"] for one in ann.comments(number)]) == (["take"], ["More"])
        assert ann.open_issue("Another") == 2
        assert [one["number"] for one in standin.changes() if one["what"] == "issue"] == [1, 2]
        assert standin.counted()["POST issues"] == 2
