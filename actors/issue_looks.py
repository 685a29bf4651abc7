"""When each repository is looked at for issues, and what became of a look: written down, or tried again later."""

import logging
import math
import random
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, TypeVar

from actors.background import Background
from actors.forge_holds import ForgeHolds
from factory.domain.backoff import BackoffPolicy
from factory.errors import Refused, Retryable
from factory.holds import reached
from factory.issue_ports import IssueSource, IssueStore, Look
from factory.ports import Clock

log = logging.getLogger(__name__)

REFUSED_SECONDS = 300.0
"""After so long what a forge refused is tried again: a person may have changed something there."""


class Looking(NamedTuple):
    """Key of a background job: a look at a repository."""

    repo: str


T = TypeVar("T")


class Durably(Protocol):
    """Carries out a job of the store, again and again until it is there (see `durable`)."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class LookTerms:
    """What the operator set.

    Attributes:
        repos: `owner/name` of those that are watched.
        label: that an issue must have.
        poll_interval: seconds between two looks at one of them.
    """

    repos: tuple[str, ...]
    label: str
    poll_interval: float
    backoff: BackoffPolicy


def distance(backoff: BackoffPolicy, dice: random.Random, tries: int, error: Exception) -> float:
    """Seconds until what failed so, after so many tries before it, is tried again."""
    at_least = error.retry_after if isinstance(error, Retryable) else REFUSED_SECONDS if isinstance(error, Refused) else 0.0
    return at_least + backoff.delay(tries, dice.random())


class Looks:
    """At most one look at each repository is under way.

    Args:
        holds: for how long the forge is left alone.
    """

    def __init__(
        self, terms: LookTerms, source: IssueSource, store: IssueStore, background: Background, holds: ForgeHolds,
        *, clock: Clock, dice: random.Random, durably: Durably,
    ) -> None:  # fmt: skip
        self._terms, self._source, self._store, self._background, self._holds = terms, source, store, background, holds
        self._clock, self._dice, self._durably = clock, dice, durably
        self._at = dict.fromkeys(terms.repos, clock.monotonic())
        # Hints do not have it looked at sooner than the failure before allows.
        self._soonest = dict(self._at)
        self._failures = dict.fromkeys(self._at, 0)
        self._hinted: set[str] = set()
        self.under_way: set[str] = set()

    def hinted(self, repos: AbstractSet[str]) -> None:
        """Something may have happened in these, by their names in small letters: they are looked at as soon as may be."""
        now = self._clock.monotonic()
        for name in (name for name in self._at if name.lower() in repos):
            self._hinted.add(name)
            self._at[name] = max(now, self._soonest[name])

    def begin(self) -> None:
        """Begins the looks that are due."""
        for repo, at in self._at.items():
            if repo not in self.under_way and self._clock.monotonic() >= at and not self._holds.left(repo):
                mark, follows = self._durably(partial(self._store.mark, repo)), self._durably(partial(self._store.follows, repo))
                job = partial(self._source.look, repo, self._terms.label, mark, follows=follows)
                if self._background.submit(Looking(repo), job):
                    self.under_way.add(repo)
                    self._at[repo] = math.inf

    def came_back(self, repo: str, result: Look | Exception) -> None:
        """A look is over."""
        self.under_way.discard(repo)
        if not isinstance(result, Look):
            self._failed(repo, result)
            return
        self._holds.went_well(repo)
        self._durably(lambda: self._store.looked(result))
        reached("issues-seen")
        self._failures[repo] = 0
        # Told of something meanwhile, what was read may be older than that: it is looked at again.
        if self._at[repo] == math.inf:
            self._hinted.discard(repo)
            self._at[repo] = self._clock.monotonic() + self._terms.poll_interval

    def _failed(self, repo: str, error: Exception) -> None:
        log.warning("issues of %s cannot be looked at: %s", repo, error)
        self._holds.failed(repo, error, self._dice.random())
        self._durably(lambda: self._store.failed(repo, str(error)))
        rest = distance(self._terms.backoff, self._dice, self._failures[repo], error)
        self._failures[repo] += 1
        self._soonest[repo] = self._clock.monotonic() + rest
        # What it was told of is there to be seen as soon as the forge answers.
        wait = rest if repo in self._hinted else max(rest, self._terms.poll_interval)
        self._at[repo] = self._clock.monotonic() + wait
