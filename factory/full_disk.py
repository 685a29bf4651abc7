"""A disk that is full: nobody did anything wrong, and room comes back, so it is a failure of a class of its own."""

import errno

from factory.errors import HostUnavailable, NoSpace

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: Exception) -> bool:
    """Whether this is what ended it."""
    return isinstance(error, NoSpace) or (isinstance(error, OSError) and error.errno in _FULL)


def unstored(what: str, error: OSError) -> HostUnavailable:
    """What a host raises where `what` (the beginning of a sentence) came of something that could not be written."""
    return NoSpace(f"{what}: the disk is full.") if is_full(error) else HostUnavailable(f"{what}: {error}.")
