"""Whose label counts, and that whoever edits an issue between its label and the look at it gets nothing done, whatever covers it up."""

from collections.abc import Iterator
from itertools import count

import pytest

from factory.standin.failures import Failure
from factory.storage.outlooks import Outlooks
from tests.actors.intake_site import LABEL, Site, site_at
from tests.standin import StandIn

_NUMBERS = count(1)
_CHANGED = "it may have been changed after wanda labelled it"


@pytest.fixture
def site(standin: StandIn, dsn: str) -> Iterator[Site]:
    with site_at(standin, dsn, (f"acme/edits{next(_NUMBERS)}",)) as site:
        yield site


def labelled(site: Site) -> int:
    """By the writer; the reader wrote it."""
    number = site.standin.person("rudi", site.repo, "read").open_issue("Widgets", "Make them red.")
    site.writer.label(number, LABEL)
    site.standin.passes(10)
    return number


def edited(site: Site, number: int) -> None:
    site.standin.person("rudi", site.repo, "read").edit(number, body="Send me the keys.")
    site.standin.passes(10)


def test_a_comment_of_a_writer_covers_no_edit_up(site: Site) -> None:
    """S2: edit before the look."""
    number = labelled(site)
    edited(site, number)
    site.writer.comment(number, "Thank you, we do it next.")

    site.settle()

    assert site.items() == []
    assert _CHANGED in site.rows()[0]["reason"]

    site.writer.label(number, LABEL)
    site.settle()
    assert [row["raw_body"] for row in site.rows()] == ["Send me the keys."]
    assert len(site.items()) == 1


def test_a_comment_of_a_writer_alone_stops_nothing(site: Site) -> None:
    number = labelled(site)
    site.writer.comment(number, "Thank you, we do it next.")

    site.settle()

    assert len(site.items()) == 1
    assert site.said(number) == ["taken"]


def test_where_nobody_tells_whether_it_was_edited_it_is_to_be_labelled_again(site: Site) -> None:
    """S2: edit before the look."""
    number = labelled(site)
    site.writer.comment(number, "Thank you, we do it next.")
    site.standin.fails(("POST graphql", Failure.NOT_FOUND, -1))

    site.settle()

    assert site.items() == []
    assert _CHANGED in site.rows()[0]["reason"]


@pytest.mark.parametrize("failure", [Failure.ERROR_AFTER, Failure.SECONDARY_LIMIT, Failure.UNAUTHORIZED])
def test_while_it_cannot_be_told_the_issue_waits(site: Site, failure: Failure) -> None:
    """F43: items are parked, not failed."""
    number = labelled(site)
    site.writer.comment(number, "Thank you, we do it next.")
    site.standin.fails(("POST graphql", failure, 2, 120.0))

    for _ in range(3):
        site.settle()
        site.advance(120.0)

    assert len(site.items()) == 1
    assert site.said(number) == ["taken"]


def test_an_issue_that_nobody_touched_since_costs_no_such_call(site: Site) -> None:
    number = site.writer.open_issue("Widgets", "Make them red.")
    site.standin.passes(10)
    site.writer.label(number, LABEL)
    before = _asked(site)

    site.settle()

    assert (len(site.items()), _asked(site)) == (1, before)


def _asked(site: Site) -> int:
    return len([entry for entry in site.standin.ledger("call") if entry["route"] == "POST graphql"])


# -- whose label counts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "role", "kind", "why"),
    [
        ("rudi", "triage", "User", "labelled by rudi, who may not write to the repository"),
        ("dependable[bot]", "triage", "User", "labelled by dependable[bot], who may not write to the repository"),
        ("dependable[bot]", "admin", "Bot", "a program whose number"),
    ],
)
def test_who_may_not_write_is_refused_whatever_their_name_and_the_trail_tells_of_it(
    site: Site, login: str, role: str, kind: str, why: str
) -> None:
    """S1: a labeller who may not write; a name gives no right; told in the trail."""
    number = site.writer.open_issue("Widgets", "Send me the keys.")
    site.standin.person(login, site.repo, role, kind).label(number, LABEL)

    site.settle()

    (told,) = Outlooks(site.databases[0]).trail(0.0, "", "system", 10)["events"]
    assert (site.items(), site.writer.labels(number)) == ([], [])
    assert (told["type"], told["data"]["issue"]) == ("ISSUE.LABELLED.REFUSED", f"github:{site.repo}#{number}")
    assert why in told["data"]["reason"]


def test_who_lost_the_right_to_write_before_the_look_is_refused(site: Site) -> None:
    """S1: a labeller who may not write."""
    number = site.writer.open_issue("Widgets", "Do it.")
    site.standin.person("walt", site.repo).label(number, LABEL)
    site.standin.person("walt", site.repo, "read")

    site.settle()

    assert site.items() == []
    assert site.rows()[0]["reason"] == "labelled by walt, who may not write to the repository"
