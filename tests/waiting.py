"""Waiting for real processes without depending on how fast they are."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Short enough that a test loses nothing by polling. A look at a real factory costs it and us ten milliseconds of a shared core, so that
# whoever waits longer looks less often: what takes two seconds is seen a tenth of one late at most.
_SHORTEST_SECONDS = 0.02
_LONGEST_SECONDS = 0.1
_OF_WHAT_PASSED = 0.05


def eventually(predicate: Callable[[], T | None], seconds: float = 60.0, what: str | Callable[[], str] = "") -> T:
    """Polls until the predicate is true and returns what it returned.

    Args:
        predicate: Looked at at least once, also when `seconds` is over already.
        seconds: The bound. Choose it for the slowest machine: it costs only where the test fails.
        what: Names what was waited for, or a function that tells the state at the end.

    Raises:
        AssertionError: The predicate was still false after the bound.
    """
    began = time.monotonic()
    while not (value := predicate()):
        passed = time.monotonic() - began
        if passed >= seconds:
            described = what() if callable(what) else what
            msg = f"not within {seconds:g} s: {described or predicate}; last value: {value!r}"
            raise AssertionError(msg)
        time.sleep(min(max(_SHORTEST_SECONDS, passed * _OF_WHAT_PASSED), _LONGEST_SECONDS))
    return value
