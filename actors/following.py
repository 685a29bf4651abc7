"""Following: looks at the pull requests of items in review, and says what becomes of them.

Of those whose items are reworked, or were given up, it says only how they end.

    due ─► look (background) ─► decide ─► note ─► tell the queue

Between any two of these the process may be killed: the item is still where it was then, and looked at again. A part of delivery,
in whose turns it runs.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, assert_never

from actors.background import Background
from actors.durable import Durably
from factory.delivery_ports import FollowStore, Look, PullRequestReader, ReworkOrder, Tracked
from factory.domain import follow, rework
from factory.domain.follow import HandsOff, Merge, Ours, Over, Rework, Seen, Wait
from factory.domain.ids import Commit
from factory.errors import ActorUnavailable, FactoryError, Refused, Retryable
from factory.holds import reached
from factory.ports import Mailbox
from factory.protocol.follow_mail import LookAt
from factory.protocol.issue_mail import Followed
from factory.protocol.mailbox import Ok

log = logging.getLogger(__name__)

ASK_SECONDS = 5.0
MOST_QUIET_SECONDS = 600.0
"""Between two looks at a pull request at which nothing happens; a webhook makes it quicker."""
_GROWTH = 1.5
_MOST_GROWTHS = 40
"""Far beyond any interval that is worth waiting for, and no number too large to be one."""
_TAKEN_BACK = "somebody else had pushed to the branch and took it back; see that everything in this spec holds"
_MOST_SHOWN = 50
"""Checks and reviews that are kept for people to see."""


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """What the operator may set.

    Attributes:
        every: seconds between two looks at a pull request at which things happen; longer while nothing does, up to `most`.
        merge: how the factory merges what a person approved and all checks passed on; empty: it does not.
    """

    every: float = 30.0
    most: float = MOST_QUIET_SECONDS
    merge: Literal["", "merge", "squash", "rebase"] = ""

    def delay(self, unchanged: int) -> float:
        """Seconds until the next look after so many that found nothing new."""
        return min(self.most, self.every * _GROWTH ** min(unchanged, _MOST_GROWTHS))


class Looking(NamedTuple):
    """Key of the background job that reads a pull request."""

    tracked: Tracked


class Merging(NamedTuple):
    """Key of the one that merges it."""

    tracked: Tracked
    delay: float


class Following:
    """One look at a time: calls go out one after another, and each that waits would keep a thread from fetches and pushes."""

    def __init__(
        self,
        reader: PullRequestReader,
        store: FollowStore,
        background: Background,
        mailbox: Mailbox,
        *,
        settings: FollowSettings,
        durably: Durably[Any],
    ) -> None:
        self._reader, self._store = reader, store
        self._background, self._mailbox = background, mailbox
        self._settings, self._durably = settings, durably
        self._busy = False
        self._told: set[LookAt] = set()

    def look(self) -> None:
        """Begins with the one whose time it is, if none is being looked at."""
        if self._busy:
            return
        for tracked in self._durably(lambda: self._store.due(1)):
            job = partial(self._reader.look, tracked.repo, tracked.number, tracked.review)
            self._busy = self._background.submit(Looking(tracked), job)

    def hint(self, mail: LookAt) -> None:
        """Somebody was told that there is something new."""
        self._durably(lambda: self._store.hint(mail.repo, mail.number))
        if self._busy:
            # The one that is being looked at may have been read before this happened, and its end puts the next look off.
            self._told.add(mail)
        self.look()

    def rework_of(self, item: str) -> ReworkOrder | None:
        """What the attempt of this item is for."""
        order: ReworkOrder | None = self._durably(lambda: self._store.rework_of(item))
        return order

    def came_back(self, key: Looking | Merging, result: object) -> None:
        """A job of the background has ended."""
        self._busy = False
        if isinstance(result, Exception):
            self._failed(key, result)
        elif isinstance(key, Looking) and isinstance(result, Seen):
            self._seen(key.tracked, result)
        else:
            # What the forge makes of it is seen at the next look, which needs not wait.
            self._durably(lambda: self._store.hint(key.tracked.repo, key.tracked.number))
        told, self._told = self._told, set()
        for mail in told:
            self._durably(partial(self._store.hint, mail.repo, mail.number))
        self.look()

    def _failed(self, key: Looking | Merging, error: Exception) -> None:
        if not isinstance(error, FactoryError | OSError):
            raise error
        least = error.retry_after if isinstance(error, Retryable) else 0.0
        usual = key.delay if isinstance(key, Merging) else self._settings.most if isinstance(error, Refused) else self._settings.every
        log.warning("%s could not be %s: %s", key.tracked.url, "merged" if isinstance(key, Merging) else "looked at", error)
        self._again(key.tracked, str(error), max(least, usual))

    def _again(self, tracked: Tracked, sentence: str, delay: float) -> None:
        self._durably(lambda: self._store.failed(tracked.item, sentence, delay))

    # -- what was read ------------------------------------------------------------------------------------------------

    def _seen(self, tracked: Tracked, seen: Seen) -> None:
        reached("pull_request_read")
        shown = _shown(seen)
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
        unchanged = tracked.unchanged + 1 if digest == tracked.digest else 0
        earlier = tuple(head for head in tracked.heads if head != tracked.head)
        ours = Ours(tracked.url, tracked.base_branch, tracked.head, earlier, tracked.review, unchanged)
        following = follow.decide(seen, ours, auto_merge=bool(self._settings.merge) and not tracked.only_watched)
        delay = self._settings.delay(unchanged)
        self._durably(lambda: self._store.looked(tracked.item, Look(_sentence(following), digest, unchanged, delay, shown)))
        self._carry_out(tracked, following, delay)

    def _carry_out(self, tracked: Tracked, following: follow.Next, delay: float) -> None:
        match following:
            case Wait():
                pass
            case Over(what, sentence):
                self._tell(tracked, what, sentence)
            case _ if tracked.only_watched:
                pass
            case HandsOff(sentence):
                # Whoever has it tried again without taking their commit back is told so by that attempt, before it begins.
                self._order(tracked, Rework((_TAKEN_BACK,), (), tracked.review))
                self._tell(tracked, "hands_off", sentence)
            case Rework():
                evidence = self._order(tracked, following)
                reached("rework_ordered")
                self._tell(tracked, "rework", following.sentence, evidence)
            case Merge(head):
                self._merge(tracked, head, delay)
            case _:
                assert_never(following)

    def _order(self, tracked: Tracked, following: Rework) -> str:
        """Notes what the next attempt is for, before the queue is told: whoever claims the item asks for it."""
        evidence = rework.evidence(tracked.url, following.pieces)
        order = ReworkOrder("", tracked.head, (), following.reasons, evidence, following.conflicts)
        self._durably(lambda: self._store.order_rework(tracked.item, tracked.head, order, following.review))
        return evidence

    def _merge(self, tracked: Tracked, head: Commit, delay: float) -> None:
        job = partial(self._reader.merge, tracked.repo, tracked.number, head, self._settings.merge)
        self._busy = self._background.submit(Merging(tracked, delay), job)

    def _tell(self, tracked: Tracked, what: Literal["merged", "closed", "rework", "hands_off"], sentence: str, evidence: str = "") -> None:
        word = Followed(tracked.item, tracked.epoch, what, sentence, evidence, tracked.head)
        try:
            answer = self._mailbox.ask("queue", word, ASK_SECONDS)
        except ActorUnavailable as error:
            self._again(tracked, str(error), ASK_SECONDS)
            return
        if isinstance(answer, Ok):
            log.info("%s: %s", tracked.item, sentence)
        else:
            self._again(tracked, f"The queue answered {answer!r}.", self._settings.every)


def _sentence(following: follow.Next) -> str:
    return f"It is merged at {following.head[:12]}." if isinstance(following, Merge) else following.sentence


def _shown(seen: Seen) -> Mapping[str, Any]:
    """For people: nothing of what others wrote but names."""
    checks = [{"name": check.name, "state": check.state, "conclusion": check.conclusion} for check in seen.checks]
    reviews = [
        {"author": one.author, "verdict": one.verdict, "commit": one.commit, "may_write": one.may_write, "number": one.number}
        for one in seen.reviews
    ]
    return {
        "state": seen.state, "head": seen.head, "mergeable": seen.mergeable, "checks": checks[:_MOST_SHOWN],
        "reviews": reviews[:_MOST_SHOWN], "labels": list(seen.labels[:_MOST_SHOWN]), "unread": list(seen.unread),
    }  # fmt: skip
