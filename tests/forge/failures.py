"""Failures by script: which route fails, how, and how often. Each that took effect is told to the ledger."""

import threading
from dataclasses import dataclass
from enum import StrEnum


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
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    SECONDARY_LIMIT = "403 secondary"
    PRIMARY_LIMIT = "403 primary"
    TOO_MANY = "429"

    @property
    def has_effect(self) -> bool:
        """Whether what was asked is done all the same."""
        return self in _WITH_EFFECT


_WITH_EFFECT = frozenset({Failure.ERROR_AFTER, Failure.RESET_AFTER, Failure.TIMEOUT_AFTER, Failure.CUT_AFTER, Failure.SLOW, Failure.HIDDEN})


@dataclass(slots=True)
class Rule:
    """Attributes: route: `METHOD what`, see `server.route_of`. seconds: of a wait, or of Retry-After. times: how often; -1 for ever."""

    route: str
    failure: Failure
    times: int = 1
    seconds: float = 0.0


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
                if rule.route == route and rule.times != 0:
                    rule.times -= 1
                    return rule
        return None
