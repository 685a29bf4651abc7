"""Waiting for real processes without depending on how fast they are."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Short enough that a test loses nothing by polling, long enough that polling costs a shared core nothing.
_INTERVAL_SECONDS = 0.02


def eventually(predicate: Callable[[], T | None], seconds: float = 60.0, what: str | Callable[[], str] = "") -> T:
    """Polls until the predicate is true and returns what it returned.

    Args:
        predicate: Looked at at least once, also when `seconds` is over already.
        seconds: The bound. Choose it for the slowest machine: it costs only where the test fails.
        what: Names what was waited for, or a function that tells the state at the end.

    Raises:
        AssertionError: The predicate was still false after the bound.
    """
    deadline = time.monotonic() + seconds
    while not (value := predicate()):
        if time.monotonic() >= deadline:
            described = what() if callable(what) else what
            msg = f"not within {seconds:g} s: {described or predicate}; last value: {value!r}"
            raise AssertionError(msg)
        time.sleep(_INTERVAL_SECONDS)
    return value
