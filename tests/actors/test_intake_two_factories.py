"""Two factories that watch one repository: whoever is told of an issue at the same moment, one of them takes it up, and says so once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

import pytest

from factory.domain.backoff import BackoffPolicy
from factory.errors import ForgeUnavailable
from factory.integrations.github_issues import GitHubIssues
from factory.standin.failures import Failure
from factory.storage.outlooks import Outlooks
from tests.actors.intake_site import LABEL, POLL, Site, site_at
from tests.databases import Databases
from tests.standin import StandIn

PROCESSING = f"{LABEL}-processing"
_NUMBERS = count(1)
_SECONDS = 60.0


@pytest.fixture
def sites(standin: StandIn, databases: Databases, migrated_template: str) -> Iterator[tuple[Site, Site]]:
    """Of one repository, each with a database of its own."""
    repos = (f"acme/shared{next(_NUMBERS)}",)
    with databases.fresh(migrated_template) as dsn, databases.fresh(migrated_template) as other, site_at(standin, dsn, repos) as one:
        two = Site(standin, other, repos)
        for site, instance in ((one, "first"), (two, "second")):
            site.settings = replace(site.settings, instance=instance)
            site.restart()
        yield one, two
        two.close()


def labelled(site: Site) -> int:
    number = site.writer.open_issue("Widgets", "Do it.")
    site.writer.label(number, LABEL)
    return number


def living(*sites: Site) -> list[tuple[str, str]]:
    return [(item["id"], item["status"]) for site in sites for item in site.items() if item["status"] != "cancelled"]


class Together:
    """The forge of one of two sites: the first exchange of labels waits for the other's."""

    def __init__(self, forge: GitHubIssues, gate: threading.Barrier) -> None:
        self._forge, self._gate, self._is_first = forge, gate, True

    def relabel(self, *arguments: object) -> tuple[str, ...]:
        if self._is_first:
            self._is_first = False
            self._gate.wait(_SECONDS)
        return self._forge.relabel(*arguments)  # type: ignore[arg-type] # as the port has it

    def __getattr__(self, name: str) -> Callable[..., object]:
        return getattr(self._forge, name)  # type: ignore[no-any-return] # as the port has it


class Shut:
    """The forge of a site that cannot change labels for as long as it is shut."""

    def __init__(self, forge: GitHubIssues) -> None:
        self._forge, self.is_shut = forge, True

    def relabel(self, *arguments: object) -> tuple[str, ...]:
        if self.is_shut:
            raise ForgeUnavailable("it cannot now")
        return self._forge.relabel(*arguments)  # type: ignore[arg-type] # as the port has it

    def __getattr__(self, name: str) -> Callable[..., object]:
        return getattr(self._forge, name)  # type: ignore[no-any-return] # as the port has it


def at_once(*sites: Site) -> None:
    """Lets all of them take up what there is, at the same moment."""
    gate = threading.Barrier(len(sites))
    for site in sites:
        site.traps["source"].port = Together(site.traps["source"].port, gate)
    for _ in range(5):
        with ThreadPoolExecutor(len(sites)) as pool:
            list(pool.map(Site.settle, sites))


def test_of_two_that_take_an_issue_up_at_the_same_moment_one_has_it_and_the_other_says_why_not(sites: tuple[Site, Site]) -> None:
    number = labelled(sites[0])

    at_once(*sites)

    assert len(living(*sites)) == 1
    winner, loser = sites if living(sites[0]) else sites[::-1]
    assert (winner.writer.labels(number), winner.said(number)) == ([PROCESSING], ["taken"])
    (row,) = loser.rows()
    assert (row["state"], row["reason"]) == ("over", f"another factory works on it: {winner.settings.instance} was faster")
    (told,) = Outlooks(loser.databases[0]).trail(0.0, "", "system", 10)["events"]
    assert (told["type"], told["data"]["reason"]) == ("ISSUE.LABELLED.REFUSED", row["reason"])

    winner.item_becomes(number, "completed")
    for site in sites:
        site.settle()
    assert (winner.writer.labels(number), winner.said(number)) == ([f"{LABEL}-done"], ["taken", "done"])


def test_who_has_an_item_and_then_sees_that_another_one_exchanged_the_labels_leaves_it_to_them(sites: tuple[Site, Site]) -> None:
    one, two = sites
    number = labelled(one)
    two.settings = replace(two.settings, backoff=BackoffPolicy(POLL / 2, POLL / 2))
    two.restart()
    shut = two.traps["source"].port = Shut(two.traps["source"].port)
    two.advance(POLL)
    two.until(two.items)
    one.settle()
    two.advance(POLL)
    two.until(lambda: PROCESSING in two.rows()[0]["labels"])

    shut.is_shut = False
    two.settle()

    assert [item["status"] for item in two.items()] == ["cancelled"]
    assert "another factory works on it: first was faster" in two.rows()[0]["reason"]
    assert (one.writer.labels(number), one.said(number), len(living(*sites))) == ([PROCESSING], ["taken"], 1)


def test_what_an_operator_has_done_again_is_nobody_elses_for_want_of_the_label(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    number = labelled(one)
    one.settle()
    one.item_becomes(number, "failed", "no way")
    one.settle()
    one.item_becomes(number, "queued")

    one.settle()

    assert (one.writer.labels(number), one.said(number)) == ([PROCESSING], ["taken", "failed", "taken-2"])


def test_an_issue_that_another_one_works_on_is_left_to_it_although_somebody_labels_it_again(sites: tuple[Site, Site]) -> None:
    one, two = sites
    number = labelled(one)
    one.settle()
    one.writer.label(number, LABEL)

    two.settle()

    assert (two.items(), two.rows()[0]["state"]) == ([], "over")
    assert two.rows()[0]["reason"].startswith("another factory works on it: take its label ai-factory-processing off if it does not")
    assert sorted(two.writer.labels(number)) == [LABEL, PROCESSING]
    for site in (*sites, *sites):
        site.settle()
    assert (one.writer.labels(number), one.said(number), len(living(*sites))) == ([PROCESSING], ["taken"], 1)


def test_what_a_factory_that_is_gone_left_is_taken_up_when_its_label_is_taken_off(sites: tuple[Site, Site]) -> None:
    gone, here = sites
    number = labelled(gone)
    gone.settle()
    here.writer.label(number, LABEL)
    here.settle()
    here.writer.unlabel(number, LABEL)
    here.writer.unlabel(number, PROCESSING)
    here.settle()

    here.writer.label(number, LABEL)
    here.settle()

    assert [status for _, status in living(here)] == ["parked"]
    assert here.writer.labels(number) == [PROCESSING]


@pytest.mark.parametrize("failure", [Failure.ERROR_AFTER, Failure.RESET_AFTER])
def test_who_took_the_label_off_and_did_not_hear_it_has_the_issue_all_the_same(sites: tuple[Site, Site], failure: Failure) -> None:
    one, _ = sites
    number = labelled(one)
    one.standin.fails(("DELETE issue label", failure))

    for _ in range(3):
        one.settle()

    assert ([status for _, status in living(one)], one.writer.labels(number), one.said(number)) == (["parked"], [PROCESSING], ["taken"])


def test_a_comment_that_only_looks_like_another_factorys_word_stops_nobody(sites: tuple[Site, Site]) -> None:
    one, _ = sites
    number = labelled(one)
    one.standin.person("eve", one.repo, "read").comment(number, "<!-- ai-factory-claim:evil --> Mine!")
    one.standin.fails(("DELETE issue label", Failure.ERROR_AFTER))

    for _ in range(3):
        one.settle()
        one.writer.label(number, LABEL)

    assert [status for _, status in living(one)] == ["parked"]
