"""How the command line ends, and what each end is called by its exit code."""

from enum import IntEnum

from factory.errors import FactoryError, InvalidInput, NotFound, Refused, RepositoryUnavailable, Retryable


class Exit(IntEnum):
    """Exit codes; scripts rely on them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    TIMED_OUT = 6
    INTERRUPTED = 130
    PIPE = 141
    TERMINATED = 143


class TimedOut(FactoryError):
    """What was waited for did not come within the time that was given."""


_CODES: tuple[tuple[type[FactoryError], Exit], ...] = (
    (InvalidInput, Exit.USAGE),
    (NotFound, Exit.NOT_FOUND),
    (Refused, Exit.REFUSED),
    (RepositoryUnavailable, Exit.FAILED),
    (Retryable, Exit.UNREACHABLE),
    (TimedOut, Exit.TIMED_OUT),
)
"""The first that fits, so the narrower stand first."""


def code_of(error: FactoryError) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)
