"""Intake is told that there is something new: by webhooks and by mail, also while it cannot look."""

import select
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from factory.domain.backoff import BackoffPolicy
from factory.domain.webhook import Hint
from factory.protocol.follow_mail import LookAt
from factory.protocol.intake_mail import IssuesChanged
from factory.standin.failures import Failure
from factory.storage.webhooks import WebhookStore
from tests.actors.intake_site import LABEL, POLL, Site, site_at

BACKOFF = 8.0
_NUMBERS = count(1)


@pytest.fixture
def site(standin, dsn) -> Iterator[Site]:
    with site_at(standin, dsn, (f"acme/hints{next(_NUMBERS)}",)) as site:
        yield site


def labelled(site: Site) -> None:
    number = site.writer.open_issue("Widgets", "Do it.")
    site.writer.label(number, LABEL)


def _source(site: Site) -> dict[str, Any]:
    with site.databases[0].transaction() as cursor:
        (row,) = cursor.execute(b"SELECT * FROM issue_sources").fetchall()
    return row


def test_a_hint_has_it_looked_at_now_and_is_told_of_once(site: Site) -> None:
    site.settle()
    labelled(site)
    site.turn()
    assert site.items() == []
    hooks = WebhookStore(site.databases[0])
    hooks.take("delivery-1", "issues", Hint("issues", "labeled", site.repo, 1))
    hooks.take("delivery-2", "pull_request", Hint("pull_request", "closed", site.repo, 2))

    site.until(site.items)

    assert list(hooks.open()) == []
    # Whoever follows pull requests is told of theirs.
    assert ("delivery", LookAt(site.repo, 2)) in site.queue.told


def test_mail_has_it_looked_at_now(site: Site) -> None:
    site.settle()
    labelled(site)

    site.actor.on_mail(IssuesChanged(site.repo.upper()))
    site.until(site.items)


def test_a_hint_that_comes_during_a_look_has_it_looked_at_again(site: Site) -> None:
    site.settle()
    site.advance(POLL)
    site.actor.on_tick()
    select.select([site.background.pollable()], [], [], 20)
    # The look has been answered, and is not yet heard of.
    labelled(site)
    site.actor.on_mail(IssuesChanged(site.repo))

    site.until(site.items)


def _after_a_failed_look(site: Site) -> None:
    """There is something new, and the look that would have shown it failed."""
    site.settings = replace(site.settings, backoff=BackoffPolicy(BACKOFF, BACKOFF))
    site.restart()
    site.settle()
    labelled(site)
    site.standin.fails(("GET issues", Failure.ERROR_BEFORE, 1))
    site.advance(POLL)
    site.turn()
    assert "502" in _source(site)["last_error"]


def test_a_hint_after_a_failed_look_has_it_looked_at_as_soon_as_the_failure_allows_and_not_before(site: Site) -> None:
    _after_a_failed_look(site)

    site.actor.on_mail(IssuesChanged(site.repo))
    site.turn()
    assert "502" in _source(site)["last_error"]

    site.advance(BACKOFF)
    site.until(site.items)


def test_without_a_hint_a_failed_look_is_repeated_at_the_next_poll(site: Site) -> None:
    _after_a_failed_look(site)
    site.advance(BACKOFF)
    site.turn()
    assert site.items() == []

    site.advance(POLL - BACKOFF)
    site.until(site.items)


def test_a_hint_whose_look_fails_is_not_forgotten(site: Site) -> None:
    _after_a_failed_look(site)
    site.standin.fails(("GET issues", Failure.ERROR_BEFORE, 2))
    site.actor.on_mail(IssuesChanged(site.repo))

    waited = 0.0
    while not site.items():
        site.advance(BACKOFF)
        site.turn()
        waited += BACKOFF

    assert waited < POLL
