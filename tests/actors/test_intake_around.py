"""Intake when the forge, the queue or the network are not as they should be, when there is much to do, and when there is nothing."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors import inbox as inbox_desk
from factory.integrations.inbox_folder import InboxFolder
from factory.issue_ports import Mark
from factory.protocol.commands import Submit
from factory.standin.failures import Failure
from tests.actors.delivery_site import Killed
from tests.actors.intake_site import LABEL, POLL, Site, site_at
from tests.items import store
from tests.standin import StandIn

PROCESSING = f"{LABEL}-processing"
_NUMBERS = count(1)


@pytest.fixture
def site(standin, dsn) -> Iterator[Site]:
    with site_at(standin, dsn, (f"acme/gadgets{next(_NUMBERS)}",)) as site:
        yield site


def labelled(site: Site, title: str = "Widgets") -> int:
    number = site.writer.open_issue(title, "Do it.")
    site.writer.label(number, LABEL)
    return number


# -- the tracker ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Failure.ERROR_BEFORE, Failure.GARBAGE, Failure.HIDDEN, Failure.SHORT, Failure.UNAUTHORIZED])
def test_a_read_that_fails_or_is_short_is_never_the_end_of_anything(site: Site, failure: Failure) -> None:
    """F46: a read that fails; an empty or a short list."""
    numbers = [labelled(site) for _ in range(3)]
    site.settle()
    before = [(item["id"], item["status"]) for item in site.items()]
    site.standin.fails(("GET issues", failure, 4))

    for _ in range(3):
        site.writer.comment(numbers[0], "Anything new?")
        site.settle()

    site.standin.fails()
    assert [(item["id"], item["status"]) for item in site.items()] == before
    assert [site.writer.labels(number) for number in numbers] == [[PROCESSING]] * 3


def test_why_a_repository_cannot_be_looked_at_is_told_with_since_when_until_it_can(site: Site) -> None:
    """F46: shown with since when."""
    site.standin.fails(("GET issues", Failure.ERROR_BEFORE, 2))

    site.settle()
    first = _source(site)
    site.settle()
    assert "502" in first["last_error"]
    assert _source(site)["error_since"] == first["error_since"] is not None

    site.settle()
    assert (_source(site)["last_error"], _source(site)["error_since"]) == ("", None)


def _source(site: Site) -> dict[str, Any]:
    with site.databases[0].transaction() as cursor:
        (row,) = cursor.execute(b"SELECT * FROM issue_sources").fetchall()
    return row


LIMITS = [Failure.SECONDARY_LIMIT, Failure.PRIMARY_LIMIT, Failure.TOO_MANY]
ROUTES = ["GET issues", "GET timeline", "GET permission", "POST issue labels", "DELETE issue label", "POST comments"]


def _each(routes: list[str], failures: list[Failure]) -> list[Any]:
    """Every route with every failure: each route with one of them is part of `make test`, the others run with `make faults`."""
    fast = {(route, failures[number % len(failures)]) for number, route in enumerate(routes)}
    both = [(route, failure) for route in routes for failure in failures]
    return [pytest.param(*one, marks=() if one in fast else pytest.mark.faults) for one in both]


@pytest.mark.parametrize(("route", "failure"), _each(ROUTES, LIMITS))
def test_a_limit_is_waited_out_without_a_call_and_the_issue_goes_on_afterwards(site: Site, route: str, failure: Failure) -> None:
    """F43: no call before the time that was named; items are parked, not failed."""
    number = labelled(site)
    site.standin.fails((route, failure, 1, 120.0))
    site.settle()
    calls = _calls(site)

    site.advance(110.0 - POLL)
    site.settle()
    assert _calls(site) == calls

    site.standin.fails()
    site.advance(120.0)
    site.settle()
    assert (len(site.items()), site.writer.labels(number), site.said(number)) == (1, [PROCESSING], ["taken"])


def _calls(site: Site) -> int:
    """Of the factory: people have tokens of their own."""
    return len([entry for entry in site.standin.ledger("answer") if "ghp" not in str(entry.get("by"))])


LOST = [Failure.ERROR_AFTER, Failure.RESET_AFTER, Failure.CUT_AFTER, Failure.ERROR_BEFORE, Failure.UNAUTHORIZED]


@pytest.mark.parametrize(("route", "failure"), _each(["POST issue labels", "DELETE issue label", "POST comments"], LOST))
def test_an_answer_that_is_lost_leads_to_one_comment_and_the_right_labels(site: Site, route: str, failure: Failure) -> None:
    """F42: one comment after a lost answer."""
    number = labelled(site)
    site.standin.fails((route, failure, 1))

    for _ in range(2):
        site.settle()

    assert (len(site.items()), site.writer.labels(number), site.said(number)) == (1, [PROCESSING], ["taken"])


def test_a_queue_that_does_not_answer_hears_of_it_later_once(site: Site) -> None:
    labelled(site)
    site.queue.is_away = True
    for _ in range(3):
        site.actor.on_tick()
        site.advance(POLL)
    assert site.items() == []

    site.queue.is_away = False
    site.settle()

    assert [type(mail) for mail in site.queue.heard] == [Submit]


def test_without_a_repository_that_is_watched_issues_of_before_wait_and_harm_nobody(site: Site) -> None:
    number = labelled(site)
    site.settle()
    site.item_becomes(number, "completed")
    site.repos, repos = (), site.repos
    site.restart()
    site.actor._source = None

    site.turn()
    assert "no repository is watched any more" in site.rows()[0]["last_error"]

    site.repos = repos
    site.restart()
    site.advance(3_600.0)
    site.settle()
    assert site.said(number) == ["taken", "done"]


# -- much, and nothing ------------------------------------------------------------------------------------------------


def _many(standin: StandIn, dsn: str, repos: int, each: int) -> tuple[Counter[str], int]:
    """Takes issues in; what the calls were, and how many items came of them."""
    first = next(_NUMBERS) * 100
    with site_at(standin, dsn, tuple(f"acme/many{first + number}" for number in range(repos))) as site:
        for repo in site.repos:
            wanda = standin.person("wanda", repo)
            for number in range(each):
                wanda.open_issue(f"Issue {number}", "Do it.", LABEL)
        before = standin.counted()
        site.settle()
        used = standin.counted() - before
        return used, len(site.items())


def _holds(used: Counter[str], repos: int, issues: int) -> None:
    """One call a page of labelled issues, and for each issue what it needs once."""
    assert used["GET issues"] == repos
    assert (used["GET permission"], used["GET repo"]) == (repos, repos)
    for route in ("GET timeline", "POST issue labels", "DELETE issue label", "POST comments"):
        assert used[route] == issues
    assert used.total() == 3 * repos + 4 * issues


def test_many_issues_are_taken_in_by_one_call_a_page_and_none_twice(standin: StandIn, dsn: str) -> None:
    used, items = _many(standin, dsn, 3, 20)

    assert items == 60
    _holds(used, 3, 60)


@pytest.mark.slow
def test_a_thousand_issues_of_twenty_repositories_are_taken_in_by_one_call_a_page_and_none_twice(standin: StandIn, dsn: str) -> None:
    used, items = _many(standin, dsn, 20, 50)

    assert items == 1_000
    _holds(used, 20, 1_000)


def test_a_day_of_polling_twenty_idle_repositories_costs_less_than_1200_calls(standin: StandIn, dsn: str) -> None:
    first = next(_NUMBERS) * 100
    with site_at(standin, dsn, tuple(f"acme/idle{first + number}" for number in range(20))) as site:
        number = labelled(site)
        for _ in range(3):
            site.settle()
        before, polls = standin.counted().total(), standin.not_modified().total()

        # An hour, with one look in ten: those that find nothing cost nothing, and what comes once an hour comes 24 times a day.
        source, looks = site.traps["source"].port, 6
        marks: dict[str, Mark] = {repo: site.traps["store"].mark(repo) for repo in site.repos}
        follows = {repo: site.traps["store"].follows(repo) for repo in site.repos}
        for _ in range(looks):
            site.clock.advance(10 * POLL)
            for repo in site.repos:
                marks[repo] = source.look(repo, LABEL, marks[repo], follows=follows[repo]).mark

        used = standin.counted().total() - before
        assert standin.not_modified().total() - polls >= 20 * (looks - 1)
        assert 0 < 24 * used < 1_200
        assert (site.writer.labels(number), follows[site.repo]) == ([PROCESSING], True)


def test_with_a_clock_that_is_set_back_an_issue_that_was_put_off_is_due_as_soon_as_before(site: Site) -> None:
    labelled(site)
    site.settle()
    (issue,) = site.rows()
    due, items = "not_before <= clock_timestamp()", store(site.databases[0])
    with items.round() as round_:
        now = round_.now()
        round_.mark(now - 7_000.0)

    site.traps["store"].later(issue["key"], 3_600.0, "502")
    assert not site.rows(due)
    with items.round() as round_:
        assert (round_.marked() or 0.0) >= now, "a clock that ran ahead shows"
        round_.shift(-3_600.0)

    assert site.rows(due)


# -- the inbox --------------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox_site(standin, dsn, tmp_path, monkeypatch) -> Iterator[tuple[Site, Path]]:
    monkeypatch.setattr(inbox_desk, "WAIT_SECONDS", 0.01)
    folder = tmp_path / "inbox"
    with site_at(standin, dsn, (f"acme/boxes{next(_NUMBERS)}",), InboxFolder(folder)) as site:
        yield site, folder


def test_a_file_becomes_an_item_and_one_that_cannot_is_refused_with_a_sentence(inbox_site: tuple[Site, Path]) -> None:
    site, folder = inbox_site
    (folder / "fix.md").write_text("---\nrepo: /srv/a.git\npriority: critical\nengine: codex\nneeds: gpu\n---\n# Fix it\n\nNow.\n")
    (folder / "bad.md").write_text("---\nrepo: /srv/a.git\npriority: soon\n---\nx")

    site.until(lambda: len(list((folder / "done").iterdir())) == 2 and len(list((folder / "refused").iterdir())) == 2 and site.items())

    (item,) = site.items()
    assert (item["repo"], item["priority"], item["engine"], item["title"], item["condition"]) == (
        "/srv/a.git",
        0,
        "codex",
        "Fix it",
        "spec",
    )
    assert item["needs"] == ["gpu"]
    assert (folder / "done" / "fix.md.txt").read_text().startswith(f"Taken up as item {item['id']}:")
    assert "'soon' is no priority" in (folder / "refused" / "bad.md.txt").read_text()
    assert sorted(row["state"] for row in site.rows()) == ["accepted", "refused"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("port", "method"), [("store", "add"), ("mailbox", "ask"), ("inbox", "file_away"), ("store", "done")])
def test_killed_at_any_step_a_file_is_one_item(inbox_site: tuple[Site, Path], port: str, method: str, after: bool) -> None:
    site, folder = inbox_site
    assert isinstance(site.inbox, InboxFolder)
    trap = site.trap_inbox() if port == "inbox" else site.traps[port]
    trap.set(method, after=after)
    (folder / "fix.md").write_text("---\nrepo: /srv/a.git\n---\n# Fix it\n")

    while trap.method:
        try:
            site.turn()
        except Killed:
            site.restart()
    site.until(lambda: site.items() and (folder / "done" / "fix.md").exists() and (folder / "done" / "fix.md.txt").exists())

    assert (len(site.items()), (folder / "fix.md").exists()) == (1, False)


def test_the_same_file_dropped_later_is_another_item(inbox_site: tuple[Site, Path]) -> None:
    site, folder = inbox_site
    for number in (1, 2):
        (folder / "fix.md").write_text("---\nrepo: /srv/a.git\n---\n# Fix it\n")
        site.until(lambda wanted=number: len(site.items()) == wanted and not (folder / "fix.md").exists())  # type: ignore[misc] # bound now


def test_a_file_whose_name_is_no_text_becomes_an_item(inbox_site: tuple[Site, Path]) -> None:
    site, folder = inbox_site
    (folder / os.fsdecode(b"caf\xe9.md")).write_text("---\nrepo: acme/widgets\n---\nMake it blue.")

    site.until(lambda: len(site.items()) == 1)

    assert site.rows()[0]["seen_title"] == "caf"


def test_while_taking_in_is_paused_files_stay_where_they_are(inbox_site: tuple[Site, Path]) -> None:
    site, folder = inbox_site
    with site.databases[0].transaction() as cursor:
        cursor.execute(b'INSERT INTO limits (name, value) VALUES (\'pause\', \'{"intake": {"by": "me"}}\')')
    (folder / "fix.md").write_text("---\nrepo: /srv/a.git\n---\n# Fix it\n")
    for _ in range(5):
        site.turn()
    assert (site.rows(), (folder / "fix.md").exists()) == ([], True)

    with site.databases[0].transaction() as cursor:
        cursor.execute(b"DELETE FROM limits WHERE name = 'pause'")
    site.until(site.items)
