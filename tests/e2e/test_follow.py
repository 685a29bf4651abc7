"""A real factory, and a GitHub on this machine: a pull request is followed until it is merged, through a failed check and a conflict."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_factory import RealFactory, check_trail, git, left_over, real_factory
from tests.repositories import Remote
from tests.standin import TOKEN, StandIn, stand_in
from tests.waiting import eventually

_REPO = "acme/widgets"
_AGENT = """#!/bin/sh
set -e
line=$(grep -n -m1 -- '- \\[ \\]' "$FACTORY_SPEC" | cut -d: -f1)
if [ -f "$FACTORY_NOTES/previous-attempt.md" ]; then
    cp "$FACTORY_NOTES/previous-attempt.md" said.txt
    sed -n "${line}p" "$FACTORY_SPEC" > asked.txt
    if grep -q 'git merge' asked.txt; then
        git merge -q -m 'Merge main' origin/main || { echo both > a.txt; git add a.txt; git commit -qm 'Merge main'; }
    fi
    echo "Learnt in the rework" >> "$FACTORY_NOTES/new-learnings.md"
else
    echo ours > a.txt
    echo "Learnt at first" >> "$FACTORY_NOTES/new-learnings.md"
fi
git add -A
git commit -qm "line $line"
sed -i "${line}s/\\[ \\]/[x]/" "$FACTORY_SPEC"
"""


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with stand_in(tmp_path_factory.mktemp("github")) as standin:
        yield standin


@pytest.fixture(scope="module")
def factory(standin: StandIn) -> Iterator[RealFactory]:
    settings = {"GITHUB_API_URL": standin.api, "GITHUB_TOKEN": TOKEN, "FACTORY_FOLLOW_INTERVAL": "1s", "FACTORY_PULL_LABELS": "made"}
    with real_factory(settings) as factory:
        factory.up()
        yield factory


@pytest.fixture(scope="module")
def remote(standin: StandIn) -> Remote:
    return standin.repository(_REPO, {"a.txt": "a\n"})


def in_review(factory: RealFactory, item: str, epoch: int) -> str:
    """Waits until the attempt is published, and returns its commit."""

    def there() -> bool:
        row = factory.item(item)
        return (row["status"], row["epoch"]) == ("in_review", epoch)

    eventually(there, 60, lambda: f"attempt {epoch} is in review; {factory.item(item)} {factory.log()}")
    return str(factory.rows("SELECT head FROM pull_requests WHERE item = %s", item)[0]["head"])


def test_a_failed_check_and_a_conflict_are_reworked_on_the_same_pull_request_until_a_person_merges_it(factory, standin, remote) -> None:
    alice, ci = standin.person("alice", _REPO), standin.checks(_REPO)
    item = factory.submit(standin.address(_REPO), engine=f"command:{factory._program('agent.sh', _AGENT)}", spec="# Do it\n\n- [ ] one\n")
    first = in_review(factory, item, 1)
    eventually(lambda: learnings(factory) == {("Learnt at first", False)}, 60, lambda: f"the first is kept: {learnings(factory)}")

    ci.check_run(first, "failure", "unit", "2 failed")
    second = in_review(factory, item, 2)

    assert show(remote, second, "said.txt").endswith("## The check unit ended with failure\n\n> unit\n> 2 failed")
    assert "- [ ] Rework: the check unit ended with failure." in show(remote, second, "asked.txt")
    assert git(remote.bare, "rev-parse", f"{second}^").strip() == first

    base = remote.push({"a.txt": "theirs\n"})
    third = in_review(factory, item, 3)

    assert git(remote.bare, "merge-base", "--is-ancestor", base, third) == ""
    assert show(remote, third, "a.txt") == "both\n"
    ci.check_run(third, "success", "unit")
    (pull,) = alice.pulls()
    alice.review(pull["number"], "APPROVE")
    alice.merge(pull["number"])
    row = factory.settled(item)

    assert (row["reworks"], row["attempts"]) == (2, 0)
    assert "was merged by alice." in row["reason"]
    assert "| 1 | none | 3 | 0 | 2 |" in pull["body"]
    assert [label["name"] for label in pull["labels"]] == ["made"]
    eventually(lambda: all(active for _, active in learnings(factory)), 30, lambda: f"all teach: {learnings(factory)}")
    assert len(standin.ledger("pull")) == 1
    check_trail(factory, item)


def learnings(factory: RealFactory) -> set[tuple[str, bool]]:
    return {(row["content"], row["active"]) for row in factory.rows("SELECT content, active FROM learnings")}


def show(remote: Remote, commit: str, path: str) -> str:
    return git(Path(remote.bare), "show", f"{commit}:{path}")


_WAITS = """#!/bin/sh
set -e
test ! -f "$FACTORY_NOTES/previous-attempt.md" || exec sleep 600
echo ours > a.txt
echo "Learnt before the merge" >> "$FACTORY_NOTES/new-learnings.md"
git commit -qam one
sed -i 's/\\[ \\]/[x]/' "$FACTORY_SPEC"
"""


def test_one_that_is_merged_while_an_agent_reworks_it_is_completed_and_the_agent_ended(factory: RealFactory, standin: StandIn) -> None:
    repo = "acme/gadgets"
    standin.repository(repo, {"a.txt": "a\n"})
    alice, ci = standin.person("alice", repo), standin.checks(repo)
    agent = f"command:{factory._program('waits.sh', _WAITS)}"
    item = factory.submit(standin.address(repo), engine=agent, spec="# Do it\n\n- [ ] one\n")
    ci.check_run(in_review(factory, item, 1), "failure", "unit", "2 failed")
    eventually(lambda: (factory.item(item)["status"], factory.item(item)["epoch"]) == ("running", 2), 60, factory.log)

    (pull,) = alice.pulls()
    alice.merge(pull["number"])
    row = factory.settled(item)

    assert (row["status"], row["attempts"], row["reworks"], row["holder"]) == ("completed", 0, 1, None)
    assert row["reason"].endswith("was merged by alice.")
    ended = factory.rows("SELECT outcome, burnt FROM attempts WHERE item = %s AND epoch = 2", item)
    assert ended == [{"outcome": "given_back", "burnt": False}]
    taught = "SELECT content FROM learnings WHERE active AND source_work_item_id = %s"
    eventually(lambda: factory.rows(taught, item) == [{"content": "Learnt before the merge"}], 30, "what was learnt teaches")
    eventually(lambda: not left_over(factory, item), 30, lambda: f"nothing is left of it, there is {left_over(factory, item)}")
    check_trail(factory, item)
