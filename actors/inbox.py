"""Intake's desk for the inbox folder: a file that is whole becomes an issue, and is filed away with a sentence."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from actors.background import Background
from factory.domain.inbox_file import MAX_BYTES, Defaults, Wanted, read
from factory.domain.issue import IssueText, issue_item_id, issue_key, storable
from factory.domain.issue_known import Known, Seen, State
from factory.holds import reached
from factory.issue_ports import Dropped, Inbox, IssueStore

log = logging.getLogger(__name__)

WAIT_SECONDS = 2.0
"""For something to change in the folder; the background's thread is not to be had meanwhile."""

SOURCE = "inbox"


class Filing(NamedTuple):
    """A file, and what its author is told."""

    dropped: Dropped
    sentence: str
    taken: bool


class Waited(NamedTuple):
    """Key of the background job that watches the folder."""

    name: str = SOURCE


class InboxDesk:
    """At most one job is under way: it files away what was decided, waits for a change, and reads what is whole."""

    def __init__(self, inbox: Inbox, store: IssueStore, background: Background, defaults: Defaults) -> None:
        self._inbox, self._store, self._background, self._defaults = inbox, store, background, defaults
        self._filings: list[Filing] = []
        self._is_watching = False

    def look(self) -> None:
        if self._is_watching:
            return
        filings = tuple(self._filings)
        if self._background.submit(Waited(), partial(_watch, self._inbox, filings)):
            self._is_watching = True
            self._filings.clear()

    def came_back(self, result: Sequence[Dropped] | Exception, durably: Callable[[Callable[[], Filing | None]], Filing | None]) -> None:
        self._is_watching = False
        if isinstance(result, Exception):
            # What was to be filed is found in the folder again.
            log.warning("the inbox cannot be used now: %s", result)
            return
        for dropped in result:
            filing = durably(partial(self._take, dropped))
            if filing:
                log.info("%s: %s", storable(dropped.path.name), filing.sentence)
                self._filings.append(filing)
        reached("inbox-stored")

    def _take(self, dropped: Dropped) -> Filing | None:
        """Repeatable: a file that was stored and not filed away is the same issue. None while nothing new is taken in."""
        name = dropped.path.name
        too_long = f"The file has more than {MAX_BYTES:,} bytes." if dropped.size > MAX_BYTES else ""
        wanted = too_long or read(dropped.text, name, self._defaults)
        known = _known(dropped, wanted)
        stored = self._store.one(known.key)
        if stored is None:
            if self._store.paused():
                return None
            self._store.add(known)
        if isinstance(wanted, str):
            return Filing(dropped, wanted, taken=False)
        return Filing(dropped, f"Taken up as item {known.item}: `factory show {known.item}` says how it goes.", taken=True)


def _watch(inbox: Inbox, filings: Sequence[Filing]) -> Sequence[Dropped]:
    for filing in filings:
        inbox.file_away(filing.dropped, filing.sentence, taken=filing.taken)
        reached("inbox-filed")
    inbox.wait(WAIT_SECONDS)
    return inbox.files()


def _known(dropped: Dropped, wanted: Wanted | str) -> Known:
    name = storable(dropped.path.name)
    source_id = f"{name}@{dropped.stamp}"
    text = wanted.text if isinstance(wanted, Wanted) else IssueText(name, "")
    seen = Seen(text, "", (), is_open=True, updated_at=0.0)
    known = Known(issue_key(SOURCE, source_id), SOURCE, source_id, "", 0, seen, item=issue_item_id(SOURCE, source_id))
    if isinstance(wanted, str):
        return replace(known, state=State.REFUSED, reason=wanted)
    known = replace(known, state=State.ACCEPTED, text=text, approved=text, by="folder", repo=wanted.address, address=wanted.address)
    return replace(known, base_branch=wanted.base_branch, priority=int(wanted.priority), engine=wanted.engine, needs=wanted.needs)
