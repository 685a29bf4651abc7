"""Failures by script: which route fails, how, and how often. Each that took effect is told to the ledger."""

import threading
from dataclasses import dataclass
from enum import StrEnum

EVERY = "*"
"""The route of a rule that is about every call of the API; git's own are named each."""


class Failure(StrEnum):
    """`*_AFTER`: what was asked is done, and its answer is lost. `*_BEFORE`: nothing is done."""

    ERROR_BEFORE = "502 before"
    ERROR_AFTER = "502 after"
    RESET_BEFORE = "reset before"
    RESET_AFTER = "reset after"
    TIMEOUT_BEFORE = "timeout before"
    TIMEOUT_AFTER = "timeout after"
    CUT_AFTER = "cut after"
    """Half of the answer, then a reset."""
    SLOW = "slow"
    GARBAGE = "garbage"
    """A page of something that is not GitHub, with status 200."""
    HIDDEN = "hidden"
    """A list that does not show what was made a moment ago."""
    SHORT = "short"
    """A list of which half is missing, and that names no further page."""
    UNDECIDED = "undecided"
    """A pull request of which GitHub has not found out yet whether it can be merged."""
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    UNPROCESSABLE = "422"
    SECONDARY_LIMIT = "403 secondary"
    PRIMARY_LIMIT = "403 primary"
    TOO_MANY = "429"

    @property
    def has_effect(self) -> bool:
        """Whether what was asked is done all the same."""
        return self in _WITH_EFFECT


_WITH_EFFECT = frozenset({
    Failure.ERROR_AFTER, Failure.RESET_AFTER, Failure.TIMEOUT_AFTER, Failure.CUT_AFTER, Failure.SLOW, Failure.HIDDEN, Failure.SHORT,
    Failure.UNDECIDED,
})  # fmt: skip


@dataclass(slots=True)
class Rule:
    """One failure.

    Attributes:
        route: `METHOD what` as `routes.name_of` says it, or `EVERY`.
        times: how often; -1 for ever.
        seconds: of a wait, or of Retry-After.
        after: so many calls of the route pass first.
    """

    route: str
    failure: Failure
    times: int = 1
    seconds: float = 0.0
    after: int = 0

    def is_about(self, route: str) -> bool:
        return self.route == route or (self.route == EVERY and "git-" not in route)


class Script:
    """The rules that are left, first come first served."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._turn = threading.Lock()

    def replace(self, rules: list[Rule]) -> None:
        with self._turn:
            self._rules = rules

    def next(self, route: str) -> Rule | None:
        with self._turn:
            for rule in self._rules:
                if rule.times == 0 or not rule.is_about(route):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                rule.times -= 1
                return rule
        return None
