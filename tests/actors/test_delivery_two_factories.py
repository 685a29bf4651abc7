"""Two factories that made a result of the same issue each: it has one item's name in both, and so one branch and one pull request."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from factory.domain.delivery import digest
from factory.domain.forge import GitHub
from factory.integrations.git_remote import Remotes
from factory.integrations.github_token import FixedToken, GitHubAccess
from factory.protocol.delivery_mail import Published, Rejected
from factory.storage.database import Database
from tests.actors.delivery_site import GATES, Site
from tests.actors.test_delivery_github import Hosted, Place
from tests.databases import Databases
from tests.fakes.clock import ManualClock
from tests.items import insert_item
from tests.repositories import ITEM, git
from tests.standin import TOKEN, StandIn, stand_in

REPO, BRANCH = "acme/widgets", f"factory/{ITEM}"


@pytest.fixture
def places(tmp_path: Path, databases: Databases, migrated_template: str) -> Iterator[tuple[Place, Place]]:
    with stand_in(tmp_path / "github") as standin, databases.fresh(migrated_template) as dsn, databases.fresh(migrated_template) as other:
        made = standin.repository(REPO)
        remote = Hosted(made.bare, made.tree, standin.address(REPO))
        with Database(dsn, "one") as first, Database(other, "two") as second:
            one, two = (
                place_at(standin, database, tmp_path / database_name, remote)
                for database, database_name in ((first, "one"), (second, "two"))
            )
            yield one, two
            for place in (one, two):
                place.site.background.close()


def place_at(standin: StandIn, database: Database, folder: Path, remote: Hosted) -> Place:
    folder.mkdir()
    insert_item(database, ITEM)
    access = GitHubAccess(GitHub(standin.api, standin.api), FixedToken(TOKEN))
    return Place(standin, database, Site(folder, remote, ManualClock(), settings=GATES, remotes=Remotes(access)))


def test_the_second_result_is_put_before_a_person_and_leads_to_no_second_pull_request(places: tuple[Place, Place]) -> None:
    one, two = places
    mine, theirs = one.result("a\n"), two.result("b\n")
    one.site.settle()

    two.site.settle()

    assert isinstance(one.site.queue.words[0], Published)
    (word,) = two.site.queue.words
    assert isinstance(word, Rejected)
    assert (word.failure, mine.result.commit[:12] in word.reason) == ("policy", True)
    assert one.pull()["sha"] == mine.result.commit

    # Also with their yes, and after the merge, when the branch is there no more.
    yes = replace(theirs, approved_digest=digest(theirs.result.base_commit, theirs.result.commit))
    two.site.outbox.add(yes)
    two.site.settle()
    one.standin.merge(REPO, 1)
    git(one.site.remote.bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
    two.site.outbox.add(yes)
    two.site.settle()

    assert [type(word) for word in two.site.queue.words] == [Rejected] * 3
    assert one.pull()["sha"] == mine.result.commit
    assert one.updates() == [(None, mine.result.commit)]


def test_of_two_that_publish_at_the_same_time_one_does(places: tuple[Place, Place]) -> None:
    one, two = places
    results = [place.result(f"{number}\n").result.commit for number, place in enumerate(places)]
    for place in places:
        place.site.until(lambda place=place: place.site.orders)  # type: ignore[misc] # bound now

    for place in (two, one):
        place.site.settle()

    words = [type(place.site.queue.words[0]) for place in places]
    assert sorted(word.__name__ for word in words) == ["Published", "Rejected"]
    assert one.pull()["sha"] == results[words.index(Published)]
