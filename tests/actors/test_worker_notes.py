"""Notes of operators on their way to the agent: whatever is lost on it is said again."""

from pathlib import Path

import msgspec
import pytest

from factory.protocol.attempt_mail import Noted
from factory.protocol.worker import Hello, Notes, Ping
from tests.actors.worker_site import LEASE, WORK, Site

KNOWN = Hello("1.0", "boot", "idle", capabilities=("notes",))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, msgspec.structs.replace(WORK, notes=("use tabs",), noted=1)).launched()


def test_notes_are_said_with_each_beat_until_the_agent_has_them(site: Site) -> None:
    site.hears(KNOWN)
    for noted in (0, 0, 1, 1):
        site.hears(Ping("running", 1, 1, 1, noted=noted))

    assert site.said(Notes) == [Notes(1, ("use tabs",))] * 2


def test_a_new_note_is_said_at_once_and_an_old_one_not_again(site: Site) -> None:
    site.hears(KNOWN)
    site.actor.on_mail(Noted(LEASE, ("use tabs", "and spaces"), 2))
    site.actor.on_mail(Noted(LEASE, ("use tabs",), 1))

    assert site.said(Notes) == [Notes(2, ("use tabs", "and spaces"))]


def test_an_agent_that_does_not_know_notes_is_sent_none(site: Site) -> None:
    site.hears(Hello("1.0", "boot", "idle"))
    site.hears(Ping("running", 1, 1, 1))
    site.actor.on_mail(Noted(LEASE, ("a", "b"), 2))

    assert site.said(Notes) == []
