"""`factory issues`: a factory that answers, and a person who wants to know what became of an issue and what it hides."""

import json
from typing import Any

from factory.cli.exits import Exit
from factory.paths import Paths
from factory.protocol.commands import AnyRequest, Query, Reply
from tests.unit.cli.answering import Answering, run

_ROW: dict[str, Any] = {
    "key": "github:acme/widgets#1", "item": "7k2m9p4x1c", "state": "accepted", "reason": "", "repo": "acme/widgets", "number": 1,
    "url": "http://x/1", "title": "Widgets are blue", "labelled_by": "wanda", "author": "rudi", "labels": ["bug"], "last_error": "",
    "item_status": "running", "item_reason": "", "pr_url": None, "age": 3.0,
}  # fmt: skip
_REFUSED = {
    **_ROW,
    "key": "github:acme/widgets#2",
    "item": "",
    "state": "refused",
    "reason": "labelled by rudi, who may not",
    "item_status": None,
}
_TEXTS = {
    "title": "Widgets are blue", "body": "Make them red. ", "raw_title": "Widgets are blue",
    "raw_body": "Make them red. <!-- hid -->\u200b", "digest": "d", "approved_title": "Widgets are blue",
    "approved_body": "Make them red. <!-- hid -->\u200b", "seen_title": "Widgets are blue", "seen_body": "Make them green.\x1b[2J",
}  # fmt: skip


def _list(_: AnyRequest) -> Reply:
    broken = {"repo": "acme/gone", "last_error": "GitHub has no repository acme/gone.", "error_since": 1_700_000_000.0, "looked_at": None}
    return Reply("ok", data={"issues": [_ROW, _REFUSED], "sources": [broken, {**broken, "repo": "acme/fine", "last_error": ""}]})


def _one(request: AnyRequest) -> Reply:
    assert isinstance(request, Query)
    return Reply("ok", data={"issue": {**_ROW, **_TEXTS} if request.target != "nothing" else {}})


def test_each_issue_is_listed_with_its_item_or_why_it_was_refused_and_what_cannot_be_looked_at(paths: Paths) -> None:
    """F46: shown with since when."""
    with Answering(paths, _list):
        done = run(paths, "issues")

    lines = done.stdout.splitlines()
    assert lines[1].split()[:3] == ["github:acme/widgets#1", "7k2m9p4x1c", "running"]
    assert lines[2].split()[:2] == ["github:acme/widgets#2", "refused"]
    assert "labelled by rudi, who may not" in lines[2]
    assert "acme/gone: error since" in done.stderr
    assert "acme/fine" not in done.stderr


def test_one_is_shown_as_agents_get_it_or_raw_and_with_what_was_changed(paths: Paths) -> None:
    """S3: raw and cleaned are shown."""
    with Answering(paths, _one):
        clean, raw = run(paths, "issues", "show", "acme/widgets#1"), run(paths, "issues", "show", "acme/widgets#1", "--raw")

    assert "hid" not in clean.stdout.partition("Changed since")[0]
    assert "Make them red. <!-- hid -->\\u200b" in raw.stdout
    for done in (clean, raw):
        assert "+Make them green.\\x1b[2J" in done.stdout
        assert "\x1b[2J" not in done.stdout
        assert "\u200b" not in done.stdout


def test_programs_get_it_with_a_schema(paths: Paths) -> None:
    with Answering(paths, _list):
        listed = json.loads(run(paths, "issues", "--json").stdout)
    with Answering(paths, _one):
        shown = json.loads(run(paths, "issues", "show", "x", "--json").stdout)

    assert (listed["schema"], len(listed["issues"]), shown["schema"], shown["issue"]["key"]) == (
        "factory.issues/1", 2, "factory.issue/1", _ROW["key"],
    )  # fmt: skip


def test_an_issue_that_nobody_saw_is_not_found(paths: Paths) -> None:
    with Answering(paths, _one):
        done = run(paths, "issues", "show", "nothing")

    assert (done.returncode, "there is no issue 'nothing'" in done.stderr) == (Exit.NOT_FOUND, True)
