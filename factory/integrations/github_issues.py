"""Issues of GitHub: the adapter of `issue_ports.IssueSource` over its API.

Two lists a repository, each asked for by the tag of the last answer, so that a look at which nothing changed costs nothing:

    labelled   open, with the label that asks, latest change first: whatever comes onto the list shows on its first page
    changed    everything since a time, where any issue is followed: closed, relabelled, edited and commented issues alike

What is not on a list is not gone: it may have left, or the list may be a copy that is seconds old. Only a history tells.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from factory.domain.issue import bounded, storable
from factory.domain.issue_known import Seen
from factory.domain.issue_trust import NOBODY, Happening, Person
from factory.holds import reached
from factory.integrations.github_calls import PER_PAGE, Answered, Calls, Line
from factory.integrations.github_edits import body_changed_at
from factory.issue_ports import Look, Mark, SeenIssue
from factory.ports import Clock

LOOK_ROUND_SECONDS = 3_600.0
"""After so long the labelled issues are listed in any case: what moved between two pages while they were read is seen then."""
PERMISSION_SECONDS = 60.0
"""For so long a permission is not asked for again: a thousand issues may have one labeller."""
_MOST_KEPT = 10_000
"""Answers that are not asked for again for a while."""
_MARGIN_SECONDS = 10.0
"""The forge's lists are copies that may be behind its clock."""
_MOST_CHANGED = PER_PAGE // 2
"""Changes after which the time from which they are listed moves on. Until then the list keeps its address, and so its tag."""

_MOST_PAGES = 10
"""Of changes, at one look; the next one goes on behind them."""


class GitHubIssues:
    """May be used by several threads."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls, self._clock = calls, clock
        self._rounds: dict[str, float] = {}
        self._answers: dict[tuple[str, ...], tuple[str, float]] = {}
        self._turn = threading.Lock()

    def look(self, repo: str, label: str, mark: Mark, *, follows: bool) -> Look:
        now = self._clock.monotonic()
        is_due = now - self._rounds.setdefault(repo, now) >= LOOK_ROUND_SECONDS
        known = Mark("", mark.since, mark.changed) if is_due else mark
        look = self._calls.ask(repo, lambda line: _look(line, repo, label, known, follows=follows))
        if is_due:
            self._rounds[repo] = now
        return look

    def history(self, repo: str, number: int) -> Sequence[Happening]:
        def read(line: Line) -> list[Happening]:
            return [_happening(one) for page in line.pages(f"/issues/{number}/timeline", {}) for one in page.data]

        return self._calls.ask(repo, read)

    def body_changed_at(self, repo: str, number: int, seen_at: float) -> float | None:
        return self._calls.ask(repo, lambda line: body_changed_at(line, repo, number, seen_at))

    def permission(self, repo: str, login: str) -> str:
        key = (repo.lower(), login.lower())
        return self._kept(key, PERMISSION_SECONDS, lambda: self._calls.ask(repo, lambda line: _permission(line, login)))

    def is_merged(self, repo: str, pull: int) -> bool:
        return self._calls.ask(repo, lambda line: bool(line.get(f"/pulls/{pull}").data["merged_at"]))

    def base_branch(self, repo: str) -> str:
        def read(line: Line) -> str:
            return str(line.get("").data["default_branch"])

        return self._kept((repo.lower(),), LOOK_ROUND_SECONDS, lambda: self._calls.ask(repo, read))

    def _kept(self, key: tuple[str, ...], seconds: float, ask: Callable[[], str]) -> str:
        # One thread at a time: two that miss it would both ask.
        with self._turn:
            known, until = self._answers.get(key, ("", 0.0))
            if known and self._clock.monotonic() < until:
                return known
            if len(self._answers) >= _MOST_KEPT:
                self._answers.clear()
            found = ask()
            self._answers[key] = (found, self._clock.monotonic() + seconds)
            return found

    def relabel(self, repo: str, number: int, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
        return self._calls.ask(repo, lambda line: _relabel(line, f"/issues/{number}/labels", add, remove))

    def take_off(self, repo: str, number: int, label: str) -> tuple[str, ...] | None:
        return self._calls.ask(repo, lambda line: _take_off(line, f"/issues/{number}/labels", label))

    def comment(self, repo: str, number: int, text: str, mark: str, *, look_first: bool) -> float:
        def write(line: Line) -> float:
            path = f"/issues/{number}/comments"
            there = _find_comment(line, path, mark) if look_first else None
            one = there or line.send("POST", path, {"body": f"{text}\n{mark}"}).data
            reached("issue-commented")
            return _seconds(one["created_at"])

        return self._calls.ask(repo, write)


def _look(line: Line, repo: str, label: str, mark: Mark, *, follows: bool) -> Look:
    found: dict[int, Seen] = {}
    query = {"state": "open", "labels": label, "sort": "updated", "direction": "desc"}
    first = _read(line, query, mark.asked, found)
    asked = first.headers.get("etag", "") or (mark.asked if first.is_unchanged else "")
    if not follows or not mark.since:
        # Taken before anything was seen: what changes from now on will be later.
        return Look(repo, _issues(found), Mark(asked, _date(first) - _MARGIN_SECONDS))
    listed: dict[int, Seen] = {}
    query = {"state": "all", "since": _text(mark.since), "sort": "updated", "direction": "asc"}
    page = _read(line, query, mark.changed, listed, most=_MOST_PAGES)
    changed = page.headers.get("etag", "") or (mark.changed if page.is_unchanged else "")
    # No further than the first page: while the others were read, entries may have moved from one to another unseen.
    last = max((_seconds(one["updated_at"]) for one in page.data or ()), default=mark.since)
    moves_on = len(page.data or ()) > _MOST_CHANGED and last > mark.since
    # The list of changes was read last, so where both have an issue it is the newer one.
    return Look(repo, _issues(found | listed), Mark(asked, last, "") if moves_on else Mark(asked, mark.since, changed))


def _read(line: Line, query: Mapping[str, str], tag: str, into: dict[int, Seen], *, most: int = 0) -> Answered:
    """Reads a list to its end, or so many pages, and returns the first page."""
    first, *others = line.pages("/issues", query, tag=tag, most=most)
    if not first.is_unchanged:
        for page in (first, *others):
            into |= {int(one["number"]): _seen(one) for one in page.data if "pull_request" not in one}
    return first


def _issues(found: Mapping[int, Seen]) -> tuple[SeenIssue, ...]:
    return tuple(SeenIssue(number, seen) for number, seen in found.items())


def _seen(one: Mapping[str, Any]) -> Seen:
    return Seen(
        bounded(str(one["title"]), str(one["body"] or "")), storable(str((one["user"] or {}).get("login", ""))),
        tuple(storable(str(label["name"])) for label in one["labels"]), one["state"] == "open", _seconds(one["updated_at"]),
        storable(str(one["html_url"])),
        int(one.get("comments") or 0),
    )  # fmt: skip


def _happening(one: Mapping[str, Any]) -> Happening:
    at = _seconds(one.get("created_at"))
    return Happening(
        str(one.get("event", "")), int(one.get("id") or 0), at, _person(one.get("actor") or one.get("user")),
        storable(str((one.get("label") or {}).get("name", ""))), storable(str(one.get("body") or "")), _seconds(one.get("updated_at")),
    )  # fmt: skip


def _person(one: Mapping[str, Any] | None) -> Person:
    return Person(storable(str(one["login"])), int(one["id"]), one.get("type") != "User") if one else NOBODY


def _permission(line: Line, login: str) -> str:
    # GitHub knows nobody of this name any more: then there is nobody who may do anything.
    answer = line.get(f"/collaborators/{quote(login, safe='')}/permission", allowed=(HTTPStatus.NOT_FOUND,))
    return str(answer.data["permission"]) if answer.data else "none"


def _relabel(line: Line, path: str, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    there = line.send("POST", path, {"labels": list(add)}) if add else None
    reached("issue-labelled")
    known = _names(there) if there else None
    for name in remove:
        known = _take_off(line, path, name)
    return _names(line.get(path, {"per_page": PER_PAGE})) if known is None else known


def _take_off(line: Line, path: str, name: str) -> tuple[str, ...] | None:
    # 404: somebody was faster.
    left = line.send("DELETE", f"{path}/{quote(name, safe='')}", allowed=(HTTPStatus.NOT_FOUND,))
    return None if left.data is None else _names(left)


def _names(answer: Answered) -> tuple[str, ...]:
    return tuple(storable(str(label["name"])) for label in answer.data)


def _find_comment(line: Line, path: str, mark: str) -> Mapping[str, Any] | None:
    comments = (one for page in line.pages(path, {}) for one in page.data)
    return next((one for one in comments if mark in (one.get("body") or "")), None)


def _seconds(text: object) -> float:
    return datetime.fromisoformat(str(text)).timestamp() if text else 0.0


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(answer: Answered) -> float:
    """When GitHub gave it, by its own clock."""
    return parsedate_to_datetime(answer.headers["date"]).timestamp()
